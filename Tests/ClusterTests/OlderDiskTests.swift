// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Testing

@Suite("A disk that is put back from an older copy", .serialized, .timeLimit(.minutes(15))) struct OlderDiskTests {
  @Test("elects nobody without what was acknowledged since, though its keystore is the present one")
  func electsNobody() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try cluster.encrypt()
      try await cluster.insert(0, into: "d", of: "disks")
      let primary = try await cluster.primary()
      let others = cluster.nodes.filter { $0 !== primary }
      let (victim, idle) = (others[0], others[1])
      for node in others { try await cluster.holds(1, in: "d", of: "disks", on: node) }

      // The copy is made between two lives of the node; what follows is acknowledged by it and by the primary alone.
      victim.kill9()
      let copy = victim.data + ".older"
      try FileManager.default.copyItem(atPath: victim.data, toPath: copy)
      try await victim.start()
      try await cluster.holds(1, in: "d", of: "disks", on: victim)
      idle.kill9()
      for id in 1...50 { try await cluster.insert(id, into: "d", of: "disks") }
      try await cluster.holds(51, in: "d", of: "disks", on: victim)
      let written = try await applied(by: primary, of: cluster, atLeast: 51)
      _ = try await applied(by: victim, of: cluster, atLeast: written)

      primary.kill9()
      victim.kill9()
      try FileManager.default.removeItem(atPath: victim.data)
      try FileManager.default.moveItem(atPath: copy, toPath: victim.data)
      try await victim.start()
      try await idle.start()
      _ = try await eventually("\(victim.name) knows what it lost") {
        victim.logText.contains("had said that it held") ? true : nil
      }
      try await primary.start()
      try await cluster.holds(51, in: "d", of: "disks")
      for node in cluster.nodes { try await cluster.holds(51, in: "d", of: "disks", on: node) }
    }
  }

  /// Waits until the coordinator has heard that a node applied so much; answers how much.
  private func applied(by node: Daemon, of cluster: TestCluster, atLeast: UInt64) async throws -> UInt64 {
    try await eventually("the coordinator hears how far \(node.name) is") {
      let view = try? cluster.query("node", "show", node.name) as? [String: Any]
      let applied = (view?["appliedIndex"] as? NSNumber)?.uint64Value ?? 0
      return applied >= atLeast ? applied : nil
    }
  }
}
