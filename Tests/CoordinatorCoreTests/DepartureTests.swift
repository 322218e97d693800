// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("A node that is gone for good holds nobody up")
struct DepartureTests {
  private typealias Order = (inout CoordinatorCore, Instant) throws(CoordinatorError) -> Decision<PlanID>
  private let shutDown: Order = { core, now throws(CoordinatorError) in
    try core.shutdownCluster(Bench.cluster, now: now)
  }
  private let start: Order = { core, now throws(CoordinatorError) in try core.startCluster(Bench.cluster, now: now) }
  private let rotate: Order = { core, now throws(CoordinatorError) in try core.rotateMasterKeys(Bench.cluster, now: now)
  }
  private let remove: Order = { core, now throws(CoordinatorError) in
    try core.removeNode(Bench.node(3), from: Bench.cluster, now: now)
  }
  private let gone: Set = [Bench.node(3)]

  private func serve() throws -> Bench {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    return bench
  }

  /// The primary says who belongs to the shard.
  private func members(_ numbers: [Int], in bench: inout Bench, silent: Set<NodeName> = []) {
    for node in Array(bench.reports.keys) where bench.reports[node]?.replication != nil {
      bench.reports[node]?.replication?.members = numbers.map { Bench.node($0) }
    }
    bench.pass(.seconds(2), silent: silent)
  }

  /// All but node 3 were shut down and started again.
  private func startWithoutThird(_ bench: inout Bench) throws -> PlanID {
    bench.pass(.seconds(12), silent: gone)
    try bench.order(shutDown)
    for number in 1...2 { bench.change(number) { ($0.phase, $0.replication) = (.stopped, nil) } }
    let plan = try bench.order(start)
    for number in 1...2 {
      bench.change(number) { ($0.phase, $0.replication) = (.serving, Bench.place(number == 1 ? .primary : .secondary)) }
    }
    bench.pass(.seconds(2), silent: gone)
    #expect(try bench.plan(plan).isOpen)
    return plan
  }

  @Test("it is removed although the cluster's start waits for it, and the start ends with that")
  func removedFromStart() throws {
    var bench = try serve()
    let started = try startWithoutThird(&bench)
    let removed = try bench.order(remove)
    #expect(bench.commands(to: Bench.node(1)).map(\.action) == [.removeMember(Bench.node(3))])
    members([1, 2], in: &bench, silent: gone)
    #expect(bench.record?.leaving == Bench.node(3))
    #expect(try bench.plan(started).outcome == .succeeded && bench.plan(removed).isOpen)
    try bench.order { core, now throws(CoordinatorError) in
      try core.removeNode(Bench.node(3), from: Bench.cluster, abandoned: true, now: now)
    }
    try bench.order(rotate)
    #expect(bench.commands(to: Bench.node(2)).count == 1, "the others can be worked on")
  }

  @Test("the start of a cluster gives it up after a while, and starts it when it is back")
  func startGivesUp() throws {
    var bench = try serve()
    let started = try startWithoutThird(&bench)
    bench.pass(CoordinatorLimits.absencePatience - .seconds(30), silent: gone)
    #expect(try bench.plan(started).isOpen, "its machine may still come up")
    bench.pass(.seconds(35), silent: gone)
    #expect(try bench.plan(started).outcome == .gaveUp(reason: "node-3 is not heard of"))
    #expect(bench.record?.lease == nil)
    bench.pass(.seconds(15), silent: gone)
    bench.change(3) { ($0.phase, $0.replication) = (.stopped, nil) }
    #expect(bench.commands(to: Bench.node(3)).map(\.action) == [.startDatabase])
  }

  @Test("it is removed although a rotation waits for it, and the rotation goes on without it")
  func removedFromRotation() throws {
    var bench = try serve()
    let rotation = try bench.order(rotate)
    bench.rotate(2)
    #expect(bench.commands(to: Bench.node(3)).count == 1)
    bench.pass(.seconds(12), silent: gone)
    try bench.order(remove)
    #expect(bench.commands(to: Bench.node(1)).map(\.action) == [.removeMember(Bench.node(3))])
    members([1, 2], in: &bench, silent: gone)
    #expect(bench.record?.lease == rotation)
    #expect(bench.commands(to: Bench.node(1)).contains { if case .rotateMasterKey = $0.action { true } else { false } })
    bench.rotate(1)
    #expect(try bench.plan(rotation).outcome == .succeeded)
  }

  @Test("it is removed before another, whose removal has to wait for it")
  func removedFirst() throws {
    var bench = try serve()
    bench.pass(.seconds(12), silent: gone)
    let other = try bench.order { core, now throws(CoordinatorError) in
      try core.removeNode(Bench.node(2), from: Bench.cluster, now: now)
    }
    #expect(bench.commands().isEmpty, "the shard would lose its majority")
    let removed = try bench.order(remove)
    #expect(bench.commands(to: Bench.node(1)).map(\.action) == [.removeMember(Bench.node(3))])
    members([1, 2], in: &bench, silent: gone)
    #expect(bench.record?.leaving == Bench.node(3))
    #expect(try bench.plan(other).steps.allSatisfy { $0.state == .pending }, "one after the other")
    try bench.order { core, now throws(CoordinatorError) in
      try core.removeNode(Bench.node(3), from: Bench.cluster, abandoned: true, now: now)
    }
    #expect(bench.commands(to: Bench.node(1)).map(\.action) == [.removeMember(Bench.node(2))])
    #expect(try !bench.plan(removed).isOpen && bench.plan(other).isOpen)
  }

