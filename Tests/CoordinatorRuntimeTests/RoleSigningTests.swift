// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import CoordinatorCore
import Foundation
import Messages
import Secrets
import Testing
import Transport

@testable import CoordinatorRuntime

private let shop = ProjectName(checked: "shop")
private let orders = ClusterName(checked: "orders")

@Suite("The access key of a role stays with the coordinator", .timeLimit(.minutes(10)))
struct RoleSigningTests {
  private struct Failure: Error {}
  private static let secret = "TheAccessKeyStaysHere"

  private static var role: KMSSettings {
    var settings = FakeKMS.settings
    settings.credentials = .awsRole(
      arn: "arn:aws:iam::111122223333:role/keyfold", externalID: "shop-7", accessKeyID: "AKIAROOT")
    return settings
  }

  /// A project under a role, and an agent that has just said hello, with the welcome it got.
  private static func withAgent(
    _ body: @escaping @Sendable (CoordinatorHarness, OperatorClient, FakeAgent, Welcome) async throws -> Void
  ) async throws {
    try await CoordinatorHarness.run { harness in
      let admin = try await harness.admin()
      defer { admin.link.close() }
      let identity = try CurveIdentity.generate()
      _ = try await admin.ask(.createProject(name: shop, owners: []))
      _ = try await admin.ask(.setKMS(project: shop, settings: role), secret: secret)
      _ = try await admin.ask(
        .enrollNode(name: NodeName(checked: "node-a"), cluster: orders, publicKey: identity.publicKey.text))
      _ = try await admin.ask(.createCluster(name: orders, project: shop, nodes: []))
      let agent = try await FakeAgent("node-a", of: harness, identity: identity)
      defer { agent.link.close() }
      try agent.hello(agent.report(.awaitingSettings))
      try await body(harness, admin, agent, try await Self.welcome(agent, version: 1))
    }
  }

  private static func welcome(_ agent: FakeAgent, version: UInt64) async throws -> Welcome {
    try await agent.next { envelope -> Welcome? in
      guard case .welcome(let welcome) = envelope.body, welcome.assignment.settingsVersion == version else {
        return nil
      }
      return welcome
    }
  }

  private static func ask(_ agent: FakeAgent, _ settings: SignRole.Settings, region: String = "eu-central-1")
    async throws -> RoleSignature.Outcome
  {
    let request = SignRole(id: .random(), settings: settings, region: region)
    try agent.say(.signRole(request))
    return try await agent.next { envelope -> RoleSignature.Outcome? in
      guard case .roleSignature(let signature) = envelope.body, signature.id == request.id, envelope.epoch != nil else {
        return nil
      }
      return signature.outcome
    }
  }

  private static func form(_ outcome: RoleSignature.Outcome) -> String? {
    guard case .signed(let form, let authorization, _) = outcome, authorization.count > 0 else { return nil }
    return form.removingPercentEncoding
  }

