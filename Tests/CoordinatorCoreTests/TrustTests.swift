// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("Keystores only go forward")
struct TrustTests {
  private let node = Bench.node(2)
  private let admin = OperatorName(checked: "ada")

  /// What a node says that was started anew with `change` made to its keystore.
  private func reborn(_ bench: inout Bench, _ change: (inout GenerationReport) -> Void) {
    guard var report = bench.reports[node], var generation = report.generation else { return }
    change(&generation)
    (report.boot, report.phase, report.replication) = (.random(), .awaitingSettings, nil)
    (report.generation, report.assignmentVersion) = (generation, 0)
    bench.reports[node] = report
    bench.now = bench.now + .milliseconds(1)
    bench.hello(node)
  }

  private func serving(version: UInt64 = 5) throws -> Bench {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    bench.change(2) { $0.generation?.keystoreVersion = version }
    return bench
  }

  @Test("an older keystore gets no KMS settings until the recorded one is back")
  func older() throws {
    var bench = try serving()
    reborn(&bench) { $0.keystoreVersion = 4 }
    let refused = try #require(bench.assignments(to: node).first)
    #expect(refused.kms == nil && refused.notApprovedReason?.contains("version 4, but version 5 is recorded") == true)
    #expect(bench.record?.assignment?.notApprovedReason == nil, "it stands in no record")
    #expect(bench.openAlerts.contains(.keystoreDistrusted))
    #expect(bench.core.custody(of: node, settingsVersion: 1) == nil, "nor is anything signed for it")
    bench.change(2) { $0.phase = .notApproved(reason: refused.notApprovedReason ?? "") }
    bench.followAssignment()
    bench.pass(.seconds(30))
    #expect(bench.assignments(to: node).isEmpty, "it was told, and is not told again")
    reborn(&bench) { $0.keystoreVersion = 5 }
    #expect(bench.assignments(to: node).first?.kms == Bench.settings)
    #expect(bench.core.nodeRecords[node]?.distrust == nil)
    let custody = try #require(bench.core.custody(of: node, settingsVersion: 1))
    #expect(custody.settings == Bench.settings && custody.context.node == node)
    #expect(bench.core.custody(of: node, settingsVersion: 2) == nil)
    #expect(bench.core.custody(of: NodeName(checked: "stranger"), settingsVersion: 1) == nil)
  }

  @Test("what a crash may leave is trusted: later database keys; a rotation or re-sync that was asked for")
  func crashes() throws {
    var bench = try serving()
    reborn(&bench) { $0.keystoreVersion = 6 }
    #expect(bench.core.nodeRecords[node]?.distrust == nil)
    bench.change(2) { ($0.phase, $0.replication) = (.serving, Bench.place(.secondary)) }
    bench.pass(.seconds(1))
    try bench.order { core, now throws(CoordinatorError) in try core.rotateMasterKeys(Bench.cluster, now: now) }
    #expect(bench.commands(to: node).count == 1)
    reborn(&bench) { ($0.keystoreVersion, $0.masterKeyID, $0.masterKeyCheckValue) = (7, .random(), "new") }
    #expect(bench.core.nodeRecords[node]?.distrust == nil)

    var fresh = try Bench()
    try fresh.serve(3)
    try fresh.order { core, now throws(CoordinatorError) in try core.encryptCluster(Bench.cluster, now: now) }
    #expect(fresh.commands(to: node).count == 1)
    reborn(&fresh) { generation in
      generation = GenerationReport(
        id: .random(), encrypted: true, keystoreVersion: 1, masterKeyID: .random(), masterKeyCheckValue: "x",
        customerKeyID: Bench.key)
    }
    #expect(fresh.core.nodeRecords[node]?.distrust == nil)
  }

  @Test("a new master key or generation that nobody asked for is not trusted", arguments: [true, false])
  func unasked(generation: Bool) throws {
    var bench = try serving()
    reborn(&bench) {
      if generation { $0.id = .random() }
      ($0.keystoreVersion, $0.masterKeyID, $0.masterKeyCheckValue) = (9, .random(), "other")
    }
    #expect(bench.assignments(to: node).first?.kms == nil)
    #expect(bench.core.nodeRecords[node]?.isAhead == true)
  }

