// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Testing

@Suite("A customer key is replaced by another", .serialized, .timeLimit(.minutes(10))) struct KeyChangeTests {
  @Test("while the cluster takes writes; a node that is away takes part when it returns, and the old key waits for it")
  func away() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      let old = try cluster.useKey()
      try cluster.operate("cluster", "encrypt", TestCluster.name, "--wait", "--timeout", "120")
      let new = try cluster.makeKey()
      let node = cluster.nodes[2]
      try await cluster.underLoad { load in
        node.stop()
        _ = try await eventually("the node is missed") {
          let view = try? cluster.query("node", "show", node.name) as? [String: Any]
          return view?["connected"] as? Bool == false ? true : nil
        }
        try cluster.order(cluster.naming(new))
        _ = try await eventually("the others have moved") {
          (try? cluster.nodesNeeding(old)) == [node.name] ? true : nil
        }
        try await load.progress(by: 20)
        #expect(try cluster.nodesWithKeystore(under: old) == [node.name])
        #expect(try cluster.operate("cluster", "show", TestCluster.name).contains("do not disable the old key"))
        #expect(try cluster.operate("kms", "show", TestCluster.project).contains("rotation in progress"))
        #expect(try cluster.operate("keys", "tree").contains("do not disable this key"))
        let refused = try cluster.run(["keyfold", "kms", "retire", old])
        #expect(refused.status == 4 && refused.output.contains(node.name), "\(refused.output)")
        // It has to catch up before the load ends.
        try await node.start()
      }
      try await cluster.hasLeft(old, for: new)
      try cluster.operate("local-kms", "disable", old, "--data", cluster.root + "/kms")
      try cluster.operate("cluster", "restart", TestCluster.name, "--wait", "--timeout", "120")
      let kept = try cluster.operate("audit", "list")
      for action in ["kms key replaced", "kms key not needed", "kms retire"] {
        #expect(kept.contains(action), "\(action) is not in the audit record")
      }
    }
  }

  @Test("to another KMS while the old one is out of reach, and never while the old key is revoked")
  func otherKMS() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      let old = try cluster.useKey()
      try cluster.operate("cluster", "encrypt", TestCluster.name, "--wait", "--timeout", "120")
      let other = Daemon(
        "kms-2",
        executable: [
          "keyfold", "local-kms", "serve", "--data", cluster.root + "/kms-2", "--port", "0", "--metrics-port", "0",
        ], data: cluster.root + "/kms-2", log: cluster.root + "/log/kms-2.log")
      try await other.start()
      defer { other.kill9() }
      let new = try cluster.makeKey(in: "kms-2")

      try cluster.operate("local-kms", "disable", old, "--data", cluster.root + "/kms")
      let refused = try cluster.run(["keyfold"] + cluster.naming(new, in: "kms-2"))
      #expect(refused.status != 0 && refused.output.contains("revoked"), "\(refused.output)")
      #expect(try cluster.nodesWithKeystore(under: new).isEmpty)
      try cluster.operate("local-kms", "enable", old, "--data", cluster.root + "/kms")
      _ = try await cluster.primary()

      cluster.kms.kill9()
      try cluster.order(cluster.naming(new, in: "kms-2"))
      try await cluster.hasLeft(old, for: new)
      try cluster.operate("cluster", "restart", TestCluster.name, "--wait", "--timeout", "120")
      let secret = try DiskScan.secretAccessKey(of: cluster)
      #expect(try DiskScan.count(secret, below: cluster.root + "/nodes") == 0)
    }
  }
}
