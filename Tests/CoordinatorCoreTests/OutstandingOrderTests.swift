// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("An order that may still arrive")
struct OutstandingOrderTests {
  private let second = Bench.node(2)
  private let third = Bench.node(3)

  private func restarts(_ bench: Bench, _ node: NodeName) -> Int {
    bench.commands(to: node).count { if case .restart = $0.action { true } else { false } }
  }

  /// Seed 8800668 of the simulation.
  @Test("a node that became primary with a restart in the post is done with before another restarts")
  func restartOfNewPrimary() throws {
    var bench = try Bench()
    try bench.serve(3)
    try bench.order { core, now throws(CoordinatorError) in try core.restartCluster(Bench.cluster, now: now) }
    let first = restarts(bench, second) == 1 ? second : third
    let other = first == second ? third : second
    #expect(restarts(bench, first) == 1 && restarts(bench, other) == 0)

    bench.makePrimary(first == second ? 2 : 3, term: 2)
    bench.pass(.seconds(5))
    #expect(restarts(bench, other) == 0)
    #expect(bench.commands(to: first).contains { $0.action == .stepDown })

    bench.makePrimary(1, term: 3)
    bench.pass(.seconds(2))
    #expect(restarts(bench, first) > 0 && restarts(bench, other) == 0)
    let started = bench.reports[first].map { report in
      var report = report
      report.boot = .random()
      return report
    }
    bench.reports[first] = started
    bench.hello(first)
    #expect(restarts(bench, other) == 1)
  }
}
