// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("Nodes that join and leave a cluster")
struct MemberTests {
  private let fresh = Bench.node(4)

  private func serve() throws -> Bench {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    try enroll(4, in: &bench)
    members(1...3, in: &bench)
    return bench
  }

  private func enroll(_ number: Int, in bench: inout Bench) throws {
    try bench.order { core, now throws(CoordinatorError) in
      try core.enrollNode(Bench.node(number), cluster: nil, publicKey: Bench.publicKey(number), now: now)
    }
    var report = NodeReport(
      node: Bench.node(number), boot: .random(), agentVersion: "test", phase: .awaitingSettings)
    report.replicationAddress = "10.0.0.\(number):7450"
    report.driverAddress = "10.0.0.\(number):27117"
    bench.reports[Bench.node(number)] = report
    bench.hello(Bench.node(number))
  }

  /// What everybody says of who belongs to the shard.
  private func members(_ numbers: ClosedRange<Int>, in bench: inout Bench) {
    for node in Array(bench.reports.keys) where bench.reports[node]?.replication != nil {
      bench.reports[node]?.replication?.members = numbers.map { Bench.node($0) }
    }
    bench.pass(.seconds(2))
  }

  private func add(_ bench: inout Bench, deadline: Duration = CoordinatorLimits.addNodeDeadline) throws -> PlanID {
    let id = try bench.order { core, now throws(CoordinatorError) in
      try core.addNode(fresh, to: Bench.cluster, deadline: deadline, now: now)
    }
    bench.followAssignment()
    bench.change(4) { $0.phase = .empty }
    return id
  }

  private func remove(_ number: Int, _ bench: inout Bench, abandoned: Bool = false) throws(CoordinatorError) -> PlanID {
    try bench.order { core, now throws(CoordinatorError) in
      try core.removeNode(Bench.node(number), from: Bench.cluster, abandoned: abandoned, now: now)
    }
  }

  private func actions(_ bench: Bench, to number: Int) -> [NodeAction] {
    bench.commands(to: Bench.node(number)).map(\.action)
  }

  /// The node has copied and votes.
  private func join(_ bench: inout Bench) {
    bench.encrypt(4)
    bench.change(4) {
      $0.phase = .serving
      $0.replication = Bench.place(.secondary)
    }
    members(1...4, in: &bench)
  }

  private func clear(_ number: Int, _ bench: inout Bench) {
    bench.change(number) {
      $0.phase = .awaitingSettings
      $0.generation = nil
      $0.replication = nil
    }
    bench.pass(.seconds(2))
  }

  @Test("a new node is a learner of the shard first, then copies, and belongs to the cluster once it votes")
  func adds() throws {
    var bench = try serve()
    let id = try add(&bench)
    #expect(actions(bench, to: 1) == [.addMember(fresh)], "the primary is asked")
    #expect(bench.record?.nodes.count == 3 && bench.record?.joining == fresh)
    #expect(bench.record?.assignment?.members.count == 4, "the others have to know it")
    try bench.restart()
    for number in 1...4 { bench.hello(Bench.node(number)) }
    members(1...4, in: &bench)
    let order = actions(bench, to: 4).compactMap { if case .initialSync(let order) = $0 { order } else { nil } }.first
    #expect(order?.encrypted == true && order?.replacing == nil && order?.lostTerm == 0)
    #expect(bench.core.openPlans(of: Bench.cluster).count == 1, "it is no member yet that has lost its data")
    bench.encrypt(4)
    bench.change(4) {
      $0.phase = .serving
      $0.replication = Bench.place(.learner)
    }
    bench.pass(.seconds(2))
    #expect(try bench.plan(id).isOpen && bench.record?.nodes.count == 3)
    #expect(bench.core.nodeRecords[fresh]?.distrust == nil, "its keystore was asked for")
    join(&bench)
    #expect(try bench.plan(id).outcome == .succeeded)
    #expect(bench.record?.nodes.last == fresh && bench.record?.joining == nil)
  }

  @Test("a plan that waits has nothing to do for a node that is taken out meanwhile, and goes on with the others")
  func queued() throws {
    var bench = try serve()
    let id = try remove(3, &bench)
    let rotation = try bench.order { core, now throws(CoordinatorError) in
      try core.rotateMasterKeys(Bench.cluster, now: now)
    }
    #expect(try bench.plan(rotation).steps.count == 3)
    members(1...2, in: &bench)
    #expect(try bench.plan(rotation).steps.map(\.node) == [2, 1].map { Bench.node($0) })
    clear(3, &bench)
    #expect(try bench.plan(id).outcome == .succeeded)
    for number in [2, 1] { bench.rotate(number) }
    bench.pass(.seconds(3))
    #expect(try bench.plan(rotation).outcome == .succeeded)
  }

