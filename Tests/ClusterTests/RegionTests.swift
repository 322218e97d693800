// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation
import LocalKMS
import Testing

@Suite("A multi-Region key whose own region is out", .serialized, .timeLimit(.minutes(15))) struct RegionTests {
  private static let home = "us-east-1"
  private static let away = "eu-central-1"

  @Test("another region opens nodes that start, running ones move to it, and neither is a way around a revocation")
  func life() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      let kms = cluster.root + "/kms"
      let key = try cluster.makeKey("--multi-region")
      let replica = try cluster.operate("local-kms", "replicate", key, "--region", Self.away, "--data", kms)
        .trimmingCharacters(in: .newlines)
      let endpoint = try LocalKMSReady(directory: kms).endpoint
      try cluster.order(cluster.naming(key) + ["--replica", "\(Self.away)=\(endpoint)"])
      try cluster.operate("cluster", "encrypt", TestCluster.name, "--wait", "--timeout", "120")
      try await cluster.insert(7, into: "k", of: "keys")

      // The key's own region takes it away: the replica, which is enabled, is not asked.
      try cluster.operate("local-kms", "disable", key, "--data", kms)
      _ = try cluster.run(["keyfold", "kms", "check", TestCluster.project])
      try await phase("disabled", of: cluster.nodes, in: cluster)
      try cluster.operate("local-kms", "enable", key, "--data", kms)
      _ = try cluster.run(["keyfold", "kms", "check", TestCluster.project])
      try await phase("serving", of: cluster.nodes, in: cluster)

      // It is out: running nodes stay, one that starts opens in the other region by itself, with the same settings.
      try cluster.operate("local-kms", "fault", "set", "error", "--region", Self.home, "--data", kms)
      let node = cluster.nodes[2]
      node.kill9()
      try await node.start()
      try await phase("serving", of: cluster.nodes, in: cluster)
      #expect(try cluster.nodesWithKeystore(under: key).count == 3)
      _ = try cluster.run(["keyfold", "kms", "check", TestCluster.project])
      #expect(try cluster.operate("alert", "list").contains("stands in for it"))

      // The operator moves for good: running nodes at once, one that is away when it returns, while it is still out.
      node.kill9()
      try cluster.order(cluster.naming(replica))
      _ = try await eventually("the running nodes have moved") {
        (try? cluster.nodesWithKeystore(under: replica))?.count == 2 ? true : nil
      }
      try await cluster.insert(8, into: "k", of: "keys")
      try await node.start()
      try await phase("serving", of: cluster.nodes, in: cluster)
      _ = try await eventually("all nodes have moved") {
        (try? cluster.nodesWithKeystore(under: replica))?.count == 3 ? true : nil
      }
      #expect(try cluster.nodesWithKeystore(under: key).isEmpty)
      try await cluster.holds(2, in: "k", of: "keys")
    }
  }

  private func phase(_ wanted: String, of nodes: [Daemon], in cluster: TestCluster) async throws {
    _ = try await eventually("\(nodes.map(\.name)) \(wanted)") { () -> Bool? in
      guard let list = try? cluster.query("node", "list") as? [String: Any],
        let views = list["nodes"] as? [[String: Any]]
      else { return nil }
      return nodes.allSatisfy { node in
        views.contains { $0["name"] as? String == node.name && $0["phase"] as? String == wanted }
      } ? true : nil
    }
  }
}
