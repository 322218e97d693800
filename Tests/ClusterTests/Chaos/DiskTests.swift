// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Testing

@Suite("A disk that is slow, full or broken", .serialized) struct DiskTests {
  @Test("slow under one member costs the others nothing; under the primary writes go on", .timeLimit(.minutes(15)))
  func slow() async throws {
    try await TestCluster.with(nodes: 3, options: ClusterOptions(disks: try await DiskFaults())) { cluster in
      try await cluster.underLoad { load in
        let primary = try await cluster.primary()
        let secondary = cluster.nodes.first { $0 !== primary } ?? primary
        try DiskFaults.set(.slow(milliseconds: 400), on: secondary)
        // Each write would take 0.4 s if the slow member were waited for. Up to three times, because one may fall on a
        // moment in which the machine does something else.
        var times: [Duration] = []
        repeat {
          let started = ContinuousClock.now
          try await load.progress(by: 100)
          times.append(ContinuousClock.now - started)
        } while times.count < 3 && times.allSatisfy { $0 >= .seconds(36) }
        #expect(times.contains { $0 < .seconds(36) }, "\(times)")
        try DiskFaults.set(.slow(milliseconds: 400), on: primary)
        try await load.progress(by: 10)
        for node in [primary, secondary] { try DiskFaults.set(nil, on: node) }
        try await load.progress(by: 100)
      }
    }
  }

  @Test(
    "full or broken fails its node by name, whichever it is; the others serve on, and it comes back whole",
    .timeLimit(.minutes(15)), arguments: [true, false], [DiskFaults.Fault.full, .broken])
  func failing(primary isPrimary: Bool, fault: DiskFaults.Fault) async throws {
    try await TestCluster.with(nodes: 3, options: ClusterOptions(disks: try await DiskFaults())) { cluster in
      try cluster.encrypt()
      try await cluster.underLoad { load in
        let primary = try await cluster.primary()
        let victim = isPrimary ? primary : cluster.nodes.first { $0 !== primary } ?? primary
        try DiskFaults.set(fault, on: victim)
        let damage = try await failure(of: victim, in: cluster)
        #expect(!damage.isEmpty && damage.allSatisfy { $0.file != "" && $0.reason != "" }, "\(damage)")
        try await load.progress(by: 50)
        try DiskFaults.set(nil, on: victim)
        // An operator has made room, or put another disk in: the node is started again.
        if victim.isRunning { victim.kill9() }
        try await victim.start()
        try await load.progress(by: 50)
      }
    }
  }

  @Test("full keeps its node from being copied anew, which says how much is missing, until there is room")
  func noRoom() async throws {
    try await TestCluster.with(nodes: 3, options: ClusterOptions(disks: try await DiskFaults())) { cluster in
      try await cluster.underLoad { load in
        let primary = try await cluster.primary()
        let victim = cluster.nodes.first { $0 !== primary } ?? primary
        try DiskFaults.set(.full, on: victim)
        _ = try await failure(of: victim, in: cluster)
        let text = try await eventually("\(victim.name) says what is missing") { () -> String? in
          let view = try? cluster.query("node", "show", victim.name) as? [String: Any]
          guard let text = view?["initialSync"] as? String, text.contains("free, and a copy needs") else { return nil }
          return text
        }
        #expect(text.contains("0 bytes free"), "\(text)")
        try await load.progress(by: 50)
        #expect(try DiskScan.generations(of: victim) == 1, "a copy was begun")
        // The first order may have come by a report from before the disk was full; there is no second.
        #expect(victim.logText.ranges(of: "the initial sync failed").count <= 1, "a copy was begun again")
        try DiskFaults.set(nil, on: victim)
        _ = try await cluster.initialSync(of: victim, at: 1, reading: nil)
        try await load.progress(by: 50)
      }
    }
  }

  private func failure(of node: Daemon, in cluster: TestCluster) async throws -> [NodeList.Damage] {
    try await eventually("\(node.name) reports its disk") {
      guard let list = try? await blocking({ try NodeList(cluster) }) else { return nil }
      return list.failures[node.name]
    }
  }
}

/// What the nodes that failed say.
struct NodeList: Sendable {
  struct Damage: Sendable {
    let file: String
    let reason: String
  }

  let failures: [String: [Damage]]

  init(_ cluster: TestCluster) throws {
    guard let list = try cluster.query("node", "list", "--timeout", "5") as? [String: Any],
      let nodes = list["nodes"] as? [[String: Any]]
    else { throw TestFailure("there is no list of nodes") }
    failures = Dictionary(
      uniqueKeysWithValues: nodes.filter { $0["phase"] as? String == "failed" }.map {
        (
          $0["name"] as? String ?? "",
          ($0["damage"] as? [[String: Any]] ?? []).map {
            Damage(file: $0["file"] as? String ?? "", reason: $0["reason"] as? String ?? "")
          }
        )
      })
  }
}
