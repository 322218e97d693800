// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation
import Testing

@Suite("Rebuilding a coordinator that lost its store, real processes", .serialized, .timeLimit(.minutes(15)))
struct CoordinatorRebuildTests {
  @Test("an encrypted node serves on, is told nothing meanwhile, and opens again under credentials set anew")
  func rebuild() async throws {
    try await TestCluster.with(nodes: 1) { cluster in
      let (node, data) = (cluster.nodes[0], cluster.coordinator.data)
      try cluster.encrypt()
      try await Self.write(1, node, cluster)
      let key = try cluster.run(["keyfold-agent", "init", "--identity", "\(cluster.root)/\(node.name).key"]).output
        .trimmingCharacters(in: .newlines)
      let arn = try Self.customerKey(cluster)

      cluster.coordinator.kill9()
      for name in try FileManager.default.contentsOfDirectory(atPath: data) where name != "coordinator.key" {
        try FileManager.default.removeItem(atPath: data + "/" + name)
      }
      try await cluster.coordinator.start()
      try cluster.operate("node", "enroll", node.name, "--key", key)
      let shown = try await eventually("the node says whom it belongs to") { () -> String? in
        let shown = try cluster.run(["keyfold", "coordinator", "rebuild"]).output
        return shown.contains("can be made again") ? shown : nil
      }
      #expect(shown.contains(TestCluster.name) && shown.contains(arn))
      #expect(try cluster.run(["keyfold", "cluster", "show", TestCluster.name]).status == 4)
      try cluster.operate("coordinator", "rebuild", "--confirm")
      try await Self.write(2, node, cluster)
      try cluster.operate("kms", "set", TestCluster.project, "--key", arn, "--local-kms", cluster.root + "/kms")

      node.kill9()
      try await node.start()
      _ = try await cluster.primary()
      let reply = try await cluster.client(node).succeed(["find": "t", "filter": [:], "$db": "rebuild"])
      let batch = "\(reply["cursor"].map { "\($0)" } ?? "")"
      #expect(batch.contains("101") && batch.contains("102"), "\(batch)")
      let shownNode = try cluster.operate("node", "show", node.name)
      #expect(shownNode.contains("serving") && !shownNode.contains("distrusted"), "\(shownNode)")
    }
  }

  private static func write(_ number: Int, _ node: Daemon, _ cluster: TestCluster) async throws {
    try await cluster.client(node)
      .succeed(["insert": "t", "$db": "rebuild", "documents": [["_id": .integer(100 + number)]]])
  }

  private static func customerKey(_ cluster: TestCluster) throws -> String {
    let list = try #require(try cluster.query("local-kms", "keys", "--data", cluster.root + "/kms") as? [String: Any])
    let keys = try #require(list["keys"] as? [[String: Any]])
    return try #require(keys.first?["keyID"] as? String)
  }
}
