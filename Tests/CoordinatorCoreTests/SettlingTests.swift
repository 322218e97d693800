// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

/// What seeds of the simulation showed, as transcripts.
@Suite("No plan waits for what only another plan could bring about")
struct SettlingTests {
  private let second = Bench.node(2)
  private let fresh = Bench.node(4)

  private func serve() throws -> Bench {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    return bench
  }

  private func rotate(_ bench: inout Bench) throws -> PlanID {
    try bench.order { core, now throws(CoordinatorError) in try core.rotateMasterKeys(Bench.cluster, now: now) }
  }

  private func actions(_ bench: Bench, to node: NodeName) -> [NodeAction] { bench.commands(to: node).map(\.action) }

  /// A fourth node is taken into the shard, and serves as a learner.
  private func join(_ bench: inout Bench) throws -> PlanID {
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
    for node in Array(bench.reports.keys) where bench.reports[node]?.replication != nil {
      bench.reports[node]?.replication?.members = (1...4).map { Bench.node($0) }
    }
    bench.pass(.seconds(2))
    return added
  }

  @Test("a node that fails while it is to prove that it could restart is copied anew")
  func failsBeforeProof() throws {
    var bench = try serve()
    try bench.order { core, now throws(CoordinatorError) in try core.restartCluster(Bench.cluster, now: now) }
    #expect(actions(bench, to: second) == [.checkKMS])
    bench.change(2) {
      ($0.phase, $0.replication) = (.failed(reason: "a.wt is damaged"), nil)
      $0.damage = [DamageReport(file: "a.wt", reason: "checksum")]
    }
    #expect(actions(bench, to: second).contains { if case .initialSync = $0 { true } else { false } })
  }

  @Test("what is to be decrypted is not rotated any more")
  func rotationOfPlain() throws {
    var bench = try serve()
    let rotation = try rotate(&bench)
    try bench.order { core, now throws(CoordinatorError) in try core.decryptCluster(Bench.cluster, now: now) }
    #expect(try bench.plan(rotation).outcome == .superseded(reason: "the cluster is to be decrypted"))
    #expect(actions(bench, to: second).contains { if case .resync(encrypted: false, _) = $0 { true } else { false } })
  }

  @Test("a node that was turned plain under a rotation is encrypted first, and has a new key by that")
  func plainUnderRotation() throws {
    var bench = try serve()
    let rotation = try rotate(&bench)
    #expect(bench.commands(to: second).count == 1)
    bench.change(2) { $0.generation = GenerationReport(id: .random(), encrypted: false) }
    bench.pass(CoordinatorLimits.observationGrace + .seconds(4))
    let repair = try #require(bench.core.openPlans(of: Bench.cluster).first { $0.kind == .encrypt })
    #expect(bench.record?.lease == repair.id)
    bench.encrypt(2)
    bench.pass(.seconds(3))
    #expect(try bench.plan(repair.id).outcome == .succeeded)
    for number in [3, 1] {
      bench.rotate(number)
      bench.pass(.seconds(2))
    }
    #expect(try bench.plan(rotation).outcome == .succeeded)
  }

  @Test("a node that joins closes its data with its cluster, and opens it again")
  func joiningIsShutDown() throws {
    var bench = try serve()
    let added = try join(&bench)
    bench.encrypt(4)
    bench.change(4) { $0.phase = .opening }
    #expect(bench.core.nodeRecords[fresh]?.generation != nil)
    try bench.order { core, now throws(CoordinatorError) in try core.shutdownCluster(Bench.cluster, now: now) }
    #expect(actions(bench, to: fresh) == [.stopDatabase])
    for number in [2, 3, 4, 1] { bench.change(number) { ($0.phase, $0.replication) = (.stopped, nil) } }
    try bench.order { core, now throws(CoordinatorError) in try core.startCluster(Bench.cluster, now: now) }
    #expect(actions(bench, to: fresh) == [.startDatabase])
    #expect(try bench.plan(added).isOpen)
  }

  @Test("a node that still joins is taken back by an operator's word, long before its time is up")
  func takenBack() throws {
    var bench = try serve()
    let added = try join(&bench)
    #expect(actions(bench, to: fresh).count == 1)
    bench.pass(.seconds(12), silent: [fresh])
    let removed = try bench.order { core, now throws(CoordinatorError) in
      try core.removeNode(fresh, from: Bench.cluster, now: now)
    }
    #expect(removed == added)
    #expect(try bench.plan(added).undoing == "an operator took node-4 back")
    #expect(actions(bench, to: Bench.node(1)) == [.removeMember(fresh)])
  }

