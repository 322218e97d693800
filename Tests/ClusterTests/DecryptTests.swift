// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Testing

@Suite("Turning encryption off on a running cluster", .serialized, .timeLimit(.minutes(10))) struct DecryptTests {
  @Test("needs no KMS, takes writes meanwhile, and outlives its coordinator; then the key can be forgotten")
  func decrypts() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try cluster.encrypt()
      #expect(
        try cluster.run(["keyfold", "cluster", "decrypt", TestCluster.name]).status == 2, "not without --confirm")
      let refused = try cluster.run(["keyfold", "kms", "remove", TestCluster.project])
      #expect(refused.status == 4 && refused.output.contains(TestCluster.name), "\(refused.output)")
      cluster.kms.kill9()
      try await cluster.underLoad { load in
        try cluster.operate("cluster", "decrypt", TestCluster.name, "--confirm")
        cluster.coordinator.kill9()
        try await cluster.coordinator.start()
        try await load.progress(by: 20)
        try await finished("decrypt", in: cluster)
      }
      try check(cluster)
      try cluster.operate("kms", "remove", TestCluster.project)
      let node = cluster.nodes[0]
      node.kill9()
      try await node.start()
      _ = try await eventually("it starts without a key") {
        try cluster.operate("node", "list").components(separatedBy: "serving").count == 4 ? true : nil
      }
      #expect(try cluster.operate("audit", "list").contains("kms settings removed"))
    }
  }

  @Test(
    "is refused at once after the key was disabled, which locks out; and a node that sees it revoked copies nothing")
  func revoked() async throws {
    try await TestCluster.with(nodes: 1) { cluster in
      let (kms, node) = (cluster.root + "/kms", cluster.nodes[0])
      let file = URL(fileURLWithPath: "\(cluster.root)/\(node.name).json")
      var fields = try #require(JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
      fields["kmsSourceAddress"] = "127.0.0.9"
      try cluster.write(fields, to: "\(node.name).json")
      node.kill9()
      try await node.start()
      let arn = try cluster.useKey()
      try cluster.operate("cluster", "encrypt", TestCluster.name, "--wait", "--timeout", "120")
      try cluster.operate("local-kms", "disable", arn, "--data", kms)
      let refused = try cluster.run(["keyfold", "cluster", "decrypt", TestCluster.name, "--confirm"])
      #expect(refused.status == 4 && refused.output.contains("keyDisabled"), "\(refused.output)")
      try await phase("disabled", of: node, in: cluster)
      try cluster.operate("local-kms", "enable", arn, "--data", kms)
      try cluster.operate("cluster", "try-again", TestCluster.name)
      try await phase("serving", of: node, in: cluster)

      try cluster.operate("local-kms", "fault", "set", "deny", "--from", "127.0.0.9", "--data", kms)
      try cluster.operate("cluster", "decrypt", TestCluster.name, "--confirm")
      _ = try await eventually("the node says why it does not copy, or the plan why it waits") { () -> Bool? in
        let list = try cluster.operate("plan", "list")
        return list.contains("nothing is copied in the clear") || list.contains("sees it revoked") ? true : nil
      }
      #expect(try DiskScan.files(below: node.data).contains { $0.hasSuffix("/keystore") })
      #expect(try DiskScan.generations(of: node) == 1)
      try cluster.operate("local-kms", "fault", "clear", "--data", kms)
      try cluster.operate("kms", "check", TestCluster.project)
      try await finished("decrypt", in: cluster)
    }
  }

  private func phase(_ wanted: String, of node: Daemon, in cluster: TestCluster) async throws {
    _ = try await eventually("\(node.name) is \(wanted)") { () -> Bool? in
      try cluster.operate("node", "list").contains(wanted) ? true : nil
    }
  }

  @Test(
    "ends whole whatever durable step a node dies in",
    arguments: [
      "generation.create.after", "current.before", "current.after", "generation.destroy.before",
      "generation.destroy.keystore",
    ])
  func killed(at point: String) async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try cluster.encrypt()
      let node = cluster.nodes[1]
      node.kill9()
      try await node.start(with: ["KEYFOLD_FAILPOINT": point])
      _ = try await eventually("it serves") {
        try cluster.operate("node", "list").components(separatedBy: "serving").count == 4 ? true : nil
      }
      try await cluster.underLoad { load in
        try cluster.operate("cluster", "decrypt", TestCluster.name, "--confirm")
        _ = try await eventually("it dies at \(point)") { node.isRunning ? nil : true }
        try await load.progress(by: 5)
        try await node.start()
        try await finished("decrypt", in: cluster)
      }
      try check(cluster)
    }
  }

  /// Every node is plain, and no keystore is left anywhere.
  private func check(_ cluster: TestCluster) throws {
    for node in cluster.nodes {
      #expect(try DiskScan.generations(of: node) == 1)
      #expect(try DiskScan.files(below: node.data).allSatisfy { !$0.hasSuffix("/keystore") })
      #expect(try DiskScan.count(TestCluster.marker, below: node.data) > 0, "\(node.name) is not plain")
    }
    #expect(try cluster.operate("cluster", "show", TestCluster.name).contains("off"))
  }

  private func finished(_ kind: String, in cluster: TestCluster) async throws {
    _ = try await eventually(within: .seconds(120), "plan \(kind) is done") { () -> Bool? in
      guard let list = try? cluster.query("plan", "list") as? [String: Any],
        let plans = list["plans"] as? [[String: Any]],
        let plan = plans.first(where: { ($0["kind"] as? String)?.contains(kind) == true })
      else { return nil }
      return plan["state"] as? String == "done" ? true : nil
    }
  }
}
