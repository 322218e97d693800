// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Messages
import Secrets
import Testing
import Transport

@testable import CoordinatorRuntime

private let shop = ProjectName(checked: "shop")
private let orders = ClusterName(checked: "orders")

@Suite("Nodes get what they need, and nothing on an old link", .timeLimit(.minutes(10)))
struct NodeTests {
  /// A project with a key, and one enrolled node in a cluster.
  private func prepare(_ harness: CoordinatorHarness) async throws -> (OperatorClient, CurveIdentity) {
    let admin = try await harness.admin()
    let identity = try CurveIdentity.generate()
    _ = try await admin.ask(.createProject(name: shop, owners: []))
    _ = try await admin.ask(.setKMS(project: shop, settings: FakeKMS.settings), secret: "s3cr3t")
    _ = try await admin.ask(
      .enrollNode(name: NodeName(checked: "node-a"), cluster: orders, publicKey: identity.publicKey.text))
    _ = try await admin.ask(.createCluster(name: orders, project: shop, nodes: []))
    return (admin, identity)
  }

  @Test("sends a node that says hello its assignment with the secret, then the plan's command, under its epoch")
  func hello() async throws {
    try await CoordinatorHarness.run { harness in
      let (admin, identity) = try await prepare(harness)
      defer { admin.link.close() }
      let agent = try await FakeAgent("node-a", of: harness, identity: identity)
      defer { agent.link.close() }
      try agent.hello(agent.report(.awaitingSettings))
      let (welcome, epoch) = try await agent.next { envelope -> (Welcome, Epoch?)? in
        if case .welcome(let welcome) = envelope.body { (welcome, envelope.epoch) } else { nil }
      }
      #expect(epoch?.number == 1)
      #expect(welcome.assignment.cluster == orders && welcome.assignment.kms == FakeKMS.settings)
      #expect(welcome.kmsSecret?.withSecret { $0.unprotectedCopy() } == Array("s3cr3t".utf8))
      try agent.say(.heartbeat(agent.report(.empty) { $0.assignmentVersion = welcome.assignment.version }))
      let command = try await agent.next { envelope -> NodeCommand? in
        if case .command(let command) = envelope.body { command } else { nil }
      }
      #expect(command.action == .formShard(voters: [agent.node]))
      guard case .node(let view) = try await admin.ask(.showNode(name: agent.node)) else {
        throw OperatorTests.Failure()
      }
      #expect(view.connected && view.phase == "empty" && view.driverAddress == "127.0.0.1:27117")
    }
  }

  @Test("begins a later epoch when a node follows one beyond this coordinator's memory")
  func restoredCopy() async throws {
    try await CoordinatorHarness.run { harness in
      let (admin, identity) = try await prepare(harness)
      defer { admin.link.close() }
      let agent = try await FakeAgent("node-a", of: harness, identity: identity)
      defer { agent.link.close() }
      try agent.hello(agent.report(.awaitingSettings), highestEpoch: Epoch(number: 9, incarnation: 77))
      let epoch = try await agent.next { envelope -> Epoch? in
        if case .welcome = envelope.body { envelope.epoch } else { nil }
      }
      #expect(epoch.number == 10)
      #expect(try await admin.plans().count == 1)
      guard case .coordinator(let view) = try await admin.ask(.showCoordinator) else { throw OperatorTests.Failure() }
      #expect(view.state == "restored from an older copy" && view.epochSeen == 9)
      guard case .coordinator(let adopted) = try await admin.ask(.adopt(withoutMajority: false)) else {
        throw OperatorTests.Failure()
      }
      #expect(adopted.state == "running")
      guard case .audit(let page) = try await admin.ask(.readAudit(after: nil, limit: 10)) else {
        throw OperatorTests.Failure()
      }
      #expect(page.links.last?.entry.action == "coordinator adopt")
    }
  }

  @Test("gives the secret to one process of a node; a second one hears nothing of it")
  func secondProcess() async throws {
    try await CoordinatorHarness.run { harness in
      let (admin, identity) = try await prepare(harness)
      defer { admin.link.close() }
      let first = try await FakeAgent("node-a", of: harness, identity: identity)
      defer { first.link.close() }
      try first.hello(first.report(.awaitingSettings))
      _ = try await first.next { if case .welcome(let welcome) = $0.body { welcome } else { nil } }
      let second = try await FakeAgent("node-a", of: harness, identity: identity)
      defer { second.link.close() }
      try second.hello(second.report(.awaitingSettings))
      guard case .node(let waiting) = try await admin.ask(.showNode(name: first.node)) else {
        throw OperatorTests.Failure()
      }
      #expect(waiting.boot == first.boot)
      // Its hello comes on another link than the operator's word.
      while try await admin.refused(.approveNode(name: first.node)) != nil {}
      let welcome = try await second.next { if case .welcome(let welcome) = $0.body { welcome } else { nil } }
      #expect(welcome.kmsSecret != nil && welcome.assignment.notApprovedReason == nil)
      let refusal = try await first.next { envelope -> Welcome? in
        if case .welcome(let welcome) = envelope.body, welcome.assignment.notApprovedReason != nil {
          welcome
        } else {
          nil
        }
      }
      #expect(refusal.kmsSecret == nil && refusal.assignment.kms == nil)
    }
  }

