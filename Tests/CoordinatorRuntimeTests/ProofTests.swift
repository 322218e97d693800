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

@Suite("Settings of a key in use are proven by the reachable nodes too", .timeLimit(.minutes(10)))
struct ProofTests {
  private struct Failure: Error {}

  /// A cluster of one node that serves data under the project's key.
  static func withNode(
    owners: [String] = [],
    _ body: @escaping @Sendable (CoordinatorHarness, OperatorClient, FakeAgent) async throws -> Void
  ) async throws {
    try await CoordinatorHarness.run { harness in
      let admin = try await harness.admin()
      defer { admin.link.close() }
      let identity = try CurveIdentity.generate()
      _ = try await admin.ask(.createProject(name: shop, owners: owners))
      _ = try await admin.ask(.setKMS(project: shop, settings: FakeKMS.settings), secret: "old")
      _ = try await admin.ask(
        .enrollNode(name: NodeName(checked: "node-a"), cluster: orders, publicKey: identity.publicKey.text))
      _ = try await admin.ask(.createCluster(name: orders, project: shop, nodes: []))
      let agent = try await FakeAgent("node-a", of: harness, identity: identity)
      defer { agent.link.close() }
      try agent.hello(
        agent.report(.serving) { $0.generation = GenerationReport(id: GenerationID.random(), encrypted: false) })
      try agent.say(.heartbeat(encrypted(agent)))
      await settle(agent)
      try await body(harness, admin, agent)
    }
  }

  static func encrypted(_ agent: FakeAgent, check: CheckReport? = nil) -> NodeReport {
    agent.report(.serving) { report in
      report.generation = GenerationReport(
        id: generation, encrypted: true, keystoreVersion: 1, masterKeyID: masterKey, masterKeyCheckValue: "00ff",
        customerKeyID: FakeKMS.keyID, masterKeyCreatedAtMilliseconds: 5)
      report.lastCheck = check
    }
  }

  private static let generation = GenerationID.random()
  private static let masterKey = MasterKeyID.random()

  /// The link keeps its order: what comes before a call was handled by the time of its answer.
  static func settle(_ agent: FakeAgent) async {
    _ = try? await agent.link.call(Envelope(.operatorReply(.init(status: 0)), node: agent.node), within: .seconds(300))
  }

  private static var others: KMSSettings {
    var settings = FakeKMS.settings
    settings.credentials = .awsAccessKey(id: "AKIAOTHER")
    return settings
  }

  private static func request(_ agent: FakeAgent) async throws -> ProveSettings {
    try await agent.next { envelope -> ProveSettings? in
      if case .proveSettings(let request) = envelope.body, envelope.epoch != nil { request } else { nil }
    }
  }

  @Test("asks the node with the new secret, and only its proof brings them into force")
  func proven() async throws {
    try await Self.withNode { _, admin, agent in
      async let answer = admin.ask(.setKMS(project: shop, settings: Self.others), secret: "new")
      let request = try await Self.request(agent)
      #expect(request.settings == Self.others)
      #expect(request.secret?.withSecret { $0.unprotectedCopy() } == Array("new".utf8))
      guard case .kms(let before) = try await admin.ask(.showKMS(project: shop)) else { throw Failure() }
      #expect(before.settingsVersion == 1, "not before the node has proven them")
      try agent.say(.settingsProof(SettingsProof(id: request.id, outcome: .proven)))
      guard case .kms(let view) = try await answer else { throw Failure() }
      #expect(view.settingsVersion == 2 && view.credentials == .awsAccessKey(id: "AKIAOTHER"))
      let welcome = try await agent.next { envelope -> Welcome? in
        if case .welcome(let welcome) = envelope.body, welcome.assignment.settingsVersion == 2 { welcome } else { nil }
      }
      #expect(welcome.kmsSecret?.withSecret { $0.unprotectedCopy() } == Array("new".utf8))
      let kept = try await Self.record(admin).suffix(2)
      #expect(kept.map(\.action) == ["kms set", "kms settings in force"] && kept.last?.by == .coordinator)
      #expect(kept.last?.detail == "version 2, key \(FakeKMS.keyID)")
    }
  }

  private static func record(_ admin: OperatorClient) async throws -> [AuditEntry] {
    guard case .audit(let page) = try await admin.ask(.readAudit(after: nil, limit: 100)) else { throw Failure() }
    return page.links.map(\.entry)
  }

  @Test("keeps the old settings if a node may not unwrap, and names the right and the node")
  func refused() async throws {
    try await Self.withNode { harness, admin, agent in
      async let answer = admin.refused(.setKMS(project: shop, settings: Self.others), secret: "new")
      let request = try await Self.request(agent)
      try agent.say(
        .settingsProof(
          SettingsProof(
            id: request.id, outcome: .failed(kind: "accessDenied", operation: "unwrap", reason: "not from 10.0.0.7"))))
      let failure = try #require(try await answer)
      #expect(failure.code == .kmsFailed && failure.why.contains("node-a") && failure.why.contains("10.0.0.7"))
      #expect(failure.next.contains("kms:Decrypt") && failure.what.contains("stay in force"))
      guard case .kms(let view) = try await admin.ask(.checkKMS(project: shop)) else { throw Failure() }
      #expect(view.settingsVersion == 1 && harness.kms.seenSecrets.last == Array("old".utf8))
      let kept = try await Self.record(admin).first { $0.action == "kms settings refused" }
      #expect(kept?.by == .coordinator && kept?.detail.contains("not from 10.0.0.7") == true)
    }
  }

