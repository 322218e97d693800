// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import DaemonRuntime
import Foundation
import Messages
import Secrets
import Testing
import Transport

@testable import CoordinatorRuntime

private let shop = ProjectName(checked: "shop")
private let orders = ClusterName(checked: "orders")
private let nodeA = NodeName(checked: "node-a")

@Suite("An operator gets what the coordinator knows, and refusals with a reason", .timeLimit(.minutes(10)))
struct OperatorTests {
  @Test("goes from project to a cluster whose plan waits for its node")
  func wholeWay() async throws {
    try await CoordinatorHarness.run { harness in
      let admin = try await harness.admin()
      defer { admin.link.close() }
      #expect(try await admin.ask(.listProjects) == .projects([]))
      guard case .project(let project) = try await admin.ask(.createProject(name: shop, owners: ["a@example.org"]))
      else {
        throw Failure()
      }
      #expect(project.name == shop && project.owners == ["a@example.org"])
      let key = try CurveIdentity.generate().publicKey.text
      guard case .node(let node) = try await admin.ask(.enrollNode(name: nodeA, cluster: orders, publicKey: key)) else {
        throw Failure()
      }
      #expect(node.phase == "not heard of" && node.cluster == orders && !node.connected)
      guard case .plan(let plan) = try await admin.ask(.createCluster(name: orders, project: shop, nodes: [])) else {
        throw Failure()
      }
      #expect(plan.state == .waiting && plan.waitingReason?.contains("node-a") == true)
      #expect(try await admin.plans().map(\.id) == [plan.id])
      let prefix = String(plan.id.text.prefix(8))
      guard case .plan(let found) = try await admin.ask(.showPlan(id: prefix)) else { throw Failure() }
      #expect(found.id == plan.id)
      guard case .cluster(let cluster) = try await admin.ask(.showCluster(name: orders)) else { throw Failure() }
      #expect(cluster.state == "creating" && cluster.encryption == "off" && cluster.nodes.map(\.name) == [nodeA])
      guard case .keysTree(let tree) = try await admin.ask(.keysTree(cluster: nil)) else { throw Failure() }
      #expect(tree.customerKeys.isEmpty && tree.plainNodes.map(\.node) == [nodeA])
    }
  }

  @Test("gets all of an answer that is longer than a part of it may be")
  func longAnswer() async throws {
    try await CoordinatorHarness.run { harness in
      let admin = try await harness.admin()
      defer { admin.link.close() }
      let owners = (1...32).map {
        "\(String(repeating: "a", count: 60))\($0)@\(String(repeating: "b", count: 60)).example"
      }
      let names = (0..<100).map { ProjectName(checked: "p\($0)") }
      for name in names { _ = try await admin.ask(.createProject(name: name, owners: owners)) }
      guard case .projects(let projects) = try await admin.ask(.listProjects) else { throw Failure() }
      #expect(Set(projects.map(\.name)) == Set(names) && projects.allSatisfy { $0.owners == owners })
      #expect(try OperatorPayload.encode(.projects(projects)).count > 300 << 10)
      // A command line of before reads one reply.
      let reply = try await admin.link.call(
        Envelope(.operatorRequest(OperatorRequest(name: "project list", takesParts: false))),
        payload: OperatorPayload.encode(OperatorCommand.listProjects), within: .seconds(300))
      #expect(try OperatorPayload.decodeAnswer(reply.payload) == .projects(projects))
    }
  }

