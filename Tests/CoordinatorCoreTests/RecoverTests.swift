// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("A cluster without a majority is shown, and recovered only by an operator")
struct RecoverTests {
  private let admin = OperatorName(checked: "ada")
  private let others: Set<NodeName> = [Bench.node(1), Bench.node(3)]

  /// Node 2 is left alone, five entries behind what node 1 was heard to have.
  private func leftAlone() throws -> Bench {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    bench.change(1) { $0.replication?.lastIndex = 15 }
    bench.change(2) { $0.replication = Bench.place(.candidate) }
    bench.pass(.seconds(20), silent: others)
    return bench
  }

  private func recover(_ bench: inout Bench, from number: Int) throws -> PlanID {
    try bench.order { core, now throws(CoordinatorError) in
      try core.recover(Bench.cluster, from: Bench.node(number), by: admin, now: now)
    }
  }

  @Test("shows every member's position and what is known to be lost, and changes nothing")
  func shows() throws {
    var bench = try leftAlone()
    let before = bench.disk
    let view = try bench.core.recoveryView(of: Bench.cluster, now: bench.now)
    #expect(view.obstacle == nil && view.best == Bench.node(2) && Set(view.quiet) == others)
    let member = try #require(view.members.first { $0.node == Bench.node(2) })
    #expect(member.lastIndex == 10 && member.obstacle == nil)
    #expect(member.loss.hasPrefix("at least 5 entries that were there are lost"))
    #expect(member.loss.contains("node-1 (nothing heard since") && member.loss.contains("node-3"))
    #expect(view.members.first { $0.node == Bench.node(1) }?.obstacle == "it is not heard of")
    bench.take(bench.core.flush())
    #expect(bench.disk == before)
  }

