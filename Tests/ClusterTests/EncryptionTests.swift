// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation
import Testing

@Suite("A running cluster under a customer's key", .serialized, .timeLimit(.minutes(10))) struct EncryptionTests {
  @Test("encrypts while it takes writes, and leaves no plaintext, key or credential on any node's disk")
  func encrypts() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try await cluster.underLoad { load in
        #expect(try DiskScan.count(TestCluster.marker, below: cluster.root + "/nodes") > 0)
        try cluster.encrypt()
        try await load.progress(by: 20)
      }
      for node in cluster.nodes {
        #expect(try DiskScan.count(TestCluster.marker, below: node.data) == 0, "plaintext on \(node.name)")
        #expect(try DiskScan.generations(of: node) == 1)
      }
      let secret = try DiskScan.secretAccessKey(of: cluster)
      #expect(try DiskScan.count(secret, below: cluster.root + "/nodes") == 0)
      #expect(try DiskScan.count(secret, below: cluster.root + "/coordinator") == 0)
      #expect(try DiskScan.count(secret, below: cluster.root + "/log") == 0)
      #expect(try DiskScan.looseFiles(below: cluster.root + "/nodes").isEmpty)
      #expect(try DiskScan.looseFiles(below: cluster.root + "/coordinator").isEmpty)
      #expect(try DiskScan.looseFiles(below: cluster.root + "/kms").isEmpty)
    }
  }

  @Test("restarts with one unwrap a node and reads everything back; rotation keeps every data file as it is")
  func restartsAndRotates() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try cluster.encrypt()
      let load = Workload(cluster)
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await load.run() }
        try await load.progress(by: 30)
        load.stop()
        try await group.waitForAll()
      }
      let before = try DiskScan.masterKeys(of: cluster)
      try cluster.operate("keys", "rotate", TestCluster.name, "--wait", "--timeout", "60")
      let after = try DiskScan.masterKeys(of: cluster)
      #expect(before.count == 3 && after.count == 3)
      #expect(Set(before).isDisjoint(with: after), "a node kept its master key")

      // A database made after the last report of a step: the keystore has grown since the engine was opened.
      try await cluster.insert(1, into: "d", of: "late")
      try cluster.operate("cluster", "shutdown", TestCluster.name, "--wait", "--timeout", "60")
      let unwraps = try DiskScan.unwrapsByNode(of: cluster)
      try cluster.operate("cluster", "start", TestCluster.name, "--wait", "--timeout", "60")
      _ = try await cluster.primary()
      for (node, count) in try DiskScan.unwrapsByNode(of: cluster) {
        #expect(count - (unwraps[node] ?? 0) == 1, "\(node) asked the KMS more than once for one start")
      }
      for node in cluster.nodes {
        let missing = try await eventually("\(node.name) has everything") { () -> [Int]? in
          let missing = try? await load.missing(on: node)
          return missing?.isEmpty == true ? missing : nil
        }
        #expect(missing.isEmpty)
      }
    }
  }

  @Test("a cluster of one node copies from its own old generation")
  func single() async throws {
    try await TestCluster.with(nodes: 1) { cluster in
      try await cluster.underLoad { load in
        try cluster.encrypt()
        try await load.progress(by: 20)
      }
      #expect(try DiskScan.count(TestCluster.marker, below: cluster.root + "/nodes") == 0)
    }
  }

  @Test("the processes lock their keys in memory and write no core dumps")
  func hardened() async throws {
    try await TestCluster.with(nodes: 1) { cluster in
      try cluster.encrypt()
      for daemon in cluster.daemons {
        let pid = try #require(daemon.pid)
        let limits = try String(contentsOfFile: "/proc/\(pid)/limits", encoding: .utf8)
        let core = try #require(limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") })
        #expect(core.split(separator: " ").filter { $0 == "0" }.count == 2, "core dumps of \(daemon.name): \(core)")
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let locked = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmLck:") })
        #expect(!locked.contains(" 0 kB"), "\(daemon.name) has no locked memory: \(locked)")
      }
    }
  }
}
