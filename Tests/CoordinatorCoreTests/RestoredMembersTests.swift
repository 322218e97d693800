// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("A store restored from before nodes joined or left goes by what the shard says")
struct RestoredMembersTests {
  private let admin = OperatorName(checked: "admin")
  private let primary = Bench.node(1)
  private let third = Bench.node(3)
  private let fourth = Bench.node(4)

  private func serve() throws -> Bench {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    return bench
  }

  /// Who belongs to the shard, by the word of everybody who has any data.
  private func shard(_ numbers: [Int], in bench: inout Bench) {
    for node in Array(bench.reports.keys) where bench.reports[node]?.replication != nil {
      bench.reports[node]?.replication?.members = numbers.map { Bench.node($0) }
      bench.reports[node]?.replication?.voters = numbers.map { Bench.node($0) }
    }
  }

  /// The coordinator goes on from its disk; its nodes have seen a later life, unless that is forgotten.
  private func restore(_ bench: inout Bench, isNoticed: Bool = true) throws {
    try bench.restart()
    if isNoticed {
      let (seen, own) = (Epoch(number: 7, incarnation: 3), Epoch(number: 1, incarnation: 1))
      bench.take(bench.core.onEpochAhead(seen, own: own, now: bench.now))
    }
    hello(&bench, isAhead: isNoticed)
  }

  private func hello(_ bench: inout Bench, isAhead: Bool) {
    for node in bench.reports.keys.sorted() {
      guard let report = bench.reports[node] else { continue }
      bench.take(bench.core.onHello(node, report: report, isAheadOfStore: isAhead, now: bench.now))
    }
  }

  private func adopt(_ bench: inout Bench) throws {
    try bench.order { core, now throws(CoordinatorError) in
      try core.adopt(withoutMajority: false, by: admin, now: now)
    }
  }

  /// A fourth node has joined since the copy, and serves.
  private func joinUnknown(_ bench: inout Bench) {
    var report = NodeReport(node: fourth, boot: .random(), agentVersion: "test", phase: .serving)
    (report.replicationAddress, report.driverAddress) = ("10.0.0.4:7450", "10.0.0.4:27117")
    report.replication = Bench.place(.secondary)
    report.generation = GenerationReport(
      id: .random(), encrypted: true, keystoreVersion: 1, masterKeyID: .random(), masterKeyCheckValue: "c0ffee04",
      customerKeyID: Bench.key, masterKeyCreatedAtMilliseconds: bench.nodeTime)
    report.membership = MembershipReport(
      version: 9, project: Bench.project, cluster: Bench.cluster, members: (1...4).map { Bench.node($0) },
      running: true, settingsVersion: 1, access: nil)
    bench.reports[fourth] = report
    for node in Array(bench.reports.keys) { bench.reports[node]?.assignmentVersion = 9 }
    shard([1, 2, 3, 4], in: &bench)
  }

  private func enrollFourth(_ bench: inout Bench) throws {
    try bench.order { core, now throws(CoordinatorError) in
      try core.enrollNode(fourth, cluster: nil, publicKey: Bench.publicKey(4), now: now)
    }
    hello(&bench, isAhead: true)
  }

  @Test("a member that it does not know is cut off from nobody, and belongs to the cluster once all is adopted")
  func joinedSince() throws {
    var bench = try serve()
    joinUnknown(&bench)
    try restore(&bench)
    let restart = try bench.order { core, now throws(CoordinatorError) in
      try core.restartCluster(Bench.cluster, now: now)
    }
    bench.pass(.seconds(30))
    #expect(bench.commands().isEmpty && (1...4).allSatisfy { bench.assignments(to: Bench.node($0)).isEmpty })
    #expect(bench.core.waitingReason(of: restart)?.contains("node-4 belongs to the shard and is not enrolled") == true)
    try enrollFourth(&bench)
    #expect(bench.record?.nodes.count == 3, "nothing is believed before an operator says so")
    try adopt(&bench)
    #expect(bench.record?.nodes == (1...4).map { Bench.node($0) })
    bench.pass(.seconds(12))
    let told = (1...4).map { bench.assignments(to: Bench.node($0)).last?.members.map(\.node) }
    #expect(told.allSatisfy { $0 == (1...4).map { Bench.node($0) } })
    #expect(try bench.plan(restart).isOpen)
  }

  @Test("a member that is enrolled only after the adoption belongs to the cluster as soon as it is heard")
  func enrolledLate() throws {
    var bench = try serve()
    joinUnknown(&bench)
    try restore(&bench)
    try adopt(&bench)
    bench.pass(.seconds(30))
    #expect((1...3).allSatisfy { bench.assignments(to: Bench.node($0)).isEmpty })
    #expect(bench.core.coordinatorView(now: bench.now).unlearned.map(\.cluster) == [Bench.cluster])
    try bench.restart()
    hello(&bench, isAhead: false)
    try enrollFourth(&bench)
    #expect(bench.record?.nodes == (1...4).map { Bench.node($0) })
    #expect(bench.core.coordinatorView(now: bench.now).unlearned.isEmpty)
  }

