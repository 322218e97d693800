// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation

/// One run: a cluster, writers, a nemesis and plans at the same time; then peace, and the checker.
struct ChaosRun: Sendable {
  let seed: UInt64
  let nodes: Int
  let time: Duration
  var say: @Sendable (String) -> Void = { _ in }

  /// How long the cluster may take to be whole again once nothing is broken any more.
  static let healing = Duration.seconds(120)

  /// Throws with everything one needs to look into it; answers the checker's report.
  @discardableResult
  func run() async throws -> String {
    let options = ClusterOptions(proxiesLinks: true, disks: try await DiskFaults())
    return try await TestCluster.with(nodes: nodes, options: options) { cluster in
      let nemesis = Nemesis(cluster, seed: seed, say: say)
      do {
        return try await run(on: cluster, nemesis)
      } catch {
        let views = (try? cluster.run(["keyfold", "node", "list", "--timeout", "3"]).output) ?? ""
        let plans = (try? cluster.run(["keyfold", "plan", "list", "--timeout", "3"]).output) ?? ""
        throw TestFailure(
          """
          chaos with seed \(seed), \(nodes) nodes, \(time): \(error)
          what was done:
          \(nemesis.events.joined(separator: "\n"))
          \(views)
          \(plans)
          """)
      }
    }
  }

  private func run(on cluster: TestCluster, _ nemesis: Nemesis) async throws -> String {
    try cluster.useKey()
    let workload = try await DriverWorkload(cluster)
    let writers = try await workload.start(seed: seed)
    defer { if writers.isRunning { kill(writers.pid, SIGKILL) } }
    try await progress(workload, by: 50)
    try cluster.operate("cluster", "encrypt", TestCluster.name)
    nemesis.note("encrypt ordered")
    try await nemesis.run(for: time)
    try await progress(workload, by: 50)
    nemesis.note("writes are acknowledged again")
    try await plansEnd(in: cluster)
    nemesis.note("every plan has ended")
    try await workload.stop(writers)
    try nemesis.expectNoDeaths()
    let (passed, report) = try await workload.check(within: Self.healing)
    guard passed else { throw TestFailure(report) }
    nemesis.note("checked: " + report.split(separator: "\n").joined(separator: " "))
    for node in cluster.nodes {
      guard try DiskScan.count(TestCluster.marker, below: node.data) == 0 else {
        throw TestFailure("plaintext is left on \(node.name)")
      }
    }
    return report
  }

  private func progress(_ workload: DriverWorkload, by count: Int) async throws {
    let target = workload.acknowledged + count
    _ = try await eventually(within: Self.healing, "\(count) more acknowledged writes") {
      workload.acknowledged >= target ? true : nil
    }
  }

  private func plansEnd(in cluster: TestCluster) async throws {
    _ = try await eventually(within: Self.healing, "every plan has ended") { () -> Bool? in
      let list = try? await blocking { try PlanList(cluster) }
      guard let list, list.open.isEmpty else { return nil }
      guard list.failed.isEmpty else { throw TestFailure("plans failed: \(list.failed)") }
      return true
    }
  }
}

/// The plans of the cluster, as an operator sees them.
struct PlanList: Sendable {
  let open: [String]
  let failed: [String]

  init(_ cluster: TestCluster) throws {
    guard let list = try cluster.query("plan", "list", "--timeout", "5") as? [String: Any],
      let plans = list["plans"] as? [[String: Any]]
    else { throw TestFailure("there is no list of plans") }
    func those(_ states: Set<String>) -> [String] {
      plans.filter { states.contains($0["state"] as? String ?? "") }.map {
        "\($0["kind"] ?? "?"): \($0["state"] ?? "?") \($0["waitingReason"] ?? "")"
      }
    }
    open = those(["waiting", "running"])
    failed = those(["failed"])
  }
}
