// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation
import Testing

@Suite("Whom the coordinator trusts with the customer's key", .serialized, .timeLimit(.minutes(10))) struct TrustTests {
  @Test("an older keystore stays closed without a call to the KMS, until it is put right or approved")
  func olderKeystore() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try cluster.encrypt()
      let node = cluster.nodes[2]
      try await phase("serving", of: node, cluster)
      let older = try keystore(of: node)
      try cluster.operate("keys", "rotate", TestCluster.name, "--wait")
      node.stop()
      let recorded = try keystore(of: node)
      try put(older, as: node)
      let unwraps = try DiskScan.unwrapsByNode(of: cluster)[node.name]
      try await node.start()
      let reason = try await phase("not approved", of: node, cluster)
      #expect(reason.contains("is recorded"), "\(reason)")
      #expect(try DiskScan.unwrapsByNode(of: cluster)[node.name] == unwraps, "it asked the KMS")
      #expect(try alerts(cluster).contains { $0.contains("node approve \(node.name)") })
      let answer = try await cluster.client(node).run(["find": "t", "filter": [:], "$db": "trust"])
      #expect("\(answer["errmsg"].map { "\($0)" } ?? "")".contains("not approved"), "\(answer)")
      try await cluster.insert(1, into: "t", of: "trust")

      node.stop()
      try put(recorded, as: node)
      try await node.start()
      try await phase("serving", of: node, cluster)

      node.stop()
      try put(older, as: node)
      try await node.start()
      try await phase("not approved", of: node, cluster)
      try cluster.operate("node", "approve", node.name)
      try await phase("serving", of: node, cluster)
      #expect(try cluster.operate("audit", "list").contains("node approve"))
    }
  }

  @Test("a keystore that is replaced beside a running agent is seen while the node serves on")
  func swapped() async throws {
    try await TestCluster.with(nodes: 1) { cluster in
      try cluster.encrypt()
      let node = cluster.nodes[0]
      // A database made later would bring a key, and with it a new file.
      try await cluster.insert(1, into: "t", of: "trust")
      let older = try keystore(of: node)
      try cluster.operate("keys", "rotate", TestCluster.name, "--wait")
      let recorded = try keystore(of: node)
      try put(older, as: node)
      _ = try await eventually("the swap is reported") {
        (try? damage(of: node, cluster))?.contains("keystore") == true ? true : nil
      }
      #expect(try view(of: node, cluster)["phase"] as? String == "serving")
      try await cluster.insert(2, into: "t", of: "trust")
      try put(recorded, as: node)
      _ = try await eventually("the damage is over") { (try? damage(of: node, cluster))?.isEmpty == true ? true : nil }
    }
  }

  @Test("a clone beside its original gets no key, not even when that is gone, until an operator approves it")
  func clone() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try cluster.encrypt()
      let node = cluster.nodes[2]
      node.stop()
      let clone = try cluster.clone(of: node)
      try await node.start()
      try await phase("serving", of: node, cluster)
      let unwraps = try DiskScan.unwrapsByNode(of: cluster)[node.name]
      try await clone.start()
      defer { clone.kill9() }
      _ = try await eventually("the second agent is alarmed") {
        (try? alerts(cluster))?.contains { $0.contains("Two agents run as node \(node.name)") } == true ? true : nil
      }
      #expect(try view(of: node, cluster)["phase"] as? String == "serving")
      node.kill9()
      _ = try await eventually("the original is missed") {
        (try? view(of: node, cluster))?["connected"] as? Bool == false ? true : nil
      }
      #expect(try DiskScan.unwrapsByNode(of: cluster)[node.name] == unwraps, "the clone asked the KMS")
      try cluster.operate("node", "approve", node.name)
      try await phase("serving", of: node, cluster)
      let after = try DiskScan.unwrapsByNode(of: cluster)[node.name] ?? 0
      #expect(after > unwraps ?? 0)
      clone.kill9()
    }
  }

  // MARK: Looking

  /// Waits for a phase; answers the reason behind it.
  @discardableResult
  private func phase(_ wanted: String, of node: Daemon, _ cluster: TestCluster) async throws -> String {
    try await eventually("\(node.name) is \(wanted)") {
      guard let view = try? view(of: node, cluster) else { return nil }
      guard view["phase"] as? String == wanted, view["connected"] as? Bool == true else { return nil }
      return view["reason"] as? String ?? ""
    }
  }

  private func view(of node: Daemon, _ cluster: TestCluster) throws -> [String: Any] {
    try cluster.query("node", "show", node.name) as? [String: Any] ?? [:]
  }

  private func damage(of node: Daemon, _ cluster: TestCluster) throws -> String {
    let damage = try view(of: node, cluster)["damage"] as? [[String: Any]] ?? []
    return damage.compactMap { $0["file"] as? String }.joined()
  }

  private func alerts(_ cluster: TestCluster) throws -> [String] {
    let list = try cluster.query("alert", "list") as? [String: Any]
    return (list?["alerts"] as? [[String: Any]] ?? []).compactMap { $0["text"] as? String }
  }

  private func keystore(of node: Daemon) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: NodeFiles(node).path("keystore")))
  }

  private func put(_ keystore: Data, as node: Daemon) throws {
    try keystore.write(to: URL(fileURLWithPath: NodeFiles(node).path("keystore")), options: .atomic)
  }
}
