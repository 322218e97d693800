// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
package import ClusterModel
internal import Messages

/// One agent of a fleet: the production core in a shell that has no data. What a database would do is done at once.
struct FleetPeer {
  let name: NodeName
  let cluster: ClusterName
  /// Its place in its cluster; the first is its primary at the beginning.
  let place: Int
  let address: String
  var core: AgentCore
  var generation: GenerationReport?
  var ipListVersion: UInt64 = 0
  /// Whether its own address is on that list.
  var isListed = false
  /// Whether the coordinator answered the hello of this life.
  var isWelcome = false
  /// When it speaks next without being asked.
  var wordAt: Milliseconds = 0
  /// When it is up again, nil if it is.
  var restartsAt: Milliseconds?
  var term: UInt64 = 1
  var isPrimary: Bool
  var restarts = 0

  init(number: Int, name: NodeName, cluster: ClusterName) {
    (self.name, self.cluster, place) = (name, cluster, number % FleetShape.nodesPerCluster)
    address = "10.\(number / 62_500 % 250).\(number / 250 % 250).\(number % 250 + 1)"
    isPrimary = number % FleetShape.nodesPerCluster == 0
    core = Self.core(name, nil)
  }

  private static func core(_ name: NodeName, _ generation: GenerationReport?) -> AgentCore {
    AgentCore(
      node: name, boot: .random(), generation: generation, timing: AgentTiming(), seed: .random(in: 0 ... .max))
  }

  /// A new life of the process.
  mutating func begin() {
    (isWelcome, restartsAt, ipListVersion, isListed) = (false, nil, 0, false)
    core = Self.core(name, generation)
    _ = core.onCoordinator(connected: true)
  }

  var report: NodeReport {
    var report = NodeReport(node: name, boot: core.boot, agentVersion: "0.1.0", phase: core.phase)
    report.driverAddress = address + ":27017"
    report.replicationAddress = address + ":7450"
    report.generation = core.generation
    if core.isServing {
      report.replication = ReplicationReport(
        role: isPrimary ? .primary : .secondary, term: term, primary: nil, lastIndex: 10, commitIndex: 10,
        appliedIndex: 10)
    }
    report.assignmentVersion = core.assignment?.version ?? 0
    report.ipListVersion = ipListVersion
    report.disk = DiskReport(freeBytes: 1 << 38, totalBytes: 1 << 40, dataBytes: 1 << 36)
    return report
  }
}

/// How a fleet is laid out.
package enum FleetShape {
  /// Nodes of a cluster.
  package static let nodesPerCluster = 3

  /// The name of a node.
  package static func node(_ number: Int) -> NodeName { NodeName(checked: "node-\(number)") }

  /// The cluster of a node.
  package static func cluster(_ number: Int) -> ClusterName {
    ClusterName(checked: "orders-\(number / nodesPerCluster)")
  }
}
