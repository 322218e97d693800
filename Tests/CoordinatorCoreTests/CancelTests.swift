// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("A plan that provisions something can be taken back by an operator's word, no other one")
struct CancelTests {
  private let fresh = Bench.node(4)

  private func cancel(_ plan: PlanID, _ bench: inout Bench) throws(CoordinatorError) {
    _ = try bench.order { core, now throws(CoordinatorError) in
      try core.cancelPlan(String(plan.text.prefix(8)), now: now)
    }
  }

  private func why(_ plan: PlanID, _ bench: inout Bench) -> CoordinatorError? {
    do throws(CoordinatorError) { try cancel(plan, &bench) } catch { return error }
    return nil
  }

  /// Three nodes that serve, and a fourth that is enrolled.
  private func serve() throws -> Bench {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    try bench.order { core, now throws(CoordinatorError) in
      try core.enrollNode(fresh, cluster: nil, publicKey: Bench.publicKey(4), now: now)
    }
    var report = NodeReport(node: fresh, boot: .random(), agentVersion: "test", phase: .awaitingSettings)
    report.replicationAddress = "10.0.0.4:7450"
    bench.reports[fresh] = report
    bench.hello(fresh)
    members(1...3, in: &bench)
    return bench
  }

  private func members(_ numbers: ClosedRange<Int>, in bench: inout Bench) {
    for number in 1...3 { bench.reports[Bench.node(number)]?.replication?.members = numbers.map { Bench.node($0) } }
    bench.pass(.seconds(2))
  }

  @Test("a node that joins leaves again and destroys what it has, and the cluster is as before")
  func addNode() throws {
    var bench = try serve()
    let before = bench.record?.nodes
    let plan = try bench.order { core, now throws(CoordinatorError) in
      try core.addNode(fresh, to: Bench.cluster, now: now)
    }
    bench.followAssignment()
    bench.change(4) { $0.phase = .empty }
    members(1...4, in: &bench)
    #expect(try bench.plan(plan).steps.first?.state == .done)

    try cancel(plan, &bench)
    #expect(why(plan, &bench)?.code == .conflict)
    #expect(try bench.plan(plan).steps.map(\.kind) == [.admit, .retire, .leave])
    bench.pass(.seconds(1))
    #expect(try bench.plan(plan).isOpen, "it is out of the shard first, and has destroyed what it has")
    members(1...3, in: &bench)
    try bench.restart()
    for node in bench.reports.keys.sorted() { bench.hello(node) }
    bench.change(4) { ($0.phase, $0.generation) = (.awaitingSettings, nil) }
    bench.pass(.seconds(5))
    guard case .rolledBack(let reason) = try bench.plan(plan).outcome else {
      Issue.record("the plan was not rolled back")
      return
    }
    #expect(reason.contains("an operator"))
    #expect(bench.record?.nodes == before && bench.record?.joining == nil && bench.record?.leaving == nil)
    #expect(bench.auditTrail.contains { $0.action == "node left" } && why(plan, &bench)?.why == "It is over.")
  }

  @Test("a cluster is given up as long as none of its nodes was asked to form it")
  func create() throws {
    for isBegun in [false, true] {
      var bench = try Bench()
      try bench.enroll(3)
      let plan = try bench.order { core, now throws(CoordinatorError) in
        try core.createCluster(Bench.cluster, project: Bench.project, nodes: [], now: now)
      }
      if isBegun {
        bench.followAssignment()
        for number in 1...3 { bench.change(number) { $0.phase = .empty } }
        #expect(try bench.plan(plan).steps.contains { $0.command != nil })
        #expect(why(plan, &bench)?.why.contains("form the shard") == true && bench.record != nil)
      } else {
        try cancel(plan, &bench)
        #expect(bench.record == nil && bench.core.nodes.allSatisfy { $0.cluster == nil })
        #expect(bench.assignments(to: Bench.node(1)).isEmpty)
        try bench.restart()
        try bench.order { core, now throws(CoordinatorError) in
          try core.createCluster(Bench.cluster, project: Bench.project, nodes: [Bench.node(1)], now: now)
        }
      }
    }
  }

  @Test("any other goes on, and the refusal names the order that turns it round")
  func others() throws {
    var bench = try Bench()
    try bench.serve(3)
    let encrypt = try bench.order { core, now throws(CoordinatorError) in
      try core.encryptCluster(Bench.cluster, now: now)
    }
    #expect(why(encrypt, &bench)?.next.contains("keyfold cluster decrypt orders") == true)
    #expect(try bench.plan(encrypt).isOpen)
    let stop = try bench.order { core, now throws(CoordinatorError) in
      try core.shutdownCluster(Bench.cluster, now: now)
    }
    #expect(why(stop, &bench)?.next.contains("keyfold cluster start orders") == true)
    #expect(try bench.plan(stop).isOpen)
  }
}
