// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing
import Transport

@testable import CoordinatorRuntime

@Suite("A coordinator holds every operator to the roles there are", .timeLimit(.minutes(10)))
struct RoleTests {
  private let shop = ProjectName(checked: "shop")
  private let ada = OperatorName(checked: "ada")
  private let admin = OperatorName(checked: "admin")

  private func actions(_ client: OperatorClient) async throws -> [String] {
    guard case .audit(let page) = try await client.ask(.readAudit(after: nil, limit: 100)) else { return [] }
    return page.links.map { "\($0.entry.by.description) \($0.entry.action) \($0.entry.subject): \($0.entry.detail)" }
  }

  @Test("the first operator owns what it makes; another is refused, sees nothing, and both after a role is given")
  func roles() async throws {
    try await CoordinatorHarness.run { harness in
      let root = try await harness.admin()
      defer { root.link.close() }
      _ = try await root.ask(.createProject(name: shop, owners: []))
      let identity = try CurveIdentity.generate()
      _ = try await root.ask(.addOperator(name: ada, publicKey: identity.publicKey.text))
      let client = try await OperatorClient(coordinator: harness.address, key: harness.publicKey, identity: identity)
      defer { client.link.close() }

      #expect(try await client.ask(.listProjects) == .projects([]))
      for command in [
        OperatorCommand.showProject(name: shop), .setOwners(project: shop, owners: ["eve@example.org"]),
        .addMember(project: shop, admin: ada, role: .projectOwner), .setOperatorRole(name: ada, role: .orgOwner),
        .removeOperator(name: admin), .readAudit(after: nil, limit: 1),
      ] {
        #expect(try await client.refused(command)?.code == .forbidden, "\(command.commandName)")
      }
      guard case .project(let project) = try await root.ask(.showProject(name: shop)) else {
        throw OperatorTests.Failure()
      }
      #expect(project.owners.isEmpty)

      let given = try await root.ask(.addMember(project: shop, admin: ada, role: .readOnly))
      #expect(
        given
          == .members([
            ProjectMembership(project: shop, admin: ada, role: .readOnly),
            ProjectMembership(project: shop, admin: admin, role: .projectOwner),
          ]))
      guard case .projects(let seen) = try await client.ask(.listProjects) else { throw OperatorTests.Failure() }
      #expect(seen.map(\.name) == [shop])
      #expect(try await client.refused(.setOwners(project: shop, owners: []))?.code == .forbidden)

      let kept = try await actions(root)
      #expect(kept.contains("operator admin project member add shop: ada: taken: read only"), "\(kept)")
      // Also what would only have been looked at.
      for refused in ["project show shop", "project owners shop", "audit "] {
        #expect(kept.contains { $0.hasPrefix("operator ada \(refused)") && $0.contains("refused: Operator ada") })
      }
      #expect(try await root.refused(.setOperatorRole(name: admin, role: .member))?.code == .conflict)
    }
  }

  @Test("roles are there again after a restart")
  func restart() async throws {
    try await CoordinatorHarness.withFolder { directory in
      let identity = try CurveIdentity.generate()
      try await CoordinatorHarness.run(directory: directory) { harness in
        let root = try await harness.admin()
        defer { root.link.close() }
        _ = try await root.ask(.createProject(name: shop, owners: []))
        _ = try await root.ask(.addOperator(name: ada, publicKey: identity.publicKey.text))
        _ = try await root.ask(.addMember(project: shop, admin: ada, role: .clusterManager))
      }
      try await CoordinatorHarness.run(directory: directory) { harness in
        let client = try await OperatorClient(coordinator: harness.address, key: harness.publicKey, identity: identity)
        defer { client.link.close() }
        guard case .operators(let list) = try await client.ask(.listOperators) else { throw OperatorTests.Failure() }
        #expect(list.map(\.role) == [.member, .orgOwner])
        #expect(list.first?.projects == [ProjectMembership(project: shop, admin: ada, role: .clusterManager)])
        #expect(try await client.refused(.removeKMS(project: shop))?.code == .forbidden)
      }
    }
  }
}