  @Test("goes on from one that lost what it had acknowledged only where no other is left, and says so")
  func afterLoss() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    for number in 1...3 {
      bench.change(number) { report in
        report.replication = Bench.place(.candidate)
        report.replication?.isRecovering = number != 2
        report.replication?.lastIndex = number == 3 ? 20 : 10
      }
    }
    var view = try bench.core.recoveryView(of: Bench.cluster, now: bench.now)
    #expect(view.obstacle == nil && view.best == Bench.node(2), "they elect nobody by themselves")
    #expect(throws: CoordinatorError.self) { try recover(&bench, from: 3) }
    bench.change(2) { $0.replication?.isRecovering = true }
    view = try bench.core.recoveryView(of: Bench.cluster, now: bench.now)
    #expect(view.best == Bench.node(3))
    #expect(view.members.allSatisfy { $0.loss.contains("nobody knows how much") })
    _ = try recover(&bench, from: 3)
    #expect(bench.commands(to: Bench.node(3)).count == 1)
  }

  @Test("asks the named member alone, keeps who decided, and is done when it is primary and votes alone")
  func recovers() throws {
    var bench = try leftAlone()
    let generation = try #require(bench.reports[Bench.node(2)]?.generation?.id)
    let plan = try recover(&bench, from: 2)
    #expect(bench.commands().map(\.action) == [.forceSoleVoter(expecting: generation, lastIndex: 10)])
    #expect(bench.commands(to: Bench.node(2)).count == 1)
    let entry = try #require(bench.auditTrail.first)
    #expect(
      entry.action == "cluster recover" && entry.by == .operatorKey(admin)
        && entry.detail.contains("at least 5 entries"))
    #expect(throws: CoordinatorError.self) { try recover(&bench, from: 2) }
    bench.change(2) {
      $0.replication = Bench.place(.primary, term: 1001)
      $0.replication?.isSoleVoter = true
    }
    #expect(try bench.plan(plan).outcome == .succeeded)
  }

  @Test("is done once the named member leads, also if another votes again by the time that is heard")
  func promotedMeanwhile() throws {
    var bench = try leftAlone()
    let plan = try recover(&bench, from: 2)
    bench.change(2) { $0.replication = Bench.place(.primary, term: 1001) }
    #expect(try bench.plan(plan).outcome == .succeeded)
  }

  @Test("another member can be named if the first one falls silent before it leads, and not before")
  func namedAgain() throws {
    var bench = try leftAlone()
    let first = try recover(&bench, from: 2)
    bench.reports[Bench.node(1)]?.replication = Bench.place(.candidate)
    bench.hello(Bench.node(1))
    try bench.order { core, now throws(CoordinatorError) in
      try core.approveNode(Bench.node(1), by: admin, now: now)
    }
    #expect(throws: CoordinatorError.self) { try recover(&bench, from: 1) }
    bench.pass(.seconds(20), silent: [Bench.node(2), Bench.node(3)])
    let second = try recover(&bench, from: 1)
    #expect(bench.commands().count == 1 && bench.commands(to: Bench.node(1)).count == 1)
    guard case .superseded = try bench.plan(first).outcome else { return #expect(Bool(false), "two are open") }
    #expect(bench.core.nodeRecords[Bench.node(2)]?.leftBehind != nil, "if it did go on, it stays closed")
    bench.change(1) { $0.replication = Bench.place(.primary, term: 2048) }
    #expect(try bench.plan(second).outcome == .succeeded)
  }

  @Test("what the others have stays closed until they have copied everything anew, or are approved")
  func leftBehind() throws {
    var bench = try leftAlone()
    _ = try recover(&bench, from: 2)
    for number in [1, 3] {
      bench.reports[Bench.node(number)]?.boot = .random()
      bench.reports[Bench.node(number)]?.phase = .awaitingSettings
      bench.reports[Bench.node(number)]?.assignmentVersion = 0
      bench.hello(Bench.node(number))
      let assignment = try #require(bench.assignments(to: Bench.node(number)).first)
      #expect(assignment.kms == nil && assignment.notApprovedReason?.contains("recovered without it") == true)
    }
    try bench.order { core, now throws(CoordinatorError) in
      try core.approveNode(Bench.node(1), by: admin, now: now)
    }
    #expect(bench.core.nodeRecords[Bench.node(1)]?.distrust == nil)
    bench.encrypt(3)
    #expect(bench.core.nodeRecords[Bench.node(3)]?.leftBehind != nil, "a new generation that nobody asked for")
  }

  @Test("refuses while a majority is well, with a primary, and from a member that is behind another")
  func refuses() throws {
    var well = try Bench()
    try well.serve(3)
    #expect(throws: CoordinatorError.self) { try recover(&well, from: 2) }
    for number in 1...3 { well.change(number) { $0.replication = Bench.place(.candidate) } }
    #expect(throws: CoordinatorError.self) { try recover(&well, from: 2) }
    #expect(try well.core.recoveryView(of: Bench.cluster, now: well.now).obstacle?.contains("are well") == true)

    var bench = try Bench()
    try bench.serve(5)
    for number in 1...2 {
      bench.change(number) {
        $0.replication = Bench.place(.candidate)
        $0.replication?.lastTerm = number == 1 ? 2 : 1
        $0.replication?.lastIndex = number == 1 ? 8 : 12
      }
    }
    bench.pass(.seconds(20), silent: [3, 4, 5].reduce(into: []) { $0.insert(Bench.node($1)) })
    #expect(try bench.core.recoveryView(of: Bench.cluster, now: bench.now).best == Bench.node(1))
    #expect(throws: CoordinatorError.self) { try recover(&bench, from: 2) }
    #expect(throws: CoordinatorError.self) { try recover(&bench, from: 4) }
    #expect(bench.decisions.isEmpty)
  }

  @Test(
    "those who lost their data are copied anew from the member it went on from, although no majority of nodes is left")
  func copiesTheOthers() throws {
    var bench = try leftAlone()
    let plan = try recover(&bench, from: 2)
    bench.change(2) {
      $0.replication = Bench.place(.primary, term: 1001)
      $0.replication?.isSoleVoter = true
      $0.replication?.voters = [Bench.node(2)]
    }
    #expect(try bench.plan(plan).outcome == .succeeded)
    bench.reports[Bench.node(3)]?.boot = .random()
    bench.reports[Bench.node(3)]?.generation = nil
    bench.reports[Bench.node(3)]?.replication = nil
    bench.reports[Bench.node(3)]?.phase = .empty
    bench.hello(Bench.node(3))
    bench.followAssignment()
    bench.pass(.seconds(5), silent: [Bench.node(1)])
    let copy = try #require(bench.core.plans.first { $0.kind == .initialSync })
    #expect(copy.steps.first?.state == .running)
  }

  @Test("it goes before a plan to start that waits for the nodes that are gone")
  func goesFirst() throws {
    var bench = try leftAlone()
    let start = bench.core.addPlan(
      .start, on: Bench.cluster, steps: (1...3).map { PlanStep(.start, Bench.node($0)) }, now: bench.now)
    bench.pass(.seconds(2), silent: others)
    #expect(bench.record?.lease == start)
    let plan = try recover(&bench, from: 2)
    bench.pass(.seconds(5), silent: others)
    #expect(bench.record?.lease == plan)
    #expect(try bench.plan(plan).steps.first?.state == .running)
  }

  @Test("a member's word of who votes counts only after such a decision")
  func believesNoVoters() throws {
    var bench = try Bench()
    try bench.serve(3)
    bench.change(1) { $0.replication?.voters = [Bench.node(1)] }
    bench.pass(.seconds(12), silent: [Bench.node(2)])
    bench.change(3) {
      $0.phase = .empty
      $0.generation = nil
      $0.replication = nil
    }
    bench.pass(.seconds(20), silent: [Bench.node(2)])
    let copy = try #require(bench.core.plans.first { $0.kind == .initialSync })
    #expect(copy.steps.first?.state == .pending)
  }
}
