// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation
import Testing

@Suite("A customer's key that goes away", .serialized, .timeLimit(.minutes(10))) struct RevocationTests {
  @Test("a revoked key closes every node, a restored one opens them all again with nothing lost")
  func revoked() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      let arn = try cluster.useKey()
      try cluster.operate("cluster", "encrypt", TestCluster.name, "--wait", "--timeout", "120")
      try await cluster.insert(7, into: "k", of: "keys")
      let pids = cluster.nodes.map(\.pid)
      try cluster.operate("local-kms", "disable", arn, "--data", cluster.root + "/kms")
      _ = try cluster.run(["keyfold", "kms", "check", TestCluster.project])
      try await phase("disabled", of: cluster.nodes, in: cluster)
      #expect(cluster.nodes.map(\.pid) == pids && cluster.nodes.allSatisfy(\.isRunning))
      // A disabled node has just replaced its process image; its port is back when the new one is ready.
      let refused = try await eventually("an answer of a disabled node") {
        try? await cluster.client(cluster.nodes[0]).run(["find": "k", "filter": [:], "$db": "keys"])
      }
      #expect(refused["ok"] == .double(0))

      try cluster.operate("local-kms", "enable", arn, "--data", cluster.root + "/kms")
      _ = try cluster.run(["keyfold", "kms", "check", TestCluster.project])
      try await phase("serving", of: cluster.nodes, in: cluster)
      try await cluster.holds(1, in: "k", of: "keys")
    }
  }

  @Test("an unreachable KMS touches no running node; a starting one waits and opens by itself")
  func unreachable() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try cluster.encrypt()
      try await cluster.insert(7, into: "k", of: "keys")
      cluster.kms.kill9()
      _ = try cluster.run(["keyfold", "kms", "check", TestCluster.project])
      try await phase("serving", of: cluster.nodes, in: cluster)
      let restarted = cluster.nodes[2]
      restarted.kill9()
      try await restarted.start()
      try await phase("awaiting KMS", of: [restarted], in: cluster)
      let refused = try await cluster.client(restarted).run(["find": "k", "filter": [:], "$db": "keys"])
      #expect(refused["ok"] == .double(0))
      #expect("\(refused["errmsg"].map { "\($0)" } ?? "")".contains("KMS"))
      try await cluster.insert(8, into: "k", of: "keys")

      try await cluster.kms.start()
      try await phase("serving", of: [restarted], in: cluster)
      try await cluster.holds(2, in: "k", of: "keys")
    }
  }

  private func phase(_ wanted: String, of nodes: [Daemon], in cluster: TestCluster) async throws {
    _ = try await eventually("\(nodes.map(\.name)) \(wanted)") { () -> Bool? in
      guard let list = try? cluster.query("node", "list") as? [String: Any],
        let views = list["nodes"] as? [[String: Any]]
      else { return nil }
      let phases = nodes.map { node in views.first { $0["name"] as? String == node.name }?["phase"] as? String }
      return phases.allSatisfy { $0 == wanted } ? true : nil
    }
  }
}
