// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Testing

@Suite("Nodes join and leave an encrypted cluster", .serialized, .timeLimit(.minutes(10))) struct MemberTests {
  @Test("while it takes writes and processes are killed, under keys of their own, and leave nothing behind")
  func joinsAndLeaves() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try cluster.encrypt()
      let before = Set(try DiskScan.masterKeys(of: cluster))
      try await cluster.underLoad { load in
        let spare = try await cluster.makeSpare("node-4")
        try cluster.operate("cluster", "add-node", TestCluster.name, "node-4")
        cluster.coordinator.kill9()
        try await cluster.coordinator.start()
        #expect(try await cluster.end(of: "add a node") == "done")
        #expect(Set(try DiskScan.masterKeys(of: cluster)).subtracting(before).count == 1)
        try await cluster.serves(4)
        try await load.progress(by: 20)
        // It counts: with one other gone there is a majority only with it, and it can start again by itself.
        spare.kill9()
        try await spare.start()
        try await cluster.serves(4)

        let leaving = try await cluster.primary()
        try cluster.operate("cluster", "remove-node", TestCluster.name, leaving.name, "--confirm")
        cluster.coordinator.kill9()
        try await cluster.coordinator.start()
        #expect(try await cluster.end(of: "remove a node") == "done")
        try await cluster.serves(3)
        #expect(try DiskScan.generations(of: leaving) == 0)
        #expect(try DiskScan.files(below: leaving.data).allSatisfy { !$0.hasSuffix("/keystore") })
        #expect(!FileManager.default.fileExists(atPath: leaving.data + "/CURRENT"))
        try await load.progress(by: 20)
        #expect(try cluster.operate("audit", "list").contains("it reports no key and no file"))

        // The same machine may come again, as a new node of the cluster.
        try cluster.operate("cluster", "add-node", TestCluster.name, leaving.name, "--wait", "--timeout", "120")
        try await cluster.serves(4)
      }
    }
  }

  @Test(
    "ends whole whatever durable step a leaving node dies in",
    arguments: ["leave.keystores", "generation.destroy.keystore", "leave.files"])
  func diesLeaving(at point: String) async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try cluster.encrypt()
      let node = cluster.nodes[2]
      node.kill9()
      try await node.start(with: ["KEYFOLD_FAILPOINT": point])
      try await cluster.serves(3)
      try cluster.operate("cluster", "remove-node", TestCluster.name, node.name, "--confirm")
      _ = try await eventually("it dies at \(point)") { node.isRunning ? nil : true }
      try await node.start()
      #expect(try await cluster.end(of: "remove a node") == "done")
      #expect(try DiskScan.generations(of: node) == 0)
      try await cluster.serves(2)
    }
  }

  @Test("a node that the KMS refuses says which address to let in, and leaves again when its time is over")
  func refused() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try cluster.encrypt()
      let kms = ["--data", cluster.root + "/kms"]
      let fault = try cluster.run(
        ["keyfold", "local-kms", "fault", "set", "deny", "--from", "127.0.0.9", "--for", "600"] + kms)
      #expect(fault.status == 0, "\(fault.output)")
      let spare = try await cluster.makeSpare("node-4", kmsSourceAddress: "127.0.0.9")
      try cluster.operate("cluster", "add-node", TestCluster.name, "node-4", "--deadline-minutes", "1")
      _ = try await eventually("it says what it waits for") { () -> Bool? in
        let list = try cluster.run(["keyfold", "node", "list"]).output
        let plans = try cluster.run(["keyfold", "plan", "list"]).output
        return list.contains("waiting for KMS access") && plans.contains("let in: 127.0.0.") ? true : nil
      }
      // Meanwhile the lease is free for others.
      try cluster.operate("keys", "rotate", TestCluster.name, "--wait", "--timeout", "40")
      cluster.coordinator.kill9()
      try await cluster.coordinator.start()
      #expect(try await cluster.end(of: "add a node", within: .seconds(150)) == "failed")
      #expect(try DiskScan.generations(of: spare) == 0)
      try await cluster.serves(3)
      _ = try cluster.run(["keyfold", "local-kms", "fault", "clear"] + kms)
      try cluster.operate("cluster", "add-node", TestCluster.name, "node-4", "--wait", "--timeout", "120")
      try await cluster.serves(4)
    }
  }
}