  @Test("a former master key is not trusted although a rotation is asked for and the version is higher")
  func formerMasterKey() throws {
    var bench = try serving()
    let first = try #require(bench.reports[node]?.generation)
    try bench.order { core, now throws(CoordinatorError) in try core.rotateMasterKeys(Bench.cluster, now: now) }
    bench.rotate(2)
    for number in [3, 1] { bench.rotate(number) }
    try bench.order { core, now throws(CoordinatorError) in try core.rotateMasterKeys(Bench.cluster, now: now) }
    reborn(&bench) {
      ($0.keystoreVersion, $0.masterKeyID, $0.masterKeyCheckValue) = (9, first.masterKeyID, first.masterKeyCheckValue)
    }
    #expect(bench.core.nodeRecords[node]?.distrust?.contains("was replaced") == true)
    #expect(bench.core.nodeRecords[node]?.isAhead == false)
  }

  @Test("a node that serves keeps what it has; plain data is nobody's concern")
  func servingAndPlain() throws {
    var bench = try serving()
    bench.change(2) { $0.generation?.masterKeyID = .random() }
    #expect(bench.core.nodeRecords[node]?.distrust != nil)
    #expect(bench.core.refusal(of: node) == nil)
    var plain = try Bench()
    try plain.serve(3)
    reborn(&plain) { $0.id = .random() }
    #expect(plain.core.nodeRecords[node]?.distrust == nil)
    #expect(plain.assignments(to: node).first?.notApprovedReason == nil)
  }

  @Test("an operator's approval takes what was seen, and is kept with who, when and what")
  func approval() throws {
    var bench = try serving()
    reborn(&bench) { $0.keystoreVersion = 4 }
    bench.now = bench.now + .seconds(1)
    try bench.order { core, now throws(CoordinatorError) in try core.approveNode(node, by: admin, now: now) }
    let assignment = try #require(bench.assignments(to: node).first)
    #expect(assignment.kms == Bench.settings && assignment.notApprovedReason == nil)
    #expect(bench.core.nodeRecords[node]?.generation?.keystoreVersion == 4)
    #expect(!bench.openAlerts.contains(.keystoreDistrusted))
    let entry = try #require(bench.auditTrail.first)
    #expect(
      entry.by == .operatorKey(admin) && entry.at.milliseconds == bench.now.milliseconds
        && entry.detail.contains("keystore version 4"))
    #expect(entry.detail.contains("recorded before") && entry.detail.contains("keystore version 5"))
    #expect(throws: CoordinatorError.self) { try bench.core.approveNode(node, by: admin, now: bench.now) }
    #expect(throws: CoordinatorError.self) {
      try bench.core.approveNode(Bench.node(9), by: admin, now: bench.now)
    }
  }

  @Test("a copy that an operator orders brings a refused node its KMS settings, and what it makes is trusted")
  func resynced() throws {
    var bench = try serving()
    bench.verdict(.valid)
    reborn(&bench) { $0.keystoreVersion = 4 }
    bench.change(2) { $0.phase = .notApproved(reason: "older") }
    bench.followAssignment()
    bench.pass(.seconds(12))
    #expect(bench.assignments(to: node).isEmpty)
    try bench.order { core, now throws(CoordinatorError) in try core.resyncNode(node, now: now) }
    let assignment = try #require(bench.assignments(to: node).first)
    #expect(assignment.kms == Bench.settings && assignment.notApprovedReason != nil)
    guard case .initialSync(let order) = bench.commands(to: node).first?.action else {
      return #expect(Bool(false), "it is not asked: \(bench.last)")
    }
    #expect(order.encrypted && order.replacing == bench.reports[node]?.generation?.id)
    bench.encrypt(2)
    #expect(bench.core.nodeRecords[node]?.distrust == nil)
    let approved = try #require(bench.assignments(to: node).first)
    #expect(approved.kms == Bench.settings && approved.notApprovedReason == nil)
  }

  @Test("nobody approves what can't be seen")
  func unseen() throws {
    var bench = try serving()
    reborn(&bench) { $0.keystoreVersion = 4 }
    bench.take(bench.core.onDisconnected(node, now: bench.now))
    #expect(throws: CoordinatorError.self) { try bench.core.approveNode(node, by: admin, now: bench.now) }
    #expect(bench.decisions.isEmpty)
  }
}