  @Test("the other stays in the shard until it was taken out of it, if the one that was asked to is gone first")
  func askedPrimaryGone() throws {
    var bench = try serve()
    let (first, second) = (Bench.node(1), Bench.node(2))
    let other = try bench.order { core, now throws(CoordinatorError) in
      try core.removeNode(second, from: Bench.cluster, now: now)
    }
    #expect(bench.commands(to: first).map(\.action) == [.removeMember(second)])
    bench.makePrimary(3, term: 2)
    members([1, 2, 3], in: &bench, silent: [first])
    bench.pass(.seconds(12), silent: [first])
    try bench.order { core, now throws(CoordinatorError) in
      try core.removeNode(first, from: Bench.cluster, now: now)
    }
    #expect(bench.commands(to: Bench.node(3)).map(\.action) == [.removeMember(first)])
    members([2, 3], in: &bench, silent: [first])
    #expect(bench.record?.leaving == first)
    try bench.order { core, now throws(CoordinatorError) in
      try core.removeNode(first, from: Bench.cluster, abandoned: true, now: now)
    }
    #expect(bench.commands().map(\.action) == [.removeMember(second)], "it belongs to its shard, and keeps its data")
    #expect(try bench.plan(other).isOpen)
  }

  @Test("of two nodes not both are ordered away, also if one of them is gone")
  func neverBoth() throws {
    var bench = try Bench()
    try bench.serve(2, encrypted: true)
    bench.pass(.seconds(12), silent: [Bench.node(2)])
    try bench.order { core, now throws(CoordinatorError) in
      try core.removeNode(Bench.node(1), from: Bench.cluster, now: now)
    }
    #expect(throws: CoordinatorError.self) {
      try bench.order { core, now throws(CoordinatorError) in
        try core.removeNode(Bench.node(2), from: Bench.cluster, now: now)
      }
    }
  }

  @Test("one that is well is not removed beside another")
  func notBesideAnother() throws {
    var bench = try serve()
    bench.pass(.seconds(12), silent: gone)
    try bench.order(remove)
    #expect(throws: CoordinatorError.self) {
      try bench.order { core, now throws(CoordinatorError) in
        try core.removeNode(Bench.node(2), from: Bench.cluster, now: now)
      }
    }
  }

  @Test("what was never begun at it is not waited for either")
  func pendingSteps() throws {
    var bench = try serve()
    let rotation = try bench.order(rotate)
    bench.pass(.seconds(12), silent: gone)
    try bench.order(remove)
    members([1, 2], in: &bench, silent: gone)
    #expect(bench.record?.nodes == [Bench.node(1), Bench.node(2)])
    for number in [2, 1] {
      bench.pass(.seconds(2), silent: gone)
      bench.rotate(number)
    }
    #expect(try bench.plan(rotation).outcome == .succeeded)
  }

  @Test("a damaged node is removed instead of being repaired")
  func removedInsteadOfRepaired() throws {
    var bench = try serve()
    bench.change(3) {
      ($0.phase, $0.replication) = (.failed(reason: "a.wt is damaged"), nil)
      $0.damage = [DamageReport(file: "a.wt", reason: "checksum")]
    }
    let repair = try #require(bench.core.openPlans(of: Bench.cluster).first)
    #expect(repair.kind == .initialSync && bench.commands(to: Bench.node(3)).count == 1)
    let removed = try bench.order(remove)
    #expect(bench.commands(to: Bench.node(1)).map(\.action) == [.removeMember(Bench.node(3))])
    members([1, 2], in: &bench)
    #expect(bench.commands(to: Bench.node(3)).contains { if case .leave = $0.action { true } else { false } })
    bench.change(3) { ($0.phase, $0.generation, $0.damage) = (.awaitingSettings, nil, []) }
    bench.pass(.seconds(2))
    #expect(try bench.plan(removed).outcome == .succeeded)
    #expect(try bench.plan(repair.id).outcome == .superseded(reason: "its node was taken out of the cluster"))
  }

  @Test("a new node that is gone in the middle of its copy lets others go on, and copies when it is back")
  func joining() throws {
    var bench = try serve()
    let fresh = Bench.node(4)
    try bench.order { core, now throws(CoordinatorError) in
      try core.enrollNode(fresh, cluster: nil, publicKey: Bench.publicKey(4), now: now)
    }
    var report = NodeReport(node: fresh, boot: .random(), agentVersion: "test", phase: .awaitingSettings)
    (report.replicationAddress, report.driverAddress) = ("10.0.0.4:7450", "10.0.0.4:27117")
    bench.reports[fresh] = report
    bench.hello(fresh)
    let added = try bench.order { core, now throws(CoordinatorError) in
      try core.addNode(fresh, to: Bench.cluster, now: now)
    }
    bench.followAssignment()
    bench.change(4) { $0.phase = .empty }
    members([1, 2, 3, 4], in: &bench)
    #expect(bench.commands(to: fresh).count == 1)
    let rotation = try bench.order(rotate)
    bench.pass(.seconds(30), silent: [fresh])
    #expect(bench.record?.lease == added, "a moment of silence changes nothing")
    bench.pass(CoordinatorLimits.silenceAlert, silent: [fresh])
    #expect(bench.record?.lease == rotation)
    for number in [2, 3, 1] {
      bench.rotate(number)
      bench.pass(.seconds(2), silent: [fresh])
    }
    #expect(try bench.plan(rotation).outcome == .succeeded && bench.plan(added).isOpen)
    bench.pass(.seconds(2))
    #expect(bench.commands(to: fresh).contains { if case .initialSync = $0.action { true } else { false } })
  }

  @Test("what it had holds a customer key only until an operator revokes it, who has dealt with its disk")
  func abandonedKeys() throws {
    var bench = try serve()
    bench.pass(.seconds(12), silent: gone)
    try bench.order(remove)
    members([1, 2], in: &bench, silent: gone)
    try bench.order { core, now throws(CoordinatorError) in
      try core.removeNode(Bench.node(3), from: Bench.cluster, abandoned: true, now: now)
    }
    try bench.name(Bench.secondSettings)
    bench.followAssignment()
    for number in [2, 1] {
      bench.rewrap(number)
      bench.pass(.seconds(1), silent: gone)
    }
    let left = try #require(bench.need[Bench.key])
    #expect(left.dependents.map(\.subject) == ["node-3"])
    #expect(left.dependents.first?.detail.hasPrefix("abandoned with generation") == true)
    #expect(throws: CoordinatorError.self) { try bench.core.retireKey(Bench.key, now: bench.now) }
    try bench.order { core, now throws(CoordinatorError) in try core.revokeNode(Bench.node(3), now: now) }
    #expect(bench.need[Bench.key]?.canBeDeleted == true)
    try bench.order { core, now throws(CoordinatorError) in try core.retireKey(Bench.key, now: now) }
  }

  @Test(
    "a new node is not given up for the time in which its cluster was shut down or disabled", arguments: [true, false])
  func deadline(isShutDown: Bool) throws {
    var bench = try serve()
    let fresh = Bench.node(4)
    try bench.order { core, now throws(CoordinatorError) in
      try core.enrollNode(fresh, cluster: nil, publicKey: Bench.publicKey(4), now: now)
    }
    let added = try bench.order { core, now throws(CoordinatorError) in
      try core.addNode(fresh, to: Bench.cluster, deadline: .seconds(60), now: now)
    }
    if isShutDown {
      try bench.order(shutDown)
      for number in [2, 3, 1] { bench.change(number) { ($0.phase, $0.replication) = (.stopped, nil) } }
    } else {
      bench.verdict(.revoked(.keyDisabled, detail: "off"))
      bench.check(2, .revoked(.keyDisabled, detail: "off"))
      #expect(bench.record?.lockout != nil)
    }
    bench.pass(.seconds(120))
    #expect(try bench.plan(added).undoing == nil && bench.plan(added).isOpen)
    if isShutDown {
      try bench.order(start)
      for number in 1...3 {
        bench.change(number) {
          ($0.phase, $0.replication) = (.serving, Bench.place(number == 1 ? .primary : .secondary))
        }
      }
    } else {
      bench.verdict(.valid)
    }
    bench.pass(.seconds(70))
    #expect(try bench.plan(added).undoing != nil)
  }
}

