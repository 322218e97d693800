// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation
import Testing

@Suite("The way back of a node", .serialized, .timeLimit(.minutes(10))) struct InitialSyncTests {
  @Test("a node whose data directory is gone comes back by itself under load, under new keys, with everything")
  func replacedDisk() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try cluster.encrypt()
      try await cluster.underLoad { load in
        let victim = try await cluster.secondary()
        let keys = try DiskScan.masterKeys(of: cluster)
        victim.kill9()
        try FileManager.default.removeItem(atPath: victim.data)
        try await load.progress(by: 20)
        try await victim.start()
        let plan = try await cluster.initialSync(of: victim, at: 1)
        #expect(plan.contains("empty"), "the plan does not say why: \(plan)")
        let new = try DiskScan.masterKeys(of: cluster)
        #expect(new.count == 3 && Set(new).subtracting(keys).count == 1, "the copy did not get a master key of its own")
        #expect(try DiskScan.generations(of: victim) == 1)
        try await load.progress(by: 20)
      }
      #expect(try DiskScan.count(TestCluster.marker, below: cluster.root + "/nodes") == 0)
    }
  }

  @Test("a secondary with flipped bits in a table re-syncs by itself under load")
  func damagedTable() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try cluster.encrypt()
      try await cluster.underLoad { load in
        try await load.progress(by: 200)
        let victim = try await cluster.secondary()
        victim.stop()
        let files = try NodeFiles(victim)
        let table = try files.largestTable()
        for place in stride(from: 0.05, to: 1.0, by: 0.02) { try files.flip("store/" + table, at: place) }
        try await victim.start()
        let plan = try await cluster.initialSync(of: victim, at: 1)
        #expect(plan.contains(table), "the plan does not name \(table): \(plan)")
        #expect(try DiskScan.generations(of: victim) == 1)
      }
    }
  }

  @Test("an operator can ask for it, one after the other, the primary included")
  func onRequest() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try await cluster.underLoad { load in
        for node in cluster.nodes {
          let before = try NodeFiles(node).folder
          try cluster.operate("node", "resync", node.name, "--wait", "--timeout", "120")
          #expect(try NodeFiles(node).folder != before)
          try await load.progress(by: 5)
        }
      }
    }
  }
}

extension TestCluster {
  /// A node that is not primary.
  func secondary() async throws -> Daemon {
    let primary = try await primary()
    guard let node = nodes.first(where: { $0.name != primary.name }) else { throw TestFailure("no secondary") }
    return node
  }

  /// Waits until the `count`th plan for an initial sync of a node is done; answers it as text. The node is read
  /// meanwhile, because damage shows only when its page is read.
  @discardableResult
  func initialSync(
    of node: Daemon, at count: Int,
    reading: (database: String, collection: String)? = (
      Workload.database, Workload.collection
    )
  ) async throws -> String {
    try await eventually(within: .seconds(300), "initial sync of \(node.name)") { () -> String? in
      if let reading, let client = try? await client(node) {
        _ = try? client.run([
          "find": .string(reading.collection), "filter": ["text": "nothing"], "$db": .string(reading.database),
          "$readPreference": ["mode": "secondaryPreferred"],
        ])
      }
      guard let list = try? query("plan", "list") as? [String: Any], let plans = list["plans"] as? [[String: Any]]
      else {
        return nil
      }
      let syncs = plans.filter { plan in
        let steps = plan["steps"] as? [[String: Any]] ?? []
        return plan["kind"] as? String == "initial sync" && steps.contains { $0["node"] as? String == node.name }
      }
      guard syncs.count >= count, syncs.allSatisfy({ $0["state"] as? String == "done" }) else { return nil }
      return "\(syncs)"
    }
  }
}
