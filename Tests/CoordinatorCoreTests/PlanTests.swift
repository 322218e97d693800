// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("Plans go step by step and by what nodes report")
struct PlanTests {
  private typealias Order = (inout CoordinatorCore, Instant) throws(CoordinatorError) -> Decision<PlanID>
  private let encrypt: Order = { core, now throws(CoordinatorError) in try core.encryptCluster(Bench.cluster, now: now)
  }
  private let rotate: Order = { core, now throws(CoordinatorError) in try core.rotateMasterKeys(Bench.cluster, now: now)
  }
  private let restart: Order = { core, now throws(CoordinatorError) in try core.restartCluster(Bench.cluster, now: now)
  }
  private let shutDown: Order = { core, now throws(CoordinatorError) in
    try core.shutdownCluster(Bench.cluster, now: now)
  }
  private let start: Order = { core, now throws(CoordinatorError) in try core.startCluster(Bench.cluster, now: now) }

  @Test("forms a shard once every node is heard and has everybody's address")
  func create() throws {
    var bench = try Bench()
    try bench.enroll(3)
    let id = try bench.order { core, now throws(CoordinatorError) in
      try core.createCluster(Bench.cluster, project: Bench.project, nodes: [], now: now)
    }
    #expect(bench.commands().isEmpty)
    #expect(
      bench.assignments(to: Bench.node(2)).first?.members.map(\.replicationAddress).contains("10.0.0.3:7450") == true)
    for number in 1...3 {
      #expect(bench.commands().isEmpty)
      bench.change(number) { ($0.phase, $0.assignmentVersion) = (.empty, 1) }
    }
    #expect(
      bench.commands().map(\.action)
        == Array(repeating: .formShard(voters: [1, 2, 3].map { Bench.node($0) }), count: 3))
    for number in 1...3 {
      bench.change(number) {
        $0.phase = .serving
        $0.generation = GenerationReport(id: GenerationID.random(), encrypted: false)
        $0.replication = Bench.place(number == 2 ? .primary : .secondary)
      }
    }
    bench.pass(.seconds(1))
    #expect(try bench.plan(id).outcome == .succeeded)
    #expect(bench.record?.lease == nil)
  }

  @Test("gives a cluster up that could not begin for half an hour, and its nodes are free again")
  func rollBack() throws {
    var bench = try Bench()
    try bench.enroll(2)
    let id = try bench.order { core, now throws(CoordinatorError) in
      try core.createCluster(Bench.cluster, project: Bench.project, nodes: [], now: now)
    }
    bench.pass(CoordinatorLimits.createDeadline)
    #expect(bench.record != nil)
    bench.pass(.seconds(1))
    guard case .rolledBack = try bench.plan(id).outcome else { return #expect(Bool(false), "not rolled back") }
    #expect(bench.record == nil)
    #expect(bench.core.nodes.allSatisfy { $0.cluster == nil })
    try bench.restart()
    #expect(bench.core.clusters.isEmpty)
  }

  @Test("tells no node of a cluster that the same word of it gives up")
  func rollBackSendsNothing() throws {
    var bench = try Bench()
    try bench.enroll(3)
    for number in 2...3 {
      bench.reports[Bench.node(number)] = NodeReport(
        node: Bench.node(number), boot: .random(), agentVersion: "t", phase: .awaitingSettings)
      bench.hello(Bench.node(number))
    }
    try bench.order { core, now throws(CoordinatorError) in
      try core.createCluster(Bench.cluster, project: Bench.project, nodes: [], now: now)
    }
    bench.pass(CoordinatorLimits.createDeadline - .seconds(1))
    #expect(bench.record != nil)
    bench.now = bench.now + .seconds(1)
    bench.change(2) { $0.replicationAddress = "10.0.0.9:1" }
    #expect(bench.record == nil)
    #expect(!bench.last.contains { if case .sendAssignment = $0 { true } else { false } })
  }

  @Test("encrypts secondaries first and the primary last, after it handed over")
  func encryptCluster() throws {
    var bench = try Bench()
    try bench.serve(3)
    let id = try bench.order(encrypt)
    for number in [2, 3] {
      let command = try #require(bench.commands(to: Bench.node(number)).first)
      #expect(bench.commands().count == 1)
      #expect(
        command.action
          == .resync(encrypted: true, expecting: try #require(bench.reports[Bench.node(number)]?.generation?.id)))
      bench.answer(Bench.node(number), command, .done)
      #expect(bench.commands().isEmpty, "an answer alone completes nothing")
      bench.encrypt(number)
    }
    #expect(bench.commands(to: Bench.node(1)).map(\.action) == [.stepDown])
    bench.makePrimary(2, term: 2)
    bench.heartbeat(Bench.node(2))
    bench.now = bench.now + .milliseconds(1)
    bench.heartbeat(Bench.node(1))
    guard case .resync = bench.commands(to: Bench.node(1)).first?.action else {
      return #expect(Bool(false), "the old primary is not asked: \(bench.core.waitingReason(of: id) ?? "")")
    }
    bench.change(1) { $0.supersededGenerations = 1 }
    bench.encrypt(1)
    #expect(try bench.plan(id).isOpen, "a superseded generation is left")
    bench.change(1) { $0.supersededGenerations = 0 }
    #expect(try bench.plan(id).outcome == .succeeded)
    #expect(bench.record?.encrypted == true)
  }

  @Test("encrypts a single node without a hand-over")
  func encryptAlone() throws {
    var bench = try Bench()
    try bench.serve(1)
    let id = try bench.order(encrypt)
    #expect(bench.commands().count == 1)
    bench.encrypt(1)
    #expect(try bench.plan(id).outcome == .succeeded)
  }

  @Test("waits for members that are not well and says why, and goes on by itself")
  func waits() throws {
    var bench = try Bench()
    try bench.serve(3)
    bench.pass(.seconds(12), silent: [Bench.node(3)])
    let id = try bench.order(encrypt)
    #expect(bench.commands().isEmpty)
    #expect(bench.core.waitingReason(of: id) == "waiting for node-3: not heard of for 12 s")
    bench.change(3) { $0.replication?.appliedIndex = 4 }
    #expect(bench.core.waitingReason(of: id) == "waiting for node-3: it is catching up, 6 entries behind")
    bench.change(3) { $0.damage = [DamageReport(file: "a.wt", reason: "checksum")] }
    #expect(bench.openAlerts.contains(.nodeDamaged))
    bench.change(3) {
      $0.damage = []
      $0.replication?.appliedIndex = 10
    }
    #expect(bench.commands(to: Bench.node(2)).count == 1)
    #expect(bench.core.waitingReason(of: id) == nil)
  }

  @Test("repeats a command under the same id, also after a restart, until reports show its effect")
  func stableIDs() throws {
    var bench = try Bench()
    try bench.serve(3)
    try bench.order(encrypt)
    let command = try #require(bench.commands(to: Bench.node(2)).first)
    bench.pass(.seconds(4))
    #expect(bench.commands(to: Bench.node(2)) == [command])
    try bench.restart()
    var again: [NodeCommand] = []
    for number in 1...3 {
      bench.hello(Bench.node(number))
      again += bench.commands()
    }
    #expect(again == [command], "once everybody is heard again")
    bench.change(2) {
      $0.work = WorkReport(
        command: command.id, stage: "copying", documentsDone: 1, documentsTotal: 9, bytesDone: 5,
        startedAtMilliseconds: 1)
    }
    bench.pass(.seconds(60))
    #expect(bench.commands().isEmpty, "a node that works is left alone")
  }

  @Test("asks anew under another id after a failure, later each time, and shows the reason")
  func failures() throws {
    var bench = try Bench()
    try bench.serve(3)
    let id = try bench.order(encrypt)
    let first = try #require(bench.commands(to: Bench.node(2)).first)
    bench.answer(Bench.node(2), first, .failed(reason: "the disk is full"))
    #expect(bench.core.waitingReason(of: id) == "node-2: the disk is full; next attempt in 5 s")
    bench.pass(.seconds(4))
    #expect(bench.commands().isEmpty)
    bench.pass(.seconds(2))
    let second = try #require(bench.commands(to: Bench.node(2)).first)
    #expect(second.id != first.id && second.action == first.action)
    bench.answer(Bench.node(2), second, .failed(reason: "the disk is full"))
    bench.pass(.seconds(8))
    #expect(bench.commands().isEmpty)
    bench.answer(Bench.node(3), second, .done)
    #expect(
      bench.core.waitingReason(of: id) == "node-2: the disk is full; next attempt in 2 s",
      "an answer of another node is not heard")
  }

  @Test("rotates each node's master key once, the primary last, without a hand-over")
  func rotation() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    let id = try bench.order(rotate)
    for number in [2, 3, 1] {
      let generation = try #require(bench.reports[Bench.node(number)]?.generation)
      let key = try #require(generation.masterKeyID)
      #expect(bench.commands().map(\.action) == [.rotateMasterKey(expecting: generation.id, masterKey: key)])
      #expect(bench.commands(to: Bench.node(number)).count == 1)
      bench.rotate(number)
    }
    #expect(try bench.plan(id).outcome == .succeeded)
    #expect(bench.core.nodes.allSatisfy { $0.masterKeys.count == 2 && $0.distrust == nil })
  }

  @Test("restarts no encrypted node without a fresh proof that it can start again")
  func restartNeedsProof() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    let id = try bench.order(restart)
    let proof = try #require(bench.commands(to: Bench.node(2)).first)
    #expect(proof.action == .checkKMS)
    bench.check(2, .unreachable(.timeout, detail: "no answer"))
    bench.answer(Bench.node(2), proof, .done)
    bench.pass(.seconds(9))
    #expect(!bench.commands().contains { $0.action != .checkKMS })
    #expect(bench.core.waitingReason(of: id)?.contains("no answer") == true)
    bench.check(2, .valid)
    #expect(bench.commands().map(\.action) == [.restart(boot: try #require(bench.reports[Bench.node(2)]?.boot))])
    bench.reports[Bench.node(2)]?.boot = BootID.random()
    bench.now = bench.now + .milliseconds(1)
    bench.hello(Bench.node(2))
    #expect(bench.commands(to: Bench.node(3)).map(\.action) == [.checkKMS])
  }

  @Test("asks a node that did not hear of its restart no more once its proof is old")
  func restartNeedsProofAnew() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    let id = try bench.order(restart)
    bench.check(2, .valid)
    let asked = try #require(bench.commands(to: Bench.node(2)).first)
    #expect(asked.action == .restart(boot: try #require(bench.reports[Bench.node(2)]?.boot)))
    bench.pass(.seconds(60))
    #expect(bench.commands(to: Bench.node(2)).contains(asked), "it is repeated while the proof is fresh")
    bench.pass(CoordinatorLimits.proofAge - .seconds(60))
    bench.pass(.seconds(60))
    #expect(!bench.commands().isEmpty && bench.commands().allSatisfy { $0.action == .checkKMS })
    bench.check(2, .valid)
    #expect(bench.commands().map(\.action) == [asked.action])
    #expect(try bench.plan(id).isOpen)
  }

  @Test("starts a node that failed again, and gives up with its reason if it fails on")
  func startAfterFailure() throws {
    var bench = try Bench()
    try bench.serve(3)
    #expect(throws: CoordinatorError.self) { try bench.core.startCluster(Bench.cluster, now: bench.now) }
    bench.change(3) { ($0.phase, $0.replication) = (.failed(reason: "a.wt is damaged"), nil) }
    let first = try bench.order(start)
    let command = try #require(bench.commands(to: Bench.node(3)).first)
    #expect(command.action == .startDatabase && bench.commands().count <= 3)
    bench.answer(Bench.node(3), command, .accepted)
    bench.change(3) { ($0.phase, $0.replication) = (.serving, Bench.place(.secondary)) }
    bench.pass(.seconds(2))
    #expect(try bench.plan(first).outcome == .succeeded)

    bench.change(3) { ($0.phase, $0.replication) = (.failed(reason: "a.wt is damaged"), nil) }
    let second = try bench.order(start)
    let again = try #require(bench.commands(to: Bench.node(3)).first)
    bench.answer(Bench.node(3), again, .accepted)
    bench.pass(.seconds(50))
    #expect(try bench.plan(second).isOpen)
    bench.pass(.seconds(15))
    guard case .gaveUp(let reason) = try bench.plan(second).outcome else {
      return #expect(Bool(false), "\(bench.core.waitingReason(of: second) ?? "it goes on")")
    }
    #expect(reason.contains("a.wt is damaged"))
    #expect(bench.record?.lease == nil)
  }

  @Test("lets one plan work at a time; a shut-down goes first at the next boundary")
  func lease() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    let first = try bench.order(rotate)
    let second = try bench.order(restart)
    #expect(bench.core.waitingReason(of: second)?.hasPrefix("waiting for the plan to rotate master keys") == true)
    let third = try bench.order(shutDown)
    #expect(bench.record?.lease == first)
    bench.rotate(2)
    #expect(bench.record?.lease == third)
    #expect(bench.commands().allSatisfy { $0.action == .stopDatabase } && bench.commands().count == 2)
    #expect(bench.commands(to: Bench.node(1)).isEmpty, "the primary goes last")
    #expect(bench.record?.assignment?.running == false)
    for number in [2, 3] { bench.change(number) { ($0.phase, $0.replication) = (.stopped, nil) } }
    #expect(bench.commands(to: Bench.node(1)).map(\.action) == [.stopDatabase])
    bench.change(1) { ($0.phase, $0.replication) = (.stopped, nil) }
    #expect(try bench.plan(third).outcome == .succeeded)
    #expect(bench.core.waitingReason(of: first) == "the cluster is shut down")
    let fourth = try bench.order(start)
    #expect(bench.commands().map(\.action) == Array(repeating: .startDatabase, count: 3))
    for number in 1...3 {
      bench.change(number) { ($0.phase, $0.replication) = (.serving, Bench.place(number == 1 ? .primary : .secondary)) }
    }
    #expect(try bench.plan(fourth).outcome == .succeeded)
    guard case .rotateMasterKey = bench.commands(to: Bench.node(3)).first?.action else {
      return #expect(Bool(false), "the rotation does not go on")
    }
  }
}