@Suite("Plans that ended are forgotten but for those that decisions go by")
struct FinishedPlanTests {
  @Test("a shard's recovery is remembered, and for a day what replaced plans had asked for")
  func remembers() throws {
    var bench = try Bench()
    try bench.serve(3)
    func add(_ kind: PlanKind, _ outcome: PlanOutcome, to bench: inout Bench) -> PlanID {
      let id = bench.core.addPlan(kind, on: Bench.cluster, steps: [PlanStep(kind.work, Bench.node(2))], now: bench.now)
      bench.core.end(id, outcome, now: bench.now)
      return id
    }
    let former = add(.recover, .succeeded, to: &bench)
    let recovery = add(.recover, .succeeded, to: &bench)
    let replaced = add(.encrypt, .superseded(reason: "decrypt"), to: &bench)
    for _ in 0..<CoordinatorLimits.finishedPlans { _ = add(.handOver, .succeeded, to: &bench) }
    bench.pass(.seconds(2))
    #expect(bench.core.planRecords[recovery] != nil && bench.core.planRecords[replaced] != nil)
    #expect(bench.core.planRecords[former] == nil)
    bench.now = bench.now + CoordinatorLimits.replacedPlanMemory
    bench.pass(.seconds(2))
    #expect(bench.core.planRecords[recovery] != nil && bench.core.planRecords[replaced] == nil)
    try bench.restart()
    #expect(bench.core.planRecords[recovery] != nil)
  }
}
