// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Foundation
import Testing

private let settings = KMSSettings(
  provider: .aws, keyID: "arn:aws:kms:eu-central-1:111122223333:key/1", region: "eu-central-1", accessKeyID: "AKIA")

private let commands: [OperatorCommand] = [
  .createProject(name: ProjectName(checked: "p"), owners: ["a@example.org"]), .listProjects,
  .showProject(name: ProjectName(checked: "p")), .setKMS(project: ProjectName(checked: "p"), settings: settings),
  .showKMS(project: ProjectName(checked: "p")), .checkKMS(project: ProjectName(checked: "p")),
  .enrollNode(name: NodeName(checked: "n"), cluster: nil, publicKey: "k"),
  .enrollNode(name: NodeName(checked: "n"), cluster: ClusterName(checked: "c"), publicKey: "k"),
  .listNodes(cluster: nil),
  .showNode(name: NodeName(checked: "n")),
  .createCluster(name: ClusterName(checked: "c"), project: ProjectName(checked: "p"), nodes: [NodeName(checked: "n")]),
  .changeCluster(
    name: ClusterName(checked: "c"), change: ClusterChange(nodes: [NodeName(checked: "n")], clusterClass: .free),
    present: [], isDryRun: true),
  .listClusters, .showCluster(name: ClusterName(checked: "c")), .startCluster(name: ClusterName(checked: "c")),
  .shutdownCluster(name: ClusterName(checked: "c")), .restartCluster(name: ClusterName(checked: "c")),
  .encryptCluster(name: ClusterName(checked: "c")), .stepDown(cluster: ClusterName(checked: "c")),
  .keysTree(cluster: nil), .rotateKeys(cluster: ClusterName(checked: "c")), .listPlans(cluster: nil),
  .addAccess(
    project: ProjectName(checked: "p"), range: "192.0.2.0/24", comment: "c", hours: 8, anywhere: false),
  .removeAccess(project: ProjectName(checked: "p"), range: "192.0.2.0/24"),
  .dropAccessList(project: ProjectName(checked: "p")), .listAccess(project: ProjectName(checked: "p")),
  .showPlan(id: "3f"), .cancelPlan(id: "3f"), .showIPList, .listAlerts, .listPastAlerts,
  .tryAgain(cluster: ClusterName(checked: "c")),
  .setAlerts(project: ProjectName(checked: "p"), kmsNetworkAccessDenied: false),
  .setOwners(project: ProjectName(checked: "p"), owners: ["a@example.org"]), .showMail, .testMail(to: "a@example.org"),
  .revokeNode(name: NodeName(checked: "n")), .listOperators, .removeOperator(name: OperatorName(checked: "o")),
  .addOperator(name: OperatorName(checked: "o"), publicKey: "k", role: .orgOwner),
  .setOperatorRole(name: OperatorName(checked: "o"), role: .member),
  .addMember(project: ProjectName(checked: "p"), admin: OperatorName(checked: "o"), role: .projectOwner),
  .removeMember(project: ProjectName(checked: "p"), admin: OperatorName(checked: "o")),
  .listMembers(project: ProjectName(checked: "p")),
  .setMail(
    server: MailServer(
      host: "h", port: 587, encryption: .startTLS, user: "u", from: "a@b", certificateAuthorityPEM: "c")
  ),
]

@Suite("An operator's request and its answer survive the way there and back")
struct OperatorPayloadTests {
  private func decode(_ bytes: [UInt8]) throws -> (command: OperatorCommand, secret: Range<Int>) {
    try unsafe OperatorPayload.decodeCommand(bytes.span.bytes)
  }

  @Test("carries every command", arguments: commands)
  func command(_ command: OperatorCommand) throws {
    let (decoded, secret) = try decode(try OperatorPayload.encode(command))
    #expect(decoded == command)
    #expect(secret.isEmpty)
  }

  @Test("gives each command a name of its own, as it is typed")
  func names() {
    #expect(OperatorCommand.rotateKeys(cluster: ClusterName(checked: "c")).commandName == "keys rotate")
    #expect(Set(commands.map(\.commandName)).count == commands.count - 1)  // enrollNode stands in the list twice
  }

  @Test("keeps the secret out of the JSON and finds it behind")
  func secret() throws {
    let secret = Array("s3cr3t\"}".utf8)
    let bytes = try OperatorPayload.encode(.setKMS(project: ProjectName(checked: "p"), settings: settings)) + secret
    let (_, range) = try decode(bytes)
    #expect(Array(bytes[range]) == secret)
  }

  @Test("carries answers and failures")
  func answers() throws {
    let failure = OperatorFailure(.conflict, what: "a", why: "b", next: "c")
    #expect(try OperatorPayload.decodeAnswer(OperatorPayload.encode(.failure(failure))) == .failure(failure))
    let project = ProjectView(
      name: ProjectName(checked: "p"), owners: ["o"], createdAt: OperatorTime(milliseconds: 1_234), clusters: [],
      kms: nil)
    #expect(try OperatorPayload.decodeAnswer(OperatorPayload.encode(.projects([project]))) == .projects([project]))
  }

