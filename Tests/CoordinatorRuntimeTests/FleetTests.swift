// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import FleetPeers
import Messages
import Testing
import Transport

@testable import CoordinatorRuntime

private let shop = ProjectName(checked: "shop")

@Suite(
  "A fleet on real sockets follows its coordinator; deploy/bench fleet measures a thousand", .timeLimit(.minutes(10)))
struct FleetTests {
  private static let nodes = 51
  private static let patience = Duration.seconds(500)

  private func up(_ fleet: FleetPeers, _ admin: OperatorClient, _ harness: CoordinatorHarness) async throws {
    _ = try await admin.ask(.createProject(name: shop, owners: []))
    for number in 0..<fleet.count {
      _ = try await admin.ask(
        .enrollNode(
          name: FleetShape.node(number), cluster: FleetShape.cluster(number), publicKey: fleet.publicKey(number)))
    }
    for number in stride(from: 0, to: fleet.count, by: FleetShape.nodesPerCluster) {
      _ = try await admin.ask(.createCluster(name: FleetShape.cluster(number), project: shop, nodes: []))
    }
    fleet.start(endpoint: harness.address, serverKey: harness.publicKey)
    #expect(await fleet.wait(within: Self.patience) { $0.serving == fleet.count }, "\(fleet.sight)")
  }

  private func held(_ admin: OperatorClient) async throws -> AccessListView {
    guard case .accessList(let view) = try await admin.ask(.listAccess(project: shop)) else { throw Failure() }
    return view
  }

  private struct Failure: Error {}

  @Test("forms its shards, holds a new IP list, each node its part of it, and restarts node by node")
  func follows() async throws {
    try await CoordinatorHarness.run { harness in
      let admin = try await harness.admin()
      defer { admin.link.close() }
      let fleet = try #require(FleetPeers(count: Self.nodes))
      try await up(fleet, admin, harness)
      _ = try await admin.ask(
        .addAccess(project: shop, range: "203.0.113.0/24", comment: "", hours: nil, anywhere: false))
      let version = try await held(admin).version
      #expect(
        await fleet.wait(within: Self.patience) { $0.lowestList >= version && $0.listed == Self.nodes },
        "\(fleet.sight)")
      while try await held(admin).nodesUpToDate < Self.nodes {}
      guard case .ipList(let view) = try await admin.ask(.showIPList) else { throw Failure() }
      #expect(Set(view.list.nodes.map(\.node)).count == Self.nodes, "an operator sees all of it")

      for number in stride(from: 0, to: Self.nodes, by: FleetShape.nodesPerCluster) {
        _ = try await admin.ask(.restartCluster(name: FleetShape.cluster(number)))
      }
      #expect(await fleet.wait(within: Self.patience) { $0.restarts >= Self.nodes }, "\(fleet.sight)")
      while try await admin.plans().contains(where: { $0.finishedAt == nil }) {}
      #expect(fleet.sight.restarts == Self.nodes && fleet.sight.trouble == nil, "\(fleet.sight)")
      await fleet.stop()
    }
  }
}
