// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation
import Testing

@Suite("Rebuilding a coordinator that lost its store, real processes", .serialized, .timeLimit(.minutes(15)))
struct CoordinatorRebuildTests {
  @Test("an encrypted node serves on, is told nothing meanwhile, and opens again under credentials set anew")
  func rebuild() async throws {
    try await TestCluster.with(nodes: 1) { cluster in
      let node = cluster.nodes[0]
      try cluster.encrypt()
      try await Self.write(1, node, cluster)
      let arn = try Self.customerKey(cluster)

      try await Self.loseStore(of: cluster, enrollingAnew: [node.name])
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

  @Test("a node that was joining when the store was lost joins still, once its operators have said so")
  func joining() async throws {
    try await TestCluster.with(nodes: 1) { cluster in
      try cluster.encrypt()
      let (arn, kms) = (try Self.customerKey(cluster), ["--data", cluster.root + "/kms"])
      let fault = try cluster.run(
        ["keyfold", "local-kms", "fault", "set", "deny", "--from", "127.0.0.9", "--for", "600"] + kms)
      #expect(fault.status == 0, "\(fault.output)")
      let spare = try await cluster.makeSpare("node-2", kmsSourceAddress: "127.0.0.9")
      try cluster.operate("cluster", "add-node", TestCluster.name, spare.name)
      _ = try await eventually("it waits for its KMS, and the member's disk says who joins") { () -> Bool? in
        let list = try cluster.run(["keyfold", "node", "list"]).output
        return list.contains("waiting for KMS access") && Self.joining(by: cluster.nodes[0]) == spare.name ? true : nil
      }

      try await Self.loseStore(of: cluster, enrollingAnew: [cluster.nodes[0].name, spare.name])
      _ = try await eventually("the nodes say who joins") { () -> Bool? in
        let shown = try cluster.run(["keyfold", "coordinator", "rebuild"]).output
        return shown.contains("can be made again") && shown.contains("joins") ? true : nil
      }
      try cluster.operate("coordinator", "rebuild", "--confirm")
      #expect(try cluster.operate("plan", "list").contains("add a node"))
      #expect(try cluster.run(["keyfold", "local-kms", "fault", "clear"] + kms).status == 0)
      try cluster.operate("kms", "set", TestCluster.project, "--key", arn, "--local-kms", cluster.root + "/kms")
      #expect(try await cluster.end(of: "add a node", within: .seconds(300)) == "done")
      try await cluster.serves(2)
    }
  }

  /// The coordinator ends and begins anew with nothing but its key, and nodes are enrolled under the keys they have.
  private static func loseStore(of cluster: TestCluster, enrollingAnew nodes: [String]) async throws {
    let data = cluster.coordinator.data
    cluster.coordinator.kill9()
    for name in try FileManager.default.contentsOfDirectory(atPath: data) where name != "coordinator.key" {
      try FileManager.default.removeItem(atPath: data + "/" + name)
    }
    try await cluster.coordinator.start()
    for name in nodes {
      let key = try cluster.run(["keyfold-agent", "init", "--identity", "\(cluster.root)/\(name).key"]).output
      try cluster.operate("node", "enroll", name, "--key", key.trimmingCharacters(in: .newlines))
    }
  }

  /// Who joins, by what a node's disk says.
  private static func joining(by node: Daemon) -> String? {
    FileManager.default.contents(atPath: node.data + "/membership.json")
      .flatMap { try? JSONSerialization.jsonObject(with: $0) as? [String: Any] }?["joining"] as? String
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
