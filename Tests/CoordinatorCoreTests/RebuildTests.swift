// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

private let root = OperatorName(checked: "root")
private let followed = Epoch(number: 7, incarnation: 7)

@Suite("A coordinator without its store is rebuilt from what nodes report")
struct RebuildTests {
  /// A coordinator with an empty store, and the nodes of one that is lost, which go on: enrolled anew are the first
  /// `count` of the three. Unless it is `noticed`, the new store has given out higher epochs than they follow.
  func lost(
    enrolled count: Int = 3, noticed: Bool = true, _ change: (inout NodeReport) throws -> Void = { _ in }
  ) throws -> Bench {
    var before = try Bench()
    try before.serve(3, encrypted: true)
    var bench = try Bench()
    bench.now = before.now + .seconds(60)
    try bench.order { core, now throws(CoordinatorError) in
      try core.addOperator(root, publicKey: Bench.publicKey(60), role: .orgOwner, now: now)
    }
    if noticed {
      bench.take(bench.core.onEpochAhead(followed, own: Epoch(number: 1, incarnation: 1), now: bench.now))
    }
    let boots = before.reports.compactMapValues { BootDigest(of: $0.boot) }
    for number in 1...3 {
      let node = Bench.node(number)
      guard var report = before.reports[node] else { continue }
      report.assignmentVersion = 9
      report.ipListVersion = 4
      report.membership = MembershipReport(
        version: 9, project: Bench.project, cluster: Bench.cluster, members: (1...3).map { Bench.node($0) },
        running: true, settingsVersion: 5, access: [try IPRange("203.0.113.0/24")], boots: boots)
      try change(&report)
      bench.reports[node] = report
      if number <= count { try enroll(number, in: &bench) }
    }
    return bench
  }

  func enroll(_ number: Int, in bench: inout Bench) throws {
    try bench.order { core, now throws(CoordinatorError) in
      try core.enrollNode(Bench.node(number), cluster: nil, publicKey: Bench.publicKey(number), now: now)
    }
    hello(number, in: &bench)
  }

  /// A hello of a process that follows an epoch of before, or knows none because it has just started.
  private func hello(_ number: Int, in bench: inout Bench) {
    guard let report = bench.reports[Bench.node(number)] else { return }
    let isOld = report.phase == .serving && bench.core.restoration != nil
    bench.take(bench.core.onHello(Bench.node(number), report: report, isAheadOfStore: isOld, now: bench.now))
  }

  func rebuild(_ bench: inout Bench) throws(CoordinatorError) -> RebuildView {
    try bench.order { core, now throws(CoordinatorError) in try core.rebuild(by: root, now: now) }
  }

  /// What nodes were told by the last directives.
  private func told(_ bench: Bench) -> [CoordinatorDirective] {
    bench.last.filter { directive in
      switch directive {
      case .sendCommand, .sendAssignment, .sendIPList, .refuse: true
      default: false
      }
    }
  }

  private func orders(_ bench: Bench) -> [String] {
    bench.last.compactMap { if case .sendCommand(_, let command) = $0 { command.action.name } else { nil } }
  }

  @Test("which tells its nodes nothing before an operator decides, and destroys nothing after")
  func whole() throws {
    var bench = try lost()
    #expect(told(bench).isEmpty)
    bench.pass(.seconds(90))
    #expect(told(bench).isEmpty, "a node it does not know is told nothing: \(told(bench))")
    #expect(bench.core.rebuildView(now: bench.now).clusters.map(\.hindrance) == [nil])

    let view = try rebuild(&bench)
    #expect(view.isDone && view.clusters.first?.members.map(\.state) == ["serving", "serving", "serving"])
    let record = try #require(bench.record)
    #expect(record.nodes == (1...3).map { Bench.node($0) } && record.encrypted && record.encryptionWanted)
    #expect(bench.core.nodes.allSatisfy { $0.distrust == nil && $0.generation?.encrypted == true })
    let assignment = try #require(bench.assignments(to: Bench.node(1)).last)
    #expect(assignment.version > 9 && assignment.project == Bench.project && assignment.members.count == 3)
    #expect(assignment.notApprovedReason == nil && assignment.disabledReason == nil && assignment.running)
    let list = try #require(bench.lists(to: Bench.node(1)).last)
    #expect(list.version > 4 && list.access?.first?.entries.map(\.range.description) == ["203.0.113.0/24"])

    bench.followAssignment()
    bench.pass(.seconds(600))
    #expect(orders(bench).isEmpty, "\(orders(bench))")
    #expect(bench.core.view(of: record, now: bench.now).state == "serving")
    try bench.restart()
    #expect(bench.record?.nodes.count == 3)
    #expect(bench.auditTrail.contains { $0.action == "coordinator rebuild" && $0.by == .operatorKey(root) })
  }

