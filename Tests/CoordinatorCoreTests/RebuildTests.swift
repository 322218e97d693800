// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

private let root = OperatorName(checked: "root")
private let followed = Epoch(number: 7, incarnation: 7)

@Suite("A coordinator without its store is rebuilt from what nodes report")
struct RebuildTests {
  /// A coordinator with an empty store, and the nodes of one that is lost, which go on: enrolled anew are the first
  /// `count` of the three.
  private func lost(enrolled count: Int = 3, _ change: (inout NodeReport) throws -> Void = { _ in }) throws -> Bench {
    var before = try Bench()
    try before.serve(3, encrypted: true)
    var bench = try Bench()
    bench.now = before.now + .seconds(60)
    try bench.order { core, now throws(CoordinatorError) in
      try core.addOperator(root, publicKey: Bench.publicKey(60), role: .orgOwner, now: now)
    }
    bench.take(bench.core.onEpochAhead(followed, own: Epoch(number: 1, incarnation: 1), now: bench.now))
    for number in 1...3 {
      let node = Bench.node(number)
      guard var report = before.reports[node] else { continue }
      report.assignmentVersion = 9
      report.ipListVersion = 4
      report.membership = MembershipReport(
        version: 9, project: Bench.project, cluster: Bench.cluster, members: (1...3).map { Bench.node($0) },
        running: true, settingsVersion: 5, access: [try IPRange("203.0.113.0/24")])
      try change(&report)
      bench.reports[node] = report
      if number <= count { try enroll(number, in: &bench) }
    }
    return bench
  }

  private func enroll(_ number: Int, in bench: inout Bench) throws {
    try bench.order { core, now throws(CoordinatorError) in
      try core.enrollNode(Bench.node(number), cluster: nil, publicKey: Bench.publicKey(number), now: now)
    }
    hello(number, in: &bench)
  }

  /// A hello of a process that follows an epoch of before, or knows none because it has just started.
  private func hello(_ number: Int, in bench: inout Bench) {
    guard let report = bench.reports[Bench.node(number)] else { return }
    let isOld = report.phase == .serving
    bench.take(bench.core.onHello(Bench.node(number), report: report, isAheadOfStore: isOld, now: bench.now))
  }

  private func rebuild(_ bench: inout Bench) throws(CoordinatorError) -> RebuildView {
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
}
