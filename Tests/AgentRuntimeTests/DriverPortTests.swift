// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import DocumentServer
import Foundation
import Logging
import Messages
import Testing

@testable import AgentRuntime

@Suite("The door for drivers of a node whose data is closed", .timeLimit(.minutes(10)))
struct DriverPortTests {
  private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  /// What a KMS may say; operators read it, drivers don't.
  private static let detail =
    "keyDisabled: arn:aws:kms:eu-central-1:111122223333:key/one is disabled; request id 7 (user/keyfold-node-1)"

  private func assignment(_ cluster: String = "orders", disabled: String? = nil) -> NodeAssignment {
    NodeAssignment(
      version: 7, project: ProjectName(checked: "shop"), cluster: ClusterName(checked: cluster), members: [],
      kms: nil, settingsVersion: 1, running: true, disabledReason: disabled)
  }

  @Test("reports the configured address while the port is not bound, and why it is not")
  func unbound() async throws {
    let shell = try RequestRoomTests().makeShell()
    let engine = await shell.engine
    let server = DocumentServer(engine: engine, host: "192.0.2.77", port: 0, logger: Self.logger)
    await shell.use(server, tls: .disabled)
    await shell.bind(driverPort: nil, replicationPort: 7450)
    let before = await shell.nodeReport()
    #expect(before.driverAddress == "127.0.0.1:27117" && before.driverPort?.authentication == .unknown)
    #expect(before.driverPort?.waiting?.contains("once the data is open") == true)
    #expect(engine.replicaSetView().me == "127.0.0.1:27117")
    await shell.bind(driverPort: 27118, replicationPort: 7450)
    let after = await shell.nodeReport()
    #expect(after.driverAddress == "127.0.0.1:27118" && after.driverPort?.waiting == nil)
    await shell.shutDown()
  }

  @Test("names no host without a port as the node's own")
  func noAddress() throws {
    let engine = NodeEngine(node: NodeName(checked: "node-1"))
    let members = [
      MemberAddress(node: NodeName(checked: "node-1"), replicationAddress: "", driverAddress: "", publicKey: ""),
      MemberAddress(node: NodeName(checked: "node-2"), replicationAddress: "", driverAddress: "b:1", publicKey: ""),
    ]
    engine.updateMembers(
      NodeAssignment(
        version: 1, project: ProjectName(checked: "shop"), cluster: ClusterName(checked: "orders"), members: members,
        kms: nil, settingsVersion: 1, running: true, disabledReason: nil))
    #expect(engine.replicaSetView().hosts == ["b:1"])
    engine.bind(driverAddress: "a:1")
    #expect(engine.replicaSetView().hosts == ["a:1", "b:1"])
  }

  @Test(
    "tells drivers in a few words what the node is in, and nothing of what a KMS or a file said",
    arguments: [
      (.awaitingSettings, "coordinator"), (.empty, "no data"), (.awaitingKMS(reason: detail), "waits for its KMS"),
      (.opening, ""), (.disabled(reason: detail), "key is revoked; ask the operator"), (.stopped, "operator"),
      (.failed(reason: detail), "ask the operator"), (.notApproved(reason: detail), "approve"),
    ] as [(NodePhase, String)])
  func words(_ sample: (phase: NodePhase, word: String)) {
    let told = sample.phase.toldToDrivers ?? ""
    #expect(sample.word.isEmpty ? told.isEmpty : told.contains(sample.word))
    for secret in ["arn:", "1111", "request", "user/", "keyDisabled"] { #expect(!told.contains(secret)) }
  }

  @Test("hides from drivers what operators read of a lock-out")
  func lockedOut() async throws {
    var disk = DiskState()
    disk.generation = GenerationReport(id: .random(), encrypted: true, keystoreVersion: 1)
    let shell = try RequestRoomTests().makeShell(disk: disk)
    let engine = await shell.engine
    let welcome = Welcome(assignment: assignment(disabled: Self.detail), kmsSecret: nil, heartbeatMilliseconds: 1000)
    await shell.receive(Envelope(.welcome(welcome), epoch: Epoch(number: 1, incarnation: 7)))
    #expect(await shell.nodeReport().phase == .disabled(reason: Self.detail))
    #expect(await shell.phaseReason == Self.detail, "for the log")
    let error = await #expect(throws: EngineError.self) { try await engine.read { _ in } }
    #expect(error?.code == .unavailable)
    #expect(error?.description == "node node-1 is disabled: the customer's key is revoked; ask the operator")
    #expect(engine.state() == .unavailable(reason: error?.description ?? ""))
    await shell.shutDown()
  }

  // MARK: What is kept

  @Test("keeps that there are users through a kill, as long as the node is of the same cluster")
  func memo() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("keyfold-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func read() -> MembershipMemo? { MembershipMemo.read(from: folder, logger: Self.logger) }
    let first = MembershipMemo(assignment(), access: nil, showsUsers: false, before: nil)
    #expect(!first.hasUsers)
    let seen = MembershipMemo(assignment(), access: [try IPRange("203.0.113.0/24")], showsUsers: true, before: first)
    try MembershipMemo.write(seen, to: folder)
    #expect(read() == seen && seen.hasUsers)
    let closed = MembershipMemo(assignment(), access: nil, showsUsers: false, before: read())
    #expect(closed.hasUsers)
    #expect(!MembershipMemo(assignment("other"), access: nil, showsUsers: false, before: closed).hasUsers)
    try MembershipMemo.write(nil, to: folder)
    #expect(read() == nil)
    // As an agent of before wrote it.
    let old = try JSONEncoder().encode(seen.membership)
    try old.write(to: URL(fileURLWithPath: folder + "/" + MembershipMemo.fileName))
    #expect(read() == MembershipMemo(membership: seen.membership, hasUsers: false))
  }

  @Test("keeps of each member's process what is enough to know it again, and not what it says of itself")
  func processes() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("keyfold-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/" + MembershipMemo.fileName
    func contents() -> String {
      FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
    let (node, boot) = (NodeName(checked: "node-2"), BootID.random())
    var word = assignment()
    word.members = [
      MemberAddress(node: node, replicationAddress: "", driverAddress: "", publicKey: "", boot: boot)
    ]
    let memo = MembershipMemo(word, access: nil, showsUsers: false, before: nil)
    try MembershipMemo.write(memo, to: folder)
    #expect(MembershipMemo.read(from: folder, logger: Self.logger) == memo)
    #expect(
      memo.membership.boots?[node]?.matches(boot) == true && memo.membership.boots?[node]?.matches(.random()) == false)
    let (new, digest) = (contents(), try #require(memo.membership.boots?[node]?.text))
    #expect(!new.contains(boot.text) && new.contains(digest))
    // As an agent of before wrote it; the next word takes its place.
    let old = new.replacing("bootDigests", with: "boots").replacing(digest, with: boot.text)
    try Data(old.utf8).write(to: URL(fileURLWithPath: path))
    #expect(contents().contains(boot.text))
    let read = try #require(MembershipMemo.read(from: folder, logger: Self.logger))
    #expect(read == memo)
    try MembershipMemo.write(read, to: folder)
    #expect(contents() == new)
  }
}