  @Test("an answer that fits into no frame goes to nobody who reads no parts", arguments: [0, 1, 4 << 20, 4 << 20 + 1])
  func parts(count: Int) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
    let parts = Coordinator.parts(of: bytes, takesParts: true)
    #expect(parts?.flatMap(\.self) == bytes && parts?.allSatisfy { $0.count <= 256 << 10 } == true)
    #expect(parts?.isEmpty == false)
    #expect(Coordinator.parts(of: bytes, takesParts: false) == (count <= 4 << 20 ? [bytes] : nil))
  }

  @Test("refuses duplicates, unknown names and nonsense, each in its own words")
  func refusals() async throws {
    try await CoordinatorHarness.run { harness in
      let admin = try await harness.admin()
      defer { admin.link.close() }
      _ = try await admin.ask(.createProject(name: shop, owners: []))
      #expect(try await admin.refused(.createProject(name: shop, owners: []))?.code == .alreadyExists)
      #expect(try await admin.refused(.showProject(name: ProjectName(checked: "nope")))?.code == .notFound)
      #expect(try await admin.refused(.showCluster(name: orders))?.code == .notFound)
      #expect(try await admin.refused(.keysTree(cluster: orders))?.code == .notFound)
      #expect(try await admin.refused(.showNode(name: nodeA))?.code == .notFound)
      #expect(try await admin.refused(.showPlan(id: "zz"))?.code == .notFound)
      #expect(try await admin.refused(.showKMS(project: shop))?.code == .notFound)
      #expect(try await admin.refused(.checkKMS(project: shop))?.code == .conflict)
      #expect(try await admin.refused(.enrollNode(name: nodeA, cluster: nil, publicKey: "short"))?.code == .invalid)
      #expect(
        try await admin.refused(.createProject(name: ProjectName(checked: "x"), owners: ["no mail"]))?.code == .invalid)
      let missing = try await admin.refused(.setKMS(project: shop, settings: FakeKMS.settings))
      #expect(missing?.code == .invalid && missing?.next.contains("--secret-file") == true)
      guard case .audit(let page) = try await admin.ask(.readAudit(after: nil, limit: 100)) else { throw Failure() }
      #expect(page.links.count == 6, "one entry for each order, none for what only looks")
      #expect(page.links.map { $0.entry.detail.hasPrefix("refused: ") } == [false, true, true, true, true, true])
    }
  }

  @Test("answers a request it can't read instead of falling over it")
  func garbage() async throws {
    try await CoordinatorHarness.run { harness in
      let admin = try await harness.admin()
      defer { admin.link.close() }
      for payload in [[], [1, 2], [0, 0, 0, 1, 0x7B], [UInt8](repeating: 0xFF, count: 4096)] as [[UInt8]] {
        let reply = try await admin.link.call(
          .init(.operatorRequest(.init(name: "x"))), payload: payload, within: .seconds(300))
        guard case .failure(let failure) = try OperatorPayload.decodeAnswer(reply.payload) else { throw Failure() }
        #expect(failure.code == .versionMismatch)
      }
      #expect(try await admin.ask(.listProjects) == .projects([]))
    }
  }

  @Test("lets no key in that is not on the list")
  func wrongKey() async throws {
    try await CoordinatorHarness.run { harness in
      await #expect(throws: TransportError.self) {
        let stranger = try MessageLink(
          endpoint: harness.address, serverKey: CurvePublicKey(harness.publicKey), identity: .generate(), logger: quiet,
          onEvent: { _ in })
        defer { stranger.close() }
        try stranger.start()
        try await stranger.connected(within: .seconds(3))
      }
    }
  }

  @Test("remembers everything over a restart, under a higher epoch and for the same operator")
  func restart() async throws {
    try await CoordinatorHarness.withFolder { directory in
      let kms = FakeKMS()
      try await CoordinatorHarness.run(directory: directory, kms: kms) { harness in
        let admin = try await harness.admin()
        defer { admin.link.close() }
        _ = try await admin.ask(.createProject(name: shop, owners: []))
        _ = try await admin.ask(.setKMS(project: shop, settings: FakeKMS.settings), secret: "first")
      }
      #expect(!DurableFile.exists(directory + "/ready.json"))
      try await CoordinatorHarness.run(directory: directory, kms: kms) { harness in
        let admin = try await harness.admin()
        defer { admin.link.close() }
        guard case .kms(let view) = try await admin.ask(.checkKMS(project: shop)) else { throw Failure() }
        #expect(view.lastCheck?.verdict == "valid" && view.settingsVersion == 1)
        #expect(harness.kms.seenSecrets.last == Array("first".utf8))
      }
    }
  }

  @Test("keeps a second coordinator out of the data directory")
  func twice() async throws {
    try await CoordinatorHarness.run { harness in
      let second = CoordinatorService(
        configuration: CoordinatorConfiguration(data: harness.directory, listen: "127.0.0.1:0"), logger: quiet)
      await #expect(throws: CoordinatorFault.self) { try await second.run() }
      #expect(DurableFile.exists(harness.directory + "/ready.json"))
    }
  }

  struct Failure: Error {}
}