  @Test("a node that is gone can be taken out although a plan hangs on it")
  func hangingPlan() throws {
    var bench = try Bench()
    try bench.serve(3)
    members(1...3, in: &bench)
    let encryption = try bench.order { core, now throws(CoordinatorError) in
      try core.encryptCluster(Bench.cluster, now: now)
    }
    #expect(bench.commands(to: Bench.node(2)).count == 1)
    bench.pass(.seconds(20), silent: [Bench.node(2)])
    _ = try remove(2, &bench)
    #expect(bench.record?.lease != encryption)
    #expect(actions(bench, to: 1) == [.removeMember(Bench.node(2))])
    for node in [1, 3] { bench.reports[Bench.node(node)]?.replication?.members = [1, 3].map { Bench.node($0) } }
    bench.pass(.seconds(3), silent: [Bench.node(2)])
    #expect(bench.record?.nodes.count == 2 && bench.record?.leaving == Bench.node(2))
    #expect(try bench.plan(encryption).steps.allSatisfy { $0.node != Bench.node(2) })
  }

  @Test("a new node that dies while it copies is given up at the deadline")
  func diesCopying() throws {
    var bench = try serve()
    let id = try add(&bench, deadline: .seconds(60))
    members(1...4, in: &bench)
    let command = try #require(try bench.plan(id).steps.last?.command)
    bench.change(4) {
      $0.work = WorkReport(
        command: command.id, stage: "copying", documentsDone: 0, documentsTotal: 1, bytesDone: 0,
        startedAtMilliseconds: 0)
    }
    bench.pass(.seconds(70))
    #expect(try bench.plan(id).undoing == nil, "it is copying")
    bench.pass(.seconds(20), silent: [fresh])
    #expect(try bench.plan(id).undoing != nil)
  }

