// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Messages
import Testing
import Transport

@testable import CoordinatorRuntime

@Suite("Whoever's key was revoked is refused", .timeLimit(.minutes(10)))
struct RevocationTests {
  @Test("an operator at once, on a connection that stands, and told so; who did it is recorded")
  func operators() async throws {
    try await CoordinatorHarness.run { harness in
      let admin = try await harness.admin()
      defer { admin.link.close() }
      let identity = try CurveIdentity.generate()
      let (ada, key) = (OperatorName(checked: "ada"), identity.publicKey.text)
      _ = try await admin.ask(.addOperator(name: ada, publicKey: key, role: .orgOwner))
      let client = try await OperatorClient(coordinator: harness.address, key: harness.publicKey, identity: identity)
      defer { client.link.close() }
      #expect(try await client.ask(.listProjects) == .projects([]))
      #expect(try await client.refused(.addOperator(name: ada, publicKey: harness.publicKey))?.code == .alreadyExists)

      guard case .operators(let left) = try await admin.ask(.removeOperator(name: ada)) else {
        throw OperatorTests.Failure()
      }
      #expect(left.first { $0.name == ada }?.removedAt != nil)
      await #expect(throws: (any Error).self) {
        _ = try await client.link.call(
          Envelope(.operatorRequest(OperatorRequest(name: "project list"))),
          payload: try OperatorPayload.encode(.listProjects), within: .seconds(1))
      }
      let error = await #expect(throws: TransportError.self) {
        _ = try await OperatorClient(coordinator: harness.address, key: harness.publicKey, identity: identity)
      }
      #expect(error?.code == .refused, "\(String(describing: error))")
      #expect(try await admin.refused(.removeOperator(name: OperatorName(checked: "admin")))?.code == .conflict)
      guard case .audit(let page) = try await admin.ask(.readAudit(after: nil, limit: 10)) else {
        throw OperatorTests.Failure()
      }
      #expect(
        page.links.map(\.entry).contains {
          $0.action == "operator remove" && $0.subject == "ada" && $0.by.description == "operator admin"
        })
    }
  }

  @Test("a node, of which nothing is heard any more")
  func nodes() async throws {
    try await CoordinatorHarness.run { harness in
      let admin = try await harness.admin()
      defer { admin.link.close() }
      let identity = try CurveIdentity.generate()
      let name = NodeName(checked: "node-a")
      _ = try await admin.ask(.enrollNode(name: name, cluster: nil, publicKey: identity.publicKey.text))
      let agent = try await FakeAgent("node-a", of: harness, identity: identity)
      defer { agent.link.close() }
      guard case .node(let view) = try await admin.ask(.revokeNode(name: name)) else { throw OperatorTests.Failure() }
      #expect(view.revokedAt != nil)
      let error = await #expect(throws: TransportError.self) {
        _ = try await OperatorClient(coordinator: harness.address, key: harness.publicKey, identity: identity)
      }
      #expect(error?.code == .refused, "\(String(describing: error))")
    }
  }
}