  @Test("believes no epoch that would leave none above it")
  func absurdEpoch() async throws {
    try await CoordinatorHarness.run { harness in
      let (admin, identity) = try await prepare(harness)
      defer { admin.link.close() }
      let agent = try await FakeAgent("node-a", of: harness, identity: identity)
      defer { agent.link.close() }
      try agent.hello(agent.report(.awaitingSettings), highestEpoch: Epoch(number: .max, incarnation: 1))
      let epoch = try await agent.next { envelope -> Epoch? in
        if case .welcome = envelope.body { envelope.epoch } else { nil }
      }
      #expect(epoch.number == 1)
    }
  }

  @Test("does not hear a node that has not said hello on this link")
  func withoutHello() async throws {
    try await CoordinatorHarness.run { harness in
      let (admin, identity) = try await prepare(harness)
      defer { admin.link.close() }
      let agent = try await FakeAgent("node-a", of: harness, identity: identity)
      defer { agent.link.close() }
      try agent.say(.heartbeat(agent.report(.serving)))
      let code = try await agent.next { envelope -> Fault.Code? in
        if case .fault(let fault) = envelope.body { fault.code } else { nil }
      }
      #expect(code == .notReady)
      guard case .node(let view) = try await admin.ask(.showNode(name: agent.node)) else {
        throw OperatorTests.Failure()
      }
      #expect(view.phase == "not heard of")
    }
  }

  @Test("lets no node speak as an operator")
  func nodeAsOperator() async throws {
    try await CoordinatorHarness.run { harness in
      let (admin, identity) = try await prepare(harness)
      defer { admin.link.close() }
      let agent = try await FakeAgent("node-a", of: harness, identity: identity)
      defer { agent.link.close() }
      try agent.hello(agent.report(.awaitingSettings))
      let payload = try OperatorPayload.encode(.createProject(name: ProjectName(checked: "mine"), owners: []))
      await #expect(throws: TransportError.self) {
        _ = try await agent.link.call(
          Envelope(.operatorRequest(OperatorRequest(name: "x")), node: agent.node), payload: payload,
          within: .seconds(300))
      }
      #expect(try await admin.refused(.showProject(name: ProjectName(checked: "mine")))?.code == .notFound)
    }
  }

  @Test("shows the keys a node reports in parts, and drops a report with a part missing")
  func keys() async throws {
    try await CoordinatorHarness.run { harness in
      let (admin, identity) = try await prepare(harness)
      defer { admin.link.close() }
      let agent = try await FakeAgent("node-a", of: harness, identity: identity)
      defer { agent.link.close() }
      let generation = GenerationID.random()
      try agent.hello(
        agent.report(.serving) { $0.generation = GenerationReport(id: GenerationID.random(), encrypted: false) })
      try agent.say(
        .heartbeat(
          agent.report(.serving) { report in
            report.generation = GenerationReport(
              id: generation, encrypted: true, keystoreVersion: 1, masterKeyID: .random(), masterKeyCheckValue: "00ff",
              customerKeyID: FakeKMS.keyID, masterKeyCreatedAtMilliseconds: 5)
          }))
      let keys = (0..<3).map {
        KeyReport(id: KeyID.random(for: .database(DatabaseName(checked: "d\($0)"))), createdAtMilliseconds: 9)
      }
      func part(_ number: UInt32, last: Bool, _ keys: [KeyReport]) -> MessageBody {
        .keysReport(KeysReport(generation: generation, keystoreVersion: 1, part: number, last: last, keys: keys))
      }
      try agent.say(part(0, last: false, Array(keys[..<2])))
      try agent.say(part(1, last: true, Array(keys[2...])))
      try agent.say(part(0, last: false, []))
      try agent.say(part(2, last: true, []))
      // The link keeps its order, so what follows a call's answer was handled before it.
      _ = try? await agent.link.call(
        Envelope(.operatorReply(.init(status: 0)), node: agent.node), within: .seconds(300))
      guard case .keysTree(let tree) = try await admin.ask(.keysTree(cluster: orders)) else {
        throw OperatorTests.Failure()
      }
      #expect(tree.customerKeys.first?.masterKeys.first?.keys.map(\.scope) == ["d0", "d1", "d2"])
    }
  }
}