  @Test("a node is taken back out of the shard also if the primary may just let it in")
  func takenBackEarly() throws {
    var bench = try serve()
    let added = try join(&bench)
    for number in 1...3 { bench.change(number) { $0.replication?.members = (1...3).map { Bench.node($0) } } }
    try bench.order { core, now throws(CoordinatorError) in
      try core.removeNode(fresh, from: Bench.cluster, now: now)
    }
    #expect(actions(bench, to: Bench.node(1)) == [.removeMember(fresh)])
    #expect(try bench.plan(added).steps.first { $0.kind == .retire }?.state == .running)
  }

  @Test("the start of a cluster gives way to a node that is taken back, and ends without it")
  func takenBackFromStart() throws {
    var bench = try serve()
    let added = try join(&bench)
    bench.encrypt(4)
    bench.change(4) { $0.phase = .opening }
    try bench.order { core, now throws(CoordinatorError) in try core.shutdownCluster(Bench.cluster, now: now) }
    for number in [2, 3, 4, 1] { bench.change(number) { ($0.phase, $0.replication) = (.stopped, nil) } }
    let start = try bench.order { core, now throws(CoordinatorError) in
      try core.startCluster(Bench.cluster, now: now)
    }
    for number in 1...3 {
      bench.change(number) { ($0.phase, $0.replication) = (.serving, Bench.place(number == 1 ? .primary : .secondary)) }
      bench.reports[Bench.node(number)]?.replication?.members = (1...4).map { Bench.node($0) }
    }
    bench.pass(.seconds(15), silent: [fresh])
    #expect(try bench.plan(start).isOpen && bench.record?.lease == start)
    try bench.order { core, now throws(CoordinatorError) in
      try core.removeNode(fresh, from: Bench.cluster, now: now)
    }
    #expect(bench.record?.lease == added)
    #expect(actions(bench, to: Bench.node(1)) == [.removeMember(fresh)])
    for number in 1...3 { bench.reports[Bench.node(number)]?.replication?.members = (1...3).map { Bench.node($0) } }
    bench.pass(.seconds(5), silent: [fresh])
    #expect(try bench.plan(start).outcome == .succeeded)
  }

  @Test("what is to be encrypted, and by no plan since a store was restored, gets one")
  func wantedByNoPlan() throws {
    var bench = try Bench()
    try bench.serve(3)
    for number in 1...2 { bench.encrypt(number) }
    var record = try #require(bench.record)
    record.encryptionWanted = true
    bench.core.put(record)
    bench.pass(CoordinatorLimits.observationGrace + .seconds(2))
    let plan = try #require(bench.core.openPlans(of: Bench.cluster).first { $0.kind == .encrypt })
    #expect(plan.steps.filter { $0.kind == .resync }.map(\.node) == [Bench.node(3)])
  }

  @Test("a node that leaves is not copied anew any more")
  func resyncOfLeaving() throws {
    var bench = try serve()
    bench.pass(.seconds(1))
    try bench.order { core, now throws(CoordinatorError) in
      try core.removeNode(Bench.node(3), from: Bench.cluster, now: now)
    }
    for node in Array(bench.reports.keys) { bench.reports[node]?.replication?.members = [Bench.node(1), second] }
    bench.pass(.seconds(2))
    #expect(bench.record?.leaving == Bench.node(3))
    #expect(throws: CoordinatorError.self) {
      try bench.order { core, now throws(CoordinatorError) in try core.resyncNode(Bench.node(3), now: now) }
    }
  }

  @Test("KMS settings for the copy of a node that is not approved are sent until it copies")
  func settingsForCopy() throws {
    var bench = try serve()
    bench.change(2) {
      ($0.phase, $0.replication) = (.notApproved(reason: "older"), nil)
      $0.boot = .random()
      $0.generation?.keystoreVersion = 0
    }
    bench.hello(second)
    #expect(bench.core.nodeRecords[second]?.distrust != nil)
    try bench.order { core, now throws(CoordinatorError) in try core.resyncNode(second, now: now) }
    for _ in 0..<3 {
      bench.pass(CoordinatorLimits.versionResend + .seconds(1))
      #expect(bench.assignments(to: second).contains { $0.kms != nil && $0.notApprovedReason != nil })
    }
  }

  @Test("a word from before a process had its first assignment, that comes late, hides nothing that it said since")
  func lateWord() throws {
    var bench = try serve()
    let late = try #require(bench.reports[second])
    bench.change(2) {
      $0.otherGenerations = [GenerationReport(id: .random(), encrypted: true, customerKeyID: Bench.key)]
    }
    var first = late
    first.assignmentVersion = 0
    bench.take(bench.core.onHeartbeat(second, report: first, now: bench.now))
    #expect(bench.core.contacts[second]?.report?.otherGenerations?.count == 1)
  }
}