@Suite("A coordinator restored from an older copy")
struct RestorationTests {
  private let admin = OperatorName(checked: "ada")
  private let later = Epoch(number: 7, incarnation: 3)

  /// All nodes rotated after the copy was taken, and the copy was put back.
  private func restored() throws -> Bench {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    let copy = bench.disk
    try bench.order { core, now throws(CoordinatorError) in try core.rotateMasterKeys(Bench.cluster, now: now) }
    for number in [2, 3, 1] { bench.rotate(number) }
    bench.disk = copy
    try bench.restart()
    let own = bench.core.epoch
    bench.take(bench.core.onEpochAhead(later, own: own, now: bench.now))
    return bench
  }

  private func hello(_ bench: inout Bench, _ number: Int, ahead: Bool) {
    guard let report = bench.reports[Bench.node(number)] else { return }
    bench.take(bench.core.onHello(report.node, report: report, isAheadOfStore: ahead, now: bench.now))
  }

  @Test("commands no cluster before a majority of its nodes has said hello")
  func majority() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    try bench.order { core, now throws(CoordinatorError) in try core.rotateMasterKeys(Bench.cluster, now: now) }
    try bench.restart()
    bench.reports[Bench.node(2)]?.boot = .random()
    bench.reports[Bench.node(2)]?.assignmentVersion = 0
    bench.hello(Bench.node(2))
    bench.pass(.seconds(30), silent: [Bench.node(1), Bench.node(3)])
    #expect(bench.commands().isEmpty && bench.assignments(to: Bench.node(2)).isEmpty)
    #expect(bench.core.coordinatorView(now: bench.now).unlearned.map(\.cluster) == [Bench.cluster])
    bench.hello(Bench.node(1))
    #expect(bench.assignments(to: Bench.node(2)).count == 1)
    #expect(bench.core.coordinatorView(now: bench.now).unlearned.isEmpty)
  }

  @Test("commands a cluster without a majority when an operator says so, and locks it out without one")
  func withoutMajority() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    bench.verdict(.revoked(.keyDisabled, detail: "off"))
    bench.check(2, .revoked(.keyDisabled, detail: "off"))
    #expect(bench.record?.lockout != nil)
    try bench.restart()
    bench.hello(Bench.node(2))
    #expect(bench.commands(to: Bench.node(2)).contains { if case .disable = $0.action { true } else { false } })
    bench.reports[Bench.node(2)]?.assignmentVersion = 0
    bench.heartbeat(Bench.node(2))
    try bench.order { core, now throws(CoordinatorError) in
      try core.adopt(withoutMajority: true, by: admin, now: now)
    }
    bench.pass(.seconds(6))
    #expect(bench.assignments(to: Bench.node(2)).count >= 1)
    #expect(bench.decisions.count == 1)
  }

  @Test("gives out no number again that a node follows for something else", arguments: [0, 2] as [UInt64])
  func assignmentNumbers(by lead: UInt64) throws {
    var bench = try restored()
    let old = try #require(bench.record?.assignment?.version)
    for number in 1...3 { bench.reports[Bench.node(number)]?.assignmentVersion = old + lead }
    for number in 1...3 { hello(&bench, number, ahead: true) }
    let new = try #require(bench.record?.assignment?.version)
    #expect(new > old + lead)
    bench.pass(.seconds(12))
    #expect((1...3).allSatisfy { bench.assignments(to: Bench.node($0)).last?.version == new })
    for number in 1...3 { bench.change(number) { $0.assignmentVersion = new } }
    bench.pass(.seconds(60))
    #expect(bench.record?.assignment?.version == new, "and it stays")
  }

  @Test("says that it was restored and who is ahead; nodes that serve go on serving")
  func tells() throws {
    var bench = try restored()
    for number in 1...3 { hello(&bench, number, ahead: true) }
    let view = bench.core.coordinatorView(now: bench.now)
    #expect(view.state == "restored from an older copy" && view.epochSeen == 7)
    #expect(view.nodesAhead.map(\.node) == [1, 2, 3].map { Bench.node($0) })
    #expect(view.nodesAhead.allSatisfy { $0.isAdoptable })
    #expect(bench.openAlerts.contains(.storeRestored))
    #expect((1...3).allSatisfy { bench.core.refusal(of: Bench.node($0)) == nil })
    try bench.restart()
    #expect(bench.core.coordinatorView(now: bench.now).state == "restored from an older copy")
  }

  @Test("one command adopts every node that ran since before the restore, and no process started since")
  func adopts() throws {
    var bench = try restored()
    bench.reports[Bench.node(3)]?.boot = .random()
    bench.reports[Bench.node(3)]?.phase = .awaitingSettings
    for number in 1...2 { hello(&bench, number, ahead: true) }
    hello(&bench, 3, ahead: false)
    bench.pass(.seconds(7))
    #expect(bench.core.nodeRecords[Bench.node(3)]?.distrust != nil)
    let adopted = try bench.order { core, now throws(CoordinatorError) in
      try core.adopt(withoutMajority: false, by: admin, now: now)
    }
    #expect(adopted == [Bench.node(1), Bench.node(2)])
    #expect(bench.core.nodeRecords[Bench.node(3)]?.distrust != nil, "it was started from a disk")
    #expect(bench.core.coordinatorView(now: bench.now).state == "running")
    #expect(bench.decisions.map(\.subject) == ["coordinator", "node-2", "node-1"])
    #expect(!bench.openAlerts.contains(.storeRestored))
    #expect(throws: CoordinatorError.self) {
      try bench.core.adopt(withoutMajority: false, by: admin, now: bench.now)
    }
  }

  @Test("carries out no order to decrypt that stands in an older copy: an operator has to give it again")
  func oldDecrypt() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    let id = try bench.order { core, now throws(CoordinatorError) in
      try core.decryptCluster(Bench.cluster, now: now)
    }
    try bench.restart()
    let (seen, own) = (Epoch(number: 7, incarnation: 3), Epoch(number: 1, incarnation: 1))
    bench.take(bench.core.onEpochAhead(seen, own: own, now: bench.now))
    for number in 1...3 { hello(&bench, number, ahead: true) }
    bench.pass(.seconds(20))
    #expect(!bench.commands().contains { if case .resync = $0.action { true } else { false } })
    #expect(bench.core.waitingReason(of: id)?.contains("restored from an older copy") == true)
    try bench.order { core, now throws(CoordinatorError) in
      try core.adopt(withoutMajority: false, by: admin, now: now)
    }
    guard case .superseded = try bench.plan(id).outcome else { return #expect(Bool(false), "it is still open") }
    #expect(bench.record?.encryptionWanted == true)
    let again = try bench.order { core, now throws(CoordinatorError) in
      try core.decryptCluster(Bench.cluster, now: now)
    }
    #expect(bench.commands().count == 1 && again != id)
  }

  @Test("takes no older keystore, whatever the coordinator was restored from")
  func oldDisk() throws {
    var bench = try restored()
    for number in 1...3 { hello(&bench, number, ahead: true) }
    bench.reports[Bench.node(2)]?.generation?.keystoreVersion = 0
    bench.reports[Bench.node(2)]?.boot = .random()
    bench.reports[Bench.node(2)]?.phase = .awaitingSettings
    bench.hello(Bench.node(2))
    try bench.order { core, now throws(CoordinatorError) in
      try core.adopt(withoutMajority: false, by: admin, now: now)
    }
    #expect(bench.core.nodeRecords[Bench.node(2)]?.distrust?.contains("version 0") == true)
  }
}