  @Test("a node that left is neither copied anew nor taken in again, but shows that it has nothing")
  func leftSince() throws {
    var bench = try serve()
    bench.change(3) {
      ($0.phase, $0.generation, $0.replication) = (.awaitingSettings, nil, nil)
      $0.boot = .random()
    }
    shard([1, 2], in: &bench)
    try restore(&bench)
    bench.change(3) { $0.phase = .empty }
    bench.pass(.seconds(30))
    #expect(bench.commands().isEmpty)
    try adopt(&bench)
    bench.pass(.seconds(2))
    #expect(bench.record?.nodes == [primary, Bench.node(2)] && bench.record?.leaving == third)
    #expect(bench.commands().allSatisfy { if case .leave = $0.action { true } else { false } })
    bench.change(3) { ($0.phase, $0.boot) = (.awaitingSettings, .random()) }
    bench.hello(third)
    bench.pass(.seconds(2))
    #expect(bench.record?.leaving == nil && bench.core.nodeRecords[third]?.cluster == nil)
    #expect(bench.core.openPlans(of: Bench.cluster).isEmpty)
  }

  @Test("an order to remove a node is not carried out again")
  func oldRemoval() throws {
    var bench = try serve()
    bench.pass(.seconds(12), silent: [Bench.node(2)])
    let removed = try bench.order { core, now throws(CoordinatorError) in
      try core.removeNode(third, from: Bench.cluster, now: now)
    }
    shard([1, 2, 3], in: &bench)
    try restore(&bench)
    bench.pass(.seconds(20))
    #expect(bench.commands().isEmpty)
    try adopt(&bench)
    guard case .superseded = try bench.plan(removed).outcome else { return #expect(Bool(false), "it is still open") }
    bench.pass(.seconds(20))
    #expect(bench.commands().isEmpty && bench.record?.nodes.count == 3)
  }

  // MARK: Where nobody remembers the later life

  @Test("a member that came back since it was to leave destroys nothing before it is out of the shard")
  func returnedSince() throws {
    var bench = try serve()
    try bench.order { core, now throws(CoordinatorError) in
      try core.removeNode(third, from: Bench.cluster, now: now)
    }
    shard([1, 2], in: &bench)
    bench.pass(.seconds(2), silent: [third])
    #expect(bench.record?.leaving == third)
    shard([1, 2, 3], in: &bench)
    try restore(&bench, isNoticed: false)
    bench.pass(.seconds(2))
    let steps = bench.core.openPlans(of: Bench.cluster).flatMap(\.steps)
    #expect(steps.filter { $0.state == .running }.map(\.command?.action) == [.removeMember(third)])
    #expect(bench.commands(to: third).isEmpty)
  }

  @Test("a node that left is noticed by the primary's word, if that stays so", arguments: [true, false])
  func leftUnnoticed(stays: Bool) throws {
    var bench = try serve()
    try restore(&bench, isNoticed: false)
    shard([1, 2], in: &bench)
    bench.pass(CoordinatorLimits.outsidePatience - .seconds(2))
    #expect(!bench.openAlerts.contains(.storeRestored))
    if !stays {
      shard([1, 2, 3], in: &bench)
      bench.pass(.seconds(2))
      shard([1, 2], in: &bench)
    }
    bench.pass(.seconds(5))
    #expect(bench.openAlerts.contains(.storeRestored) == stays)
    guard stays else { return }
    try adopt(&bench)
    bench.pass(.seconds(2))
    #expect(bench.record?.leaving == third)
  }

  @Test("a node that was taken back since is let into the shard before it copies")
  func takenBackSince() throws {
    var bench = try serve()
    bench.reports[fourth] = NodeReport(node: fourth, boot: .random(), agentVersion: "test", phase: .awaitingSettings)
    bench.reports[fourth]?.replicationAddress = "10.0.0.4:7450"
    try bench.order { core, now throws(CoordinatorError) in
      try core.enrollNode(fourth, cluster: nil, publicKey: Bench.publicKey(4), now: now)
    }
    bench.hello(fourth)
    try bench.order { core, now throws(CoordinatorError) in
      try core.addNode(fourth, to: Bench.cluster, now: now)
    }
    bench.followAssignment()
    shard([1, 2, 3, 4], in: &bench)
    bench.change(4) { $0.phase = .awaitingSettings }
    bench.pass(.seconds(2), silent: [fourth])
    shard([1, 2, 3], in: &bench)
    try restore(&bench, isNoticed: false)
    bench.change(4) { $0.phase = .empty }
    bench.followAssignment()
    bench.pass(.seconds(3))
    #expect(bench.commands().map(\.action).contains(.addMember(fourth)))
    #expect(bench.commands(to: fourth).isEmpty)
  }
}