  @Test("a node is told its settings without the secret, and gets signatures for its own context")
  func signed() async throws {
    try await Self.withAgent { _, _, agent, welcome in
      #expect(welcome.assignment.kms == Self.role && welcome.kmsSecret == nil)
      let form = try #require(Self.form(try await Self.ask(agent, .version(1))))
      for part in [
        #""kms:EncryptionContext:keyfold:node":"node-a""#, #""kms:EncryptionContext:keyfold:cluster":"orders""#,
        #""kms:EncryptionContext:keyfold:project":"shop""#,
        #""kms:EncryptionContext:keyfold:purpose":"master-key""#, "RoleSessionName=keyfold-node-a", "ExternalId=shop-7",
        "DurationSeconds=3600",
      ] { #expect(form.contains(part), "\(part)") }
      #expect(!form.contains(Self.secret))
    }
  }

  @Test("versions and regions that are not the node's are not signed for")
  func declined() async throws {
    try await Self.withAgent { _, _, agent, _ in
      for (settings, region) in [
        (SignRole.Settings.version(2), "eu-central-1"), (.version(0), "eu-central-1"), (.version(1), "us-east-1"),
        (.proof(.random()), "eu-central-1"),
      ] {
        guard case .declined = try await Self.ask(agent, settings, region: region) else { throw Failure() }
      }
    }
  }

  @Test("a trial is signed for while it waits for the node, and for nobody afterwards")
  func trial() async throws {
    try await Self.withAgent { _, admin, agent, _ in
      try agent.hello(
        agent.report(.serving) { $0.generation = GenerationReport(id: GenerationID.random(), encrypted: false) })
      try agent.say(.heartbeat(ProofTests.encrypted(agent)))
      await ProofTests.settle(agent)
      var others = Self.role
      others.credentials = .awsRole(
        arn: "arn:aws:iam::111122223333:role/other", externalID: nil, accessKeyID: "AKIAOTHER")
      async let answer = admin.ask(.setKMS(project: shop, settings: others), secret: "new")
      let request = try await agent.next { envelope -> ProveSettings? in
        if case .proveSettings(let request) = envelope.body { request } else { nil }
      }
      #expect(request.secret == nil)
      let form = try #require(Self.form(try await Self.ask(agent, .proof(request.id))))
      #expect(form.contains("role/other") && form.contains("node-a"))
      guard case .declined = try await Self.ask(agent, .version(2)) else { throw Failure() }
      try agent.say(.settingsProof(SettingsProof(id: request.id, outcome: .proven)))
      guard case .kms(let view) = try await answer else { throw Failure() }
      #expect(view.settingsVersion == 2)
      guard case .declined = try await Self.ask(agent, .proof(request.id)) else { throw Failure() }
      #expect(Self.form(try await Self.ask(agent, .version(2)))?.contains("role/other") == true)
    }
  }

  @Test("secrets that nodes can't do without are given as before, and not signed for")
  func accessKey() async throws {
    try await Self.withAgent { _, admin, agent, _ in
      _ = try await admin.ask(.setKMS(project: shop, settings: FakeKMS.settings), secret: "plain")
      let welcome = try await Self.welcome(agent, version: 2)
      #expect(welcome.kmsSecret?.withSecret { $0.unprotectedCopy() } == Array("plain".utf8))
      guard case .declined = try await Self.ask(agent, .version(2)) else { throw Failure() }
    }
  }
}

@Suite("A thousand nodes that ask for a signature at once")
struct SigningPaceTests {
  private let nodes = (0..<1000).map { NodeName(checked: "node-\($0)") }
  private let start = Instant(milliseconds: 1_000_000)

  @Test("are spread, and each has its turn when it was told")
  func spread() {
    var pace = SigningPace()
    var waits: [NodeName: UInt64] = [:]
    for node in nodes { waits[node] = pace.take("role", by: node, now: start) }
    #expect(waits.count == 900 && waits.values.max() == 9000)
    for second in 0..<9 as Range<Int64> {
      let turns = waits.values.count { $0 > UInt64(second) * 1000 && $0 <= UInt64(second + 1) * 1000 }
      #expect(turns == 100, "in second \(second)")
    }
    for (node, wait) in waits {
      #expect(pace.take("role", by: node, now: start + .milliseconds(Int64(wait) - 1)) == 1)
      #expect(pace.take("role", by: node, now: start + .milliseconds(Int64(wait))) == nil)
    }
    #expect(pace.waiting == 0)
  }

  @Test("of another account wait for nobody, and a turn that is not taken is forgotten")
  func accounts() {
    var pace = SigningPace()
    for node in nodes { _ = pace.take("role", by: node, now: start) }
    #expect(pace.take("other", by: nodes[0], now: start) == nil)
    #expect(pace.take("role", by: nodes[0], now: start + .seconds(120)) == nil && pace.waiting == 0)
  }

  @Test("a clock that is set back keeps nobody waiting")
  func clockSetBack() {
    var pace = SigningPace()
    for node in nodes { _ = pace.take("role", by: node, now: start) }
    let earlier = Instant(milliseconds: 1000)
    #expect(pace.take("role", by: nodes[999], now: earlier).map { $0 <= 10_000 } ?? true)
  }
}