  @Test("is refused for a node that is used, holds data or is unknown, and while another change is under way")
  func refusals() throws {
    var bench = try serve()
    for node in [Bench.node(1), Bench.node(9)] {
      #expect(throws: CoordinatorError.self) {
        try bench.order { core, now throws(CoordinatorError) in try core.addNode(node, to: Bench.cluster, now: now) }
      }
    }
    #expect(throws: CoordinatorError.self) { try remove(4, &bench) }
    _ = try add(&bench)
    #expect(throws: CoordinatorError.self) { try remove(2, &bench) }
  }

  @Test("a node that the KMS refuses waits, says what to let in, and lets other plans go on")
  func waitsForKMS() throws {
    var bench = try serve()
    let id = try add(&bench)
    members(1...4, in: &bench)
    let command = try #require(bench.commands(to: fresh).first)
    bench.change(4) { $0.kmsRefusal = "accessDenied: not from there" }
    bench.answer(fresh, command, .failed(reason: "no"))
    let reason = try #require(bench.core.waitingReason(of: id))
    #expect(reason.contains("waiting for KMS access") && reason.contains("10.0.0.4"), "\(reason)")
    let rotation = try bench.order { core, now throws(CoordinatorError) in
      try core.rotateMasterKeys(Bench.cluster, now: now)
    }
    bench.pass(.seconds(2))
    #expect(try bench.plan(rotation).steps.contains { $0.state == .running })
    for number in [2, 3, 1] {
      bench.rotate(number)
      for _ in 0..<3 {
        bench.pass(.seconds(1))
        // Asked again, the KMS says the same.
        if let again = bench.commands(to: fresh).first { bench.answer(fresh, again, .failed(reason: "no")) }
      }
    }
    #expect(try bench.plan(rotation).outcome == .succeeded)
    bench.pass(CoordinatorLimits.longestKMSWait)
    #expect(try bench.plan(id).steps.contains { $0.kind == .initialSync && $0.attempts > 1 })
    bench.change(4) { $0.kmsRefusal = nil }
    join(&bench)
    #expect(try bench.plan(id).outcome == .succeeded)
  }

  @Test("a node that could not join in time leaves again, also over a restart, and the cluster is as before")
  func givesUp() throws {
    var bench = try serve()
    let id = try add(&bench, deadline: .seconds(600))
    members(1...4, in: &bench)
    bench.change(4) { $0.kmsRefusal = "accessDenied: no" }
    bench.pass(.seconds(590))
    #expect(try bench.plan(id).undoing == nil)
    try bench.restart()
    for number in 1...4 { bench.hello(Bench.node(number)) }
    // What passed since an age was kept last is lost with the process.
    bench.pass(.seconds(15) + CoordinatorLimits.ageStep)
    #expect(try bench.plan(id).undoing != nil)
    #expect(try bench.plan(id).steps.contains { $0.command?.action == .removeMember(fresh) })
    members(1...3, in: &bench)
    #expect(bench.record?.leaving == fresh && bench.record?.assignment?.members.count == 3)
    #expect(try bench.plan(id).steps.contains { $0.command?.action == .leave(expecting: nil) })
    clear(4, &bench)
    guard case .rolledBack = try bench.plan(id).outcome else { return #expect(Bool(false), "not rolled back") }
    #expect(bench.record?.nodes.count == 3 && bench.record?.leaving == nil)
    #expect(bench.core.nodeRecords[fresh]?.cluster == nil)
    _ = try add(&bench)
  }

  @Test("a copy under way is not given up at the deadline")
  func copiesOn() throws {
    var bench = try serve()
    let id = try add(&bench, deadline: .seconds(60))
    members(1...4, in: &bench)
    let command = try #require(bench.commands(to: fresh).first)
    bench.change(4) {
      $0.work = WorkReport(
        command: command.id, stage: "copying", documentsDone: 1, documentsTotal: 2, bytesDone: 3,
        startedAtMilliseconds: 0)
    }
    bench.pass(.seconds(300))
    #expect(try bench.plan(id).undoing == nil)
  }

  @Test("a primary that leaves hands over first, is out of the shard before it destroys, and proves that it has")
  func removes() throws {
    var bench = try serve()
    let id = try remove(1, &bench)
    #expect(actions(bench, to: 1) == [.stepDown])
    bench.makePrimary(2, term: 2)
    members(1...3, in: &bench)
    #expect(
      try bench.plan(id).steps.contains {
        $0.command?.action == .removeMember(Bench.node(1)) && $0.node == Bench.node(2)
      })
    #expect(bench.record?.nodes.count == 3)
    members(2...3, in: &bench)
    let generation = bench.reports[Bench.node(1)]?.generation?.id
    #expect(bench.record?.nodes == [Bench.node(2), Bench.node(3)] && bench.record?.leaving == Bench.node(1))
    #expect(try bench.plan(id).steps.contains { $0.command?.action == .leave(expecting: generation) })
    bench.change(1) { $0.phase = .empty }
    bench.pass(.seconds(2))
    #expect(try bench.plan(id).isOpen, "it still has a generation")
    clear(1, &bench)
    #expect(try bench.plan(id).outcome == .succeeded)
    let record = try #require(bench.core.nodeRecords[Bench.node(1)])
    #expect(record.cluster == nil && record.generation == nil)
    #expect(bench.auditTrail.contains { $0.action == "node left" })
    #expect(bench.core.keysRecords[Bench.node(1)] == nil)
    try bench.restart()
  }

  @Test("no node is taken out while the rest would have no healthy majority")
  func keepsMajority() throws {
    var bench = try serve()
    bench.pass(.seconds(12), silent: [Bench.node(3)])
    let id = try remove(2, &bench)
    bench.pass(.seconds(5), silent: [Bench.node(3)])
    #expect(bench.core.waitingReason(of: id)?.contains("node-3") == true)
    #expect(bench.record?.nodes.count == 3)
    #expect(try bench.plan(id).steps.allSatisfy { $0.command == nil })
  }

  @Test("a node that is gone can be taken out, and is waited for until an operator gives it up")
  func abandons() throws {
    var bench = try serve()
    bench.pass(.seconds(12), silent: [Bench.node(3)])
    let id = try remove(3, &bench)
    #expect(throws: CoordinatorError.self) { try remove(3, &bench, abandoned: true) }
    bench.reports[Bench.node(1)]?.replication?.members = [Bench.node(1), Bench.node(2)]
    bench.pass(.seconds(3), silent: [Bench.node(3)])
    #expect(bench.record?.leaving == Bench.node(3))
    #expect(bench.core.waitingReason(of: id)?.contains("not proven destroyed") == true)
    _ = try remove(3, &bench, abandoned: true)
    guard case .gaveUp = try bench.plan(id).outcome else { return #expect(Bool(false), "still open") }
    #expect(bench.record?.leaving == nil && bench.auditTrail.contains { $0.action == "node abandoned" })
  }

  @Test("a new node that was never heard of does not hold the cluster up: the order can be taken back")
  func takesBack() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    try bench.order { core, now throws(CoordinatorError) in
      try core.enrollNode(fresh, cluster: nil, publicKey: Bench.publicKey(4), now: now)
    }
    let id = try bench.order { core, now throws(CoordinatorError) in
      try core.addNode(fresh, to: Bench.cluster, now: now)
    }
    bench.pass(.seconds(15))
    let reason = try #require(bench.core.waitingReason(of: id))
    #expect(reason.contains("keyfold cluster remove-node orders node-4 --abandon --confirm"), "\(reason)")
    _ = try remove(4, &bench, abandoned: true)
    guard case .gaveUp = try bench.plan(id).outcome else { return #expect(Bool(false), "still open") }
    #expect(bench.record?.joining == nil && bench.record?.leaving == nil && bench.record?.nodes.count == 3)
    #expect(bench.record?.lease == nil)
    // It can be added again, and others can.
    _ = try bench.order { core, now throws(CoordinatorError) in
      try core.addNode(fresh, to: Bench.cluster, now: now)
    }
  }

  @Test("a new node the shard was told of is not taken back in this way")
  func notTakenBack() throws {
    var bench = try serve()
    let id = try add(&bench)
    #expect(try bench.plan(id).steps.contains { $0.state != .pending })
    bench.pass(.seconds(12), silent: [fresh])
    #expect(throws: CoordinatorError.self) { try remove(4, &bench, abandoned: true) }
    #expect(bench.record?.joining == fresh)
  }
}