  @Test(
    "refuses what is none without harm",
    arguments: [[], [0], [0, 0, 0, 9, 1], [0, 0, 0, 0], [255, 255, 255, 255, 1], [0, 0, 0, 2, 0x7B, 0x7D]] as [[UInt8]])
  func garbage(_ bytes: [UInt8]) {
    #expect(throws: ModelError.self) { try decode(bytes) }
    #expect(throws: ModelError.self) { try OperatorPayload.decodeAnswer(bytes) }
  }

  @Test("refuses a secret beyond the limit")
  func largeSecret() throws {
    let bytes =
      try OperatorPayload.encode(.listProjects)
      + [UInt8](repeating: 1, count: OperatorPayload.maximumSecretLength + 1)
    #expect(throws: ModelError.self) { try decode(bytes) }
  }

  @Test("refuses names that the model refuses")
  func hostileName() {
    let json = Array(#"{"showCluster":{"name":"../etc"}}"#.utf8)
    #expect(throws: ModelError.self) {
      try decode([0, 0, 0, UInt8(json.count)] + json)
    }
  }

  @Test("has no place for the secret in what it shows of settings")
  func kmsView() throws {
    let view = KMSView(
      project: ProjectName(checked: "p"), settings: settings, settingsVersion: 3,
      lastCheck: CheckView(.revoked(.keyDisabled, detail: "d"), startedAtMilliseconds: 5))
    let keys = try JSONSerialization.jsonObject(with: JSONEncoder().encode(view)) as? [String: Any]
    #expect(
      Set(keys?.keys.map { $0 } ?? []) == [
        "project", "provider", "keyID", "region", "hasOwnAuthority", "credentials", "settingsVersion", "lastCheck",
      ])
    #expect(view.lastCheck?.verdict == "revoked" && view.lastCheck?.reason == "keyDisabled")
  }
}

@Suite("Operators' times are ISO 8601")
struct OperatorTimeTests {
  @Test(
    "writes and reads known moments",
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (951_782_399_999, "2000-02-28T23:59:59.999Z"),
      (951_782_400_000, "2000-02-29T00:00:00.000Z"), (1_795_328_583_250, "2026-11-22T06:23:03.250Z"),
      (-1, "1969-12-31T23:59:59.999Z"), (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ] as [(Int64, String)])
  func known(_ moment: (Int64, String)) {
    #expect(OperatorTime(milliseconds: moment.0).description == moment.1)
    #expect(OperatorTime(text: moment.1)?.milliseconds == moment.0)
  }

  @Test("does not trap at the ends of time")
  func ends() {
    #expect(OperatorTime(milliseconds: .max).description == "9999-12-31T23:59:59.999Z")
    #expect(OperatorTime(milliseconds: .min).description == "0000-01-01T00:00:00.000Z")
  }

  @Test(
    "refuses other texts", arguments: ["", "now", "2026-11-22", "2026-13-01T00:00:00.000Z", "2026-01-01T24:00:00.000Z"])
  func refused(_ text: String) { #expect(OperatorTime(text: text) == nil) }
}

@Suite("Progress tells rate and time left")
struct ProgressViewTests {
  private func progress(done: UInt64, total: UInt64, elapsed: Int64) -> ProgressView {
    let work = WorkReport(
      command: CommandID.random(), stage: "copying", documentsDone: done, documentsTotal: total, bytesDone: done * 10,
      startedAtMilliseconds: 1_000)
    return ProgressView(work, nowMilliseconds: 1_000 + elapsed)
  }

  @Test("works them out from the beginning of the job")
  func rates() {
    let view = progress(done: 500, total: 1_500, elapsed: 10_000)
    #expect(view.documentsPerSecond == 50 && view.bytesPerSecond == 500 && view.secondsLeft == 20)
    #expect(abs(view.fraction - 1.0 / 3) < 1e-9)
  }

  @Test("knows nothing at the beginning and with a clock that went back", arguments: [0, -5_000])
  func unknown(elapsed: Int64) {
    let view = progress(done: 0, total: 0, elapsed: elapsed)
    #expect(view.secondsLeft == nil && view.documentsPerSecond == 0 && view.fraction == 0)
  }

  @Test("counts what an earlier attempt has copied as done, but not as fast")
  func resumed() {
    let work = WorkReport(
      command: .random(), stage: "copying", documentsDone: 1_100, documentsTotal: 2_100, bytesDone: 11_000,
      startedAtMilliseconds: 1_000, bytesTotal: 21_000, documentsBefore: 1_000, bytesBefore: 10_000)
    let view = ProgressView(work, nowMilliseconds: 11_000)
    #expect(view.documentsPerSecond == 10 && view.bytesPerSecond == 100 && view.secondsLeft == 100)
  }

  @Test("does not take an unknown total for the end")
  func unknownTotal() {
    let view = progress(done: 7, total: 0, elapsed: 1_000)
    #expect(view.documentsTotal == 0 && view.fraction == 0 && view.secondsLeft == nil)
  }

  @Test("never shows more done than there is")
  func beyond() { #expect(progress(done: 7, total: 5, elapsed: 1_000).documentsTotal == 7) }
}
