// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import CoordinatorCore
import KeyManagement
import Messages
import Secrets
import Testing

@testable import CoordinatorRuntime
@testable import Transport

private let shop = ProjectName(checked: "shop")
private let orders = ClusterName(checked: "orders")

@Suite("Settings of a key that was replaced stay until no node needs them", .timeLimit(.minutes(10)))
struct KeyChangeTests {
  private struct Failure: Error {}

  private static var other: KMSSettings {
    var settings = FakeKMS.settings
    settings.keyID = "arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000002"
    return settings
  }

  /// An encrypted cluster of one node, whose project has been given another key.
  private static func change(_ harness: CoordinatorHarness, _ identity: CurveIdentity) async throws {
    let admin = try await harness.admin()
    defer { admin.link.close() }
    _ = try await admin.ask(.createProject(name: shop, owners: []))
    _ = try await admin.ask(.setKMS(project: shop, settings: FakeKMS.settings), secret: "old")
    _ = try await admin.ask(
      .enrollNode(name: NodeName(checked: "node-a"), cluster: orders, publicKey: identity.publicKey.text))
    _ = try await admin.ask(.createCluster(name: orders, project: shop, nodes: []))
    let agent = try await FakeAgent("node-a", of: harness, identity: identity)
    defer { agent.link.close() }
    try agent.hello(
      agent.report(.serving) { $0.generation = GenerationReport(id: GenerationID.random(), encrypted: false) })
    try agent.say(.heartbeat(ProofTests.encrypted(agent)))
    await ProofTests.settle(agent)

    harness.kms.fail(.keyDisabled)
    let refused = try await admin.refused(.setKMS(project: shop, settings: other), secret: "new")
    #expect(refused?.why.contains("revoked (keyDisabled)") == true)
    harness.kms.fail(nil)
    async let answer = admin.ask(.setKMS(project: shop, settings: other), secret: "new")
    let request = try await agent.next { envelope -> ProveSettings? in
      if case .proveSettings(let request) = envelope.body { request } else { nil }
    }
    #expect(request.settings == other)
    try agent.say(.settingsProof(SettingsProof(id: request.id, outcome: .proven)))
    guard case .kms(let view) = try await answer else { throw Failure() }
    #expect(view.keyID == other.keyID && view.formerKeys?.map(\.keyID) == [FakeKMS.keyID])
    let welcome = try await agent.next { envelope -> Welcome? in
      if case .welcome(let welcome) = envelope.body, welcome.assignment.settingsVersion == 2 { welcome } else { nil }
    }
    #expect(welcome.assignment.formerKMS == [FormerKMS(settings: FakeKMS.settings, settingsVersion: 1)])
    let former = welcome.formerSecrets.first?.secret
    #expect(former?.withSecret { $0.unprotectedCopy() } == Array("old".utf8))
    #expect(welcome.kmsSecret?.withSecret { $0.unprotectedCopy() } == Array("new".utf8))
  }

  /// The node reports that it has left the old key.
  private static func leave(_ harness: CoordinatorHarness, _ identity: CurveIdentity) async throws {
    let admin = try await harness.admin()
    defer { admin.link.close() }
    let agent = try await FakeAgent("node-a", of: harness, identity: identity)
    defer { agent.link.close() }
    var moved = ProofTests.encrypted(agent)
    moved.generation?.keystoreVersion = 2
    moved.generation?.customerKeyID = other.keyID
    // Another process than the one before has the node's place once that one was silent for long enough.
    harness.clock.pass(seconds: 11)
    try agent.hello(moved)
    let welcome = try await agent.next { envelope -> Welcome? in
      if case .welcome(let welcome) = envelope.body, welcome.assignment.settingsVersion == 2 { welcome } else { nil }
    }
    moved.assignmentVersion = welcome.assignment.version
    try agent.say(.heartbeat(moved))
    await ProofTests.settle(agent)
    guard case .keysNeeded(let ledger) = try await admin.ask(.keysNeeded) else { throw Failure() }
    #expect(ledger.keys.map(\.canBeDeleted) == [true, false])
    guard case .keyNeed = try await admin.ask(.retireKey(keyID: FakeKMS.keyID)) else { throw Failure() }
    #expect(try await admin.refused(.retireKey(keyID: other.keyID))?.code == .conflict)
  }

  @Test("with their secret sealed in the store, over a restart, and are removed by the report of the last node")
  func secrets() async throws {
    let identity = try CurveIdentity.generate()
    let kms = FakeKMS()
    try await CoordinatorHarness.withFolder { directory in
      try await CoordinatorHarness.run(directory: directory, kms: kms) { try await Self.change($0, identity) }
      do {
        let memory = try CoordinatorMemory(directory: directory)
        #expect(try memory.sealedSecret(of: shop, version: 1) != nil, "a node may still need it")
        #expect(try memory.sealedSecret(of: shop, version: 2) != nil)
      }
      try await CoordinatorHarness.run(directory: directory, kms: kms) { try await Self.leave($0, identity) }
      let memory = try CoordinatorMemory(directory: directory)
      #expect(try memory.sealedSecret(of: shop, version: 1) == nil, "no node needs it any more")
      #expect(try memory.sealedSecret(of: shop, version: 2) != nil)
    }
  }
}
