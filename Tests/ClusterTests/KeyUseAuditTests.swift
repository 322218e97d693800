// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Testing

@Suite("Uses of a key in the audit record of a real cluster", .serialized, .timeLimit(.minutes(15)))
struct KeyUseAuditTests {
  @Test("stand there once each, with the id that the KMS's own log has, whoever was killed or away meanwhile")
  func matches() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try cluster.encrypt()
      let node = cluster.nodes[0]
      cluster.coordinator.kill9()
      node.kill9()
      try await cluster.coordinator.start()
      // It dies before it could tell anybody what it asked.
      try await node.start(with: ["KEYFOLD_FAILPOINT": "kms-uses.noted"])
      node.waitForEnd()
      try await node.start()
      _ = try await eventually("the node serves again") {
        try cluster.run(["keyfold", "node", "list"]).output.components(separatedBy: "serving").count == 4 ? true : nil
      }
      try cluster.operate("kms", "check", TestCluster.project)
      _ = try await eventually("every use is recorded") { () -> Bool? in
        let (asked, recorded) = (try asked(cluster), try recorded(cluster))
        #expect(Set(recorded).count == recorded.count, "a use is recorded twice")
        return asked.isSubset(of: recorded) ? true : nil
      }
      let list = try cluster.operate("audit", "list", "--node", node.name)
      #expect(list.contains("kms unwrap") && list.contains("kms wrap") && !list.contains("node-2"))
      #expect(try cluster.operate("audit", "list", "--key", "arn:nothing").contains("None of the last"))
      #expect(try cluster.operate("audit", "verify").contains("all sound"))
    }
  }

  /// The ids of the KMS's own log, but for the operator's door.
  private func asked(_ cluster: TestCluster) throws -> Set<String> {
    Set(
      try DiskScan.auditOfKMS(cluster).compactMap { entry in
        guard let action = entry["operation"] as? String, ["Encrypt", "Decrypt"].contains(action) else { return nil }
        return entry["requestId"] as? String
      })
  }

  private func recorded(_ cluster: TestCluster) throws -> [String] {
    let list = try cluster.query("audit", "list", "--last", "500") as? [String: Any]
    let links = list?["audit"] as? [[String: Any]] ?? []
    return links.compactMap { ($0["entry"] as? [String: Any])?["requestID"] as? String }
  }
}
