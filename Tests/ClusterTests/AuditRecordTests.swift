// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Foundation
import Testing

@Suite("The audit record of a real cluster", .serialized, .timeLimit(.minutes(15)))
struct AuditRecordTests {
  @Test(
    "shows a changed byte, and by its nodes a record that was cut and chained anew, until an operator answers for it")
  func tampering() async throws {
    try await TestCluster.with(nodes: 1) { cluster in
      try cluster.encrypt()
      let node = cluster.nodes[0]
      #expect(try cluster.run(["keyfold", "cluster", "encrypt", "nowhere"]).status != 0)
      let list = try cluster.operate("audit", "list")
      #expect(list.contains("cluster encrypt") && list.contains("refused: ") && list.contains("operator admin"))
      #expect(try cluster.operate("audit", "verify").contains("all sound"))

      let export = cluster.root + "/audit.jsonl"
      try Data(cluster.operate("audit", "export").utf8).write(to: URL(fileURLWithPath: export))
      #expect(try cluster.operate("audit", "verify", "--file", export).contains("all sound"))
      try Data(
        String(decoding: contents(export), as: UTF8.self).replacing("cluster encrypt", with: "cluster decrypt").utf8
      )
      .write(to: URL(fileURLWithPath: export))
      #expect(try cluster.run(["keyfold", "audit", "verify", "--file", export]).status == 1)

      node.stop()
      try await node.start()
      _ = try await eventually("the node is told where the record ends") { try head(of: node) }

      cluster.coordinator.stop()
      try await edit(cluster, "UPDATE audit SET detail = replace(detail, 'taken', 'tAken') WHERE sequence = 2")
      try await cluster.coordinator.start()
      let verdict = try cluster.run(["keyfold", "audit", "verify"])
      #expect(verdict.status == 1 && verdict.output.contains("audit entry 2"), "\(verdict.output)")

      cluster.coordinator.stop()
      try await edit(cluster, "UPDATE audit SET detail = replace(detail, 'tAken', 'taken') WHERE sequence = 2")
      // It was told more since: each start makes uses of the key.
      let told = try #require(try head(of: node))
      try await edit(cluster, "DELETE FROM audit WHERE sequence >= \(told.sequence)")
      try await cluster.coordinator.start()
      _ = try await eventually("the node contradicts") {
        try cluster.operate("alert", "list").contains("was told of entry \(told.sequence)") ? true : nil
      }
      let cut = try cluster.run(["keyfold", "audit", "verify"])
      #expect(cut.status == 1 && cut.output.contains("node \(node.name) was told of"), "\(cut.output)")
      try cluster.operate("coordinator", "adopt")
      _ = try await eventually("the node takes the record as it is") {
        try cluster.run(["keyfold", "audit", "verify"]).status == 0 ? true : nil
      }
      #expect(try cluster.operate("audit", "list").contains(told.hash.description))
      #expect(try cluster.operate("node", "list").contains("serving"))
    }
  }

  @Test("contradicts, by its nodes, a record whose beginning was moved past what they were told")
  func beginning() async throws {
    try await TestCluster.with(nodes: 1) { cluster in
      let node = cluster.nodes[0]
      let told = try await eventually("the node is told where the record ends") { try head(of: node) }
      node.stop()
      for _ in 1...3 { #expect(try cluster.run(["keyfold", "cluster", "encrypt", "nowhere"]).status != 0) }
      cluster.coordinator.stop()
      let base = told.sequence + 2
      try await edit(
        cluster,
        "UPDATE audit_base SET sequence = \(base), hash = (SELECT hash FROM audit WHERE sequence = \(base))")
      try await edit(cluster, "DELETE FROM audit WHERE sequence <= \(base)")
      try await cluster.coordinator.start()
      try await node.start()
      _ = try await eventually("the node contradicts") {
        try cluster.operate("alert", "list").contains("the record's beginning was moved past it") ? true : nil
      }
      let verdict = try cluster.run(["keyfold", "audit", "verify"])
      #expect(verdict.status == 1 && verdict.output.contains("node \(node.name) was told of"), "\(verdict.output)")
    }
  }

  private func contents(_ path: String) -> Data { FileManager.default.contents(atPath: path) ?? Data() }

  private func head(of node: Daemon) throws -> AuditHead? {
    guard let file = FileManager.default.contents(atPath: node.data + "/audit-head.json") else { return nil }
    return try JSONDecoder().decode(AuditHead.self, from: file)
  }

  /// Changes the database of a stopped coordinator, as somebody with its disk could.
  private func edit(_ cluster: TestCluster, _ statement: String) async throws {
    let database = cluster.coordinator.data + "/coordinator.sqlite"
    let script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit(); c.close()"
    let process = try ChildProcess(
      "/usr/bin/env", ["python3", "-c", script, database, statement], environment: Executables.environment,
      output: cluster.root + "/edit.log")
    #expect(try await blocking { process.wait(within: .seconds(30)) } == 0)
  }
}