  @Test("does not wait for a node that goes away: it takes the new settings when it returns")
  func away() async throws {
    try await Self.withNode { _, admin, agent in
      async let answer = admin.ask(.setKMS(project: shop, settings: Self.others), secret: "new")
      _ = try await Self.request(agent)
      agent.link.close()
      guard case .kms(let view) = try await answer else { throw Failure() }
      #expect(view.settingsVersion == 2)
    }
  }

  @Test("another key of the same id is not taken on the coordinator's word: a node has to prove its own blob")
  func otherKey() async throws {
    try await Self.withNode { harness, admin, agent in
      harness.kms.forget()
      async let first = admin.ask(.setKMS(project: shop, settings: Self.others), secret: "new")
      let request = try await Self.request(agent)
      try agent.say(.settingsProof(SettingsProof(id: request.id, outcome: .proven)))
      guard case .kms(let view) = try await first else { throw Failure() }
      #expect(view.settingsVersion == 2, "the canary alone was damaged")
      harness.kms.forget()
      try agent.say(.heartbeat(Self.encrypted(agent)))
      await Self.settle(agent)
      async let second = admin.refused(.setKMS(project: shop, settings: FakeKMS.settings), secret: "new")
      let other = try await Self.request(agent)
      try agent.say(.settingsProof(SettingsProof(id: other.id, outcome: .nothingToProve)))
      #expect(try await second?.code == .kmsFailed)
      agent.link.close()
      let failure = try #require(
        try await admin.refused(.setKMS(project: shop, settings: FakeKMS.settings), secret: "x"))
      #expect(failure.code == .kmsFailed && failure.why.contains("no node") && failure.what.contains("stay in force"))
      guard case .kms(let after) = try await admin.ask(.showKMS(project: shop)) else { throw Failure() }
      #expect(after.settingsVersion == 2)
    }
  }

  @Test("a damaged canary is replaced where nothing is under the key")
  func nothingUnderKey() async throws {
    try await CoordinatorHarness.run { harness in
      let admin = try await harness.admin()
      defer { admin.link.close() }
      _ = try await admin.ask(.createProject(name: shop, owners: []))
      _ = try await admin.ask(.setKMS(project: shop, settings: FakeKMS.settings), secret: "old")
      harness.kms.forget()
      guard case .kms(let view) = try await admin.ask(.setKMS(project: shop, settings: Self.others), secret: "new")
      else { throw Failure() }
      #expect(view.settingsVersion == 2)
    }
  }

  @Test("a canary that the same key wrapped has to unwrap under the new settings")
  func canary() async throws {
    try await Self.withNode { harness, admin, _ in
      harness.kms.fail(.accessDenied, in: .unwrap)
      let failure = try await admin.refused(.setKMS(project: shop, settings: Self.others), secret: "new")
      #expect(failure?.code == .kmsFailed && failure?.next.contains("kms:Decrypt") == true)
    }
  }
}

@Suite("Nodes that do not prove settings")
struct ProofDeskTests {
  private static let start = Instant(milliseconds: 1_000_000)
  private static let nodes = ["node-a", "node-b", "node-c"].map { NodeName(checked: $0) }
  private static let canary = WrappedMasterKey(
    provider: .aws, keyID: FakeKMS.keyID, keyVersion: "", region: "eu-central-1", createdAtMilliseconds: 0, blob: [7])

  private func open(_ desk: inout ProofDesk, _ id: CommandID) throws -> [ProofDesk.Directive] {
    let proof = KeyJob.Proof(
      project: shop, settings: FakeKMS.settings, settingsVersion: 2,
      secret: Secret(try SecretBytes(copying: [1])), canary: nil, startedAt: Self.start,
      asker: Asker(route: Route(routingID: [1]), messageID: 1, takesParts: true), admin: OperatorName(checked: "admin"))
    return desk.open(id, proof, canary: Self.canary, nodes: Self.nodes, now: Self.start)
  }

  private func refusal(_ directives: [ProofDesk.Directive]) -> OperatorFailure? {
    for case .refuse(_, let failure) in directives { return failure }
    return nil
  }

  @Test("one that stays connected and silent leaves the old settings in force; one that is away does not count")
  func silent() throws {
    var desk = ProofDesk()
    let id = CommandID.random()
    #expect(try open(&desk, id).count == 3)
    #expect(desk.onReply(SettingsProof(id: id, outcome: .proven), from: Self.nodes[0]).isEmpty)
    #expect(desk.onReply(SettingsProof(id: id, outcome: .proven), from: Self.nodes[0]).isEmpty, "told twice")
    let here = { (node: NodeName) in node != Self.nodes[2] }
    #expect(desk.onTick(now: Self.start + .seconds(14), isHeard: here).isEmpty)
    let failure = try #require(refusal(desk.onTick(now: Self.start + .seconds(15), isHeard: here)))
    #expect(failure.why.contains("node-b") && failure.why.contains("not answered"))
    #expect(desk.onTick(now: Self.start + .seconds(99), isHeard: here).isEmpty, "answered once")
  }

  @Test("names every node that may not unwrap, and hears nobody who was not asked")
  func several() throws {
    var desk = ProofDesk()
    let id = CommandID.random()
    _ = try open(&desk, id)
    let refused = SettingsProof.Outcome.failed(kind: "credentialsRefused", operation: "unwrap", reason: "who?")
    #expect(desk.onReply(SettingsProof(id: id, outcome: refused), from: NodeName(checked: "stranger")).isEmpty)
    _ = desk.onReply(SettingsProof(id: id, outcome: refused), from: Self.nodes[1])
    _ = desk.onReply(SettingsProof(id: id, outcome: .nothingToProve), from: Self.nodes[0])
    let failure = try #require(refusal(desk.onReply(SettingsProof(id: id, outcome: refused), from: Self.nodes[2])))
    #expect(failure.why.contains("node-b") && failure.why.contains("node-c") && !failure.why.contains("node-a"))
  }
}