  @Test("its operators are asked for the credentials of the key that the data is under, and for no other key")
  func credentials() throws {
    var bench = try lost()
    _ = try rebuild(&bench)
    let project = try bench.core.project(named: Bench.project)
    #expect(project.kms == nil && project.settingsVersion == 5)
    // Nobody could see whether the key was taken away.
    let error = #expect(throws: CoordinatorError.self) {
      try bench.order { core, now throws(CoordinatorError) in try core.lookBeforeDecrypting(Bench.cluster, now: now) }
    }
    #expect(error?.description.contains("no KMS settings") == true)
    var other = Bench.settings
    other.keyID = "arn:aws:kms:eu-central-1:111122223333:key/two"
    #expect(throws: CoordinatorError.self) { try bench.core.settingsVersion(proposing: other, for: Bench.project) }
    #expect(bench.core.provers(of: Bench.project, now: bench.now).count == 3)
    try bench.proveKMS()
    #expect(bench.core.projectRecords[Bench.project]?.settingsVersion == 6)
    #expect(bench.assignments(to: Bench.node(2)).last?.kms == Bench.settings)
    // Who rebuilt it owns the project, and can go on.
    #expect(bench.core.operatorRecords[root]?.role(in: Bench.project) == .projectOwner)
  }

  @Test("needs a majority that says the same, and all members enrolled")
  func hindrances() throws {
    var bench = try lost(enrolled: 1)
    #expect(bench.core.rebuildView(now: bench.now).clusters.first?.hindrance?.contains("majority") == true)
    #expect(throws: CoordinatorError.self) { try rebuild(&bench) }
    try enroll(2, in: &bench)
    #expect(
      bench.core.rebuildView(now: bench.now).clusters.first?.hindrance?.contains("node-3 is not enrolled") == true)
    try enroll(3, in: &bench)
    // A node that contradicts the others, of the same word.
    bench.change(3) { $0.membership?.project = ProjectName(checked: "theirs") }
    #expect(bench.core.rebuildView(now: bench.now).clusters.first?.hindrance?.contains("contradict") == true)
    #expect(throws: CoordinatorError.self) { try rebuild(&bench) }
    #expect(bench.core.clusters.isEmpty && bench.core.projects.isEmpty)
    bench.change(3) { $0.membership?.project = Bench.project }
    _ = try rebuild(&bench)
    #expect(bench.core.rebuildView(now: bench.now).clusters.isEmpty)
    #expect(throws: CoordinatorError.self) { try rebuild(&bench) }
  }

  @Test("the newest word of a shard counts, not that of a member which was away")
  func newest() throws {
    var bench = try lost { report in
      guard report.node == Bench.node(3) else { return }
      report.membership?.version = 3
      report.membership?.members = [Bench.node(1), Bench.node(2), Bench.node(3), NodeName(checked: "gone")]
    }
    #expect(bench.core.rebuildView(now: bench.now).clusters.map(\.hindrance) == [nil])
    _ = try rebuild(&bench)
    #expect(bench.record?.nodes == (1...3).map { Bench.node($0) })
  }

  @Test("a node that names itself alone, or others as it likes, is outvoted")
  func outvoted() throws {
    let words: [(inout MembershipReport) throws -> Void] = [
      { ($0.version, $0.members) = (99, [Bench.node(3)]) },
      { ($0.version, $0.running, $0.settingsVersion) = (99, false, .max) },
      { $0.access = nil },
      { $0.access?.append(try IPRange("198.51.100.0/24")) },
    ]
    for change in words {
      var bench = try lost { report in
        guard report.node == Bench.node(3), var word = report.membership else { return }
        try change(&word)
        report.membership = word
      }
      _ = try rebuild(&bench)
      let record = try #require(bench.record)
      #expect(record.nodes == (1...3).map { Bench.node($0) } && record.running)
      let project = try bench.core.project(named: Bench.project)
      #expect(project.settingsVersion == 5 && project.accessList?.map(\.range.description) == ["203.0.113.0/24"])
    }
  }

  @Test("of address lists that all differ, only what all know is let in")
  func addresses() throws {
    var bench = try lost { report in
      report.membership?.access = [
        try IPRange("203.0.113.0/24"), try IPRange(report.node == Bench.node(1) ? "10.0.1.0/24" : "10.0.2.0/24"),
        try IPRange(report.node == Bench.node(3) ? "10.1.1.0/24" : "10.1.2.0/24"),
      ]
    }
    _ = try rebuild(&bench)
    let project = try bench.core.project(named: Bench.project)
    #expect(project.accessList?.map(\.range.description) == ["203.0.113.0/24"])
  }

  @Test("a node that two clusters count as theirs hinders both, and is never in two")
  func disputed() throws {
    let other = ClusterName(checked: "other")
    var bench = try lost { report in
      guard report.node == Bench.node(3) else { return }
      report.membership?.cluster = other
      report.membership?.members = [Bench.node(3)]
    }
    #expect(bench.core.rebuildView(now: bench.now).clusters.allSatisfy { $0.hindrance?.contains("too") == true })
    #expect(throws: CoordinatorError.self) { try rebuild(&bench) }
    // One that finds no majority of its own claims nobody.
    bench.change(3) { $0.membership?.members = [Bench.node(3), Bench.node(1)] }
    _ = try rebuild(&bench)
    #expect(bench.core.clusters.map(\.name) == [Bench.cluster])
    try bench.restart()
  }

  @Test("a key is asked for that some of the data is under, also in the middle of a change of key")
  func changingKey() throws {
    let next = "arn:aws:kms:eu-central-1:111122223333:key/two"
    var other = Bench.settings
    other.keyID = next
    var bench = try lost { if $0.node == Bench.node(3) { $0.generation?.customerKeyID = next } }
    _ = try rebuild(&bench)
    for settings in [Bench.settings, other] {
      #expect(try bench.core.settingsVersion(proposing: settings, for: Bench.project) == 6)
    }
    other.keyID += "-x"
    #expect(throws: CoordinatorError.self) { try bench.core.settingsVersion(proposing: other, for: Bench.project) }
  }

  @Test("settings of another key than the data is under are no ground to build on")
  func otherKey() throws {
    var bench = try lost()
    var project = ProjectRecord(name: Bench.project, owners: [], createdAt: bench.now)
    var settings = Bench.settings
    settings.keyID += "-x"
    project.kms = settings
    bench.core.put(project)
    #expect(bench.core.rebuildView(now: bench.now).clusters.first?.hindrance?.contains("another key") == true)
    #expect(throws: CoordinatorError.self) { try rebuild(&bench) }
  }

  @Test("a keystore of a process that has started since is believed by an operator's word alone")
  func restarted() throws {
    var bench = try lost { report in
      guard report.node == Bench.node(2) else { return }
      (report.phase, report.replication, report.assignmentVersion) = (.awaitingSettings, nil, 0)
      report.boot = .random()
      report.ipListVersion = 0
    }
    _ = try rebuild(&bench)
    let node = Bench.node(2)
    #expect(bench.core.nodeRecords[node]?.distrust != nil && bench.core.nodeRecords[Bench.node(1)]?.distrust == nil)
    #expect(bench.assignments(to: node).last?.notApprovedReason != nil)
    try bench.proveKMS()
    #expect(bench.assignments(to: node).allSatisfy { $0.kms == nil })
    try bench.order { core, now throws(CoordinatorError) in try core.approveNode(node, by: root, now: now) }
    #expect(bench.assignments(to: node).last?.kms == Bench.settings)
  }

  @Test("a node whose data it does not know is taken into no other cluster")
  func intoNoOther() throws {
    var bench = try lost()
    try bench.order { core, now throws(CoordinatorError) in try core.createProject(Bench.project, now: now) }
    #expect(throws: CoordinatorError.self) {
      try bench.order { core, now throws(CoordinatorError) in
        try core.createCluster(
          ClusterName(checked: "new"), project: Bench.project, nodes: [Bench.node(1)], now: now)
      }
    }
  }

  func distrusted(_ bench: Bench) -> [NodeName] {
    bench.core.nodes.filter { $0.distrust != nil }.map(\.name)
  }

  @Test("a second time, or after many starts, the processes that a majority was told of are adopted all the same")
  func again() throws {
    var bench = try lost(noticed: false)
    #expect(bench.core.restoration == nil && distrusted(bench).count == 3)
    #expect(
      bench.core.rebuildView(now: bench.now).clusters.first?.members.map(\.state) == ["serving", "serving", "serving"])
    _ = try rebuild(&bench)
    #expect(distrusted(bench).isEmpty)
    bench.followAssignment()
    bench.pass(.seconds(5))
    #expect(bench.openAlerts.filter { $0 == .keystoreDistrusted }.isEmpty)
  }

  @Test("no process is adopted that a majority was not told of, whatever it says of itself", arguments: [true, false])
  func stranger(noticed: Bool) throws {
    let (node, own) = (Bench.node(2), BootID.random())
    let stories: [(inout NodeReport) -> Void] = [
      // A clone, or a process that was started from an old copy of the disk and says that it serves.
      { $0.boot = own },
      // One that names itself.
      {
        $0.boot = own
        $0.membership?.boots?[$0.node] = BootDigest(of: own)
      },
      // The process that the others were told of, which the lost coordinator let open nothing.
      { $0.phase = .notApproved(reason: "its keystore has version 1, but version 2 is recorded") },
    ]
    for story in stories {
      var bench = try lost(noticed: noticed) { if $0.node == node { story(&$0) } }
      let states = bench.core.rebuildView(now: bench.now).clusters.first?.members.map(\.state)
      #expect(states?[1].contains("to be approved") == true && states?[0] == "serving")
      _ = try rebuild(&bench)
      #expect(distrusted(bench) == [node])
      try bench.proveKMS()
      try bench.order { core, now throws(CoordinatorError) in try core.approveNode(node, by: root, now: now) }
      #expect(distrusted(bench).isEmpty)
    }
  }

  @Test("agents that kept nobody's process are known by the epoch they follow, and else have to be approved")
  func withoutBoots() throws {
    for noticed in [true, false] {
      var bench = try lost(noticed: noticed) { $0.membership?.boots = nil }
      _ = try rebuild(&bench)
      #expect(distrusted(bench).count == (noticed ? 0 : 3))
    }
  }

  @Test("a node that was joining joins still, and can be taken back")
  func joining() throws {
    let joining = Bench.node(4)
    var bench = try lost { report in
      report.membership?.members.append(joining)
      report.membership?.joining = joining
    }
    #expect(bench.core.rebuildView(now: bench.now).clusters.first?.hindrance?.contains("not enrolled") == true)
    var report = NodeReport(node: joining, boot: .random(), agentVersion: "test", phase: .awaitingSettings)
    report.membership = bench.reports[Bench.node(1)]?.membership
    bench.reports[joining] = report
    try enroll(4, in: &bench)
    let states = bench.core.rebuildView(now: bench.now).clusters.first?.members.map(\.state)
    #expect(states?.last == "awaiting settings, joins")
    _ = try rebuild(&bench)
    let record = try #require(bench.record)
    #expect(record.nodes == (1...3).map { Bench.node($0) } && record.joining == joining)
    let plan = try #require(bench.core.plans.first { $0.isOpen })
    #expect(plan.kind == .addNode && plan.subject == joining && plan.deadlineMilliseconds != nil)
    #expect(bench.assignments(to: Bench.node(1)).last?.joining == joining)
    try bench.restart()
    #expect(bench.record?.joining == joining)
  }

  @Test("a member whose key was revoked is no witness, and hinders nobody")
  func revoked() throws {
    var bench = try lost { if $0.node == Bench.node(3) { $0.membership?.running = false } }
    try bench.order { core, now throws(CoordinatorError) in try core.revokeNode(Bench.node(3), now: now) }
    let view = bench.core.rebuildView(now: bench.now).clusters
    #expect(view.map(\.hindrance) == [nil] && view.first?.members.last?.state.contains("revoked") == true)
    _ = try rebuild(&bench)
    #expect(bench.record?.nodes.count == 3 && bench.record?.running == true)
    #expect(distrusted(bench) == [Bench.node(3)])
    #expect(bench.assignments(to: Bench.node(1)).last?.members.last?.publicKey == "")
  }
}
