// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation
import Testing

@Suite("A shard that lost its majority", .serialized, .timeLimit(.minutes(10))) struct RecoverTests {
  @Test("is shown first, goes on from the member an operator names, and takes the others back")
  func recovers() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      let survivor = cluster.nodes[0]
      try await cluster.insert((1...20).map { ["_id": .integer($0)] }, into: "r", of: "recover")
      try await cluster.holds(20, in: "r", of: "recover", on: survivor)
      let refused = try cluster.run([
        "keyfold", "cluster", "recover", TestCluster.name, "--from", survivor.name, "--confirm",
      ])
      #expect(refused.status == 4, "a shard with a majority was recovered: \(refused.output)")

      for node in cluster.nodes.dropFirst() { node.kill9() }
      let shown = try await eventually("the loss of the majority is seen") { () -> String? in
        let shown = try cluster.run(["keyfold", "cluster", "recover", TestCluster.name])
        return shown.output.contains("--from \(survivor.name) --confirm") ? shown.output : nil
      }
      #expect(shown.contains("Nothing was changed"))
      #expect(shown.contains("whatever only these acknowledged is lost"))

      try cluster.operate(
        "cluster", "recover", TestCluster.name, "--from", survivor.name, "--confirm", "--wait", "--wait-minutes", "2")
      #expect(try await cluster.primary() === survivor)
      try await cluster.insert((21...40).map { ["_id": .integer($0)] }, into: "r", of: "recover")

      let back = cluster.nodes[1]
      try await back.start()
      try await phase("not approved", of: back, cluster)
      try cluster.operate("node", "approve", back.name)
      try await phase("serving", of: back, cluster)
      try await cluster.holds(40, in: "r", of: "recover", on: back)
      _ = try await eventually("\(back.name) votes again") { () -> Bool? in
        let view = try? cluster.query("node", "show", back.name) as? [String: Any]
        return view?["role"] as? String == "secondary" ? true : nil
      }
      try await cluster.insert((41...50).map { ["_id": .integer($0)] }, into: "r", of: "recover")
      try await cluster.holds(50, in: "r", of: "recover", on: back)
      #expect(try cluster.operate("audit", "list").contains("cluster recover"))
    }
  }

  private func phase(_ wanted: String, of node: Daemon, _ cluster: TestCluster) async throws {
    _ = try await eventually("\(node.name) is \(wanted)") { () -> Bool? in
      let view = try? cluster.query("node", "show", node.name) as? [String: Any]
      return view?["phase"] as? String == wanted && view?["connected"] as? Bool == true ? true : nil
    }
  }
}
