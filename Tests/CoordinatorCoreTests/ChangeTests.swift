// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("A cluster is changed by naming what it is to be")
struct ChangeTests {
  private func serve(encrypted: Bool = false) throws -> Bench {
    var bench = try Bench()
    try bench.serve(3, encrypted: encrypted)
    for number in 4...8 { try enroll(number, in: &bench) }
    says(1...3, &bench)
    return bench
  }

  private func enroll(_ number: Int, in bench: inout Bench) throws {
    try bench.order { core, now throws(CoordinatorError) in
      try core.enrollNode(Bench.node(number), cluster: nil, publicKey: Bench.publicKey(number), now: now)
    }
    var report = NodeReport(node: Bench.node(number), boot: .random(), agentVersion: "test", phase: .awaitingSettings)
    report.replicationAddress = "10.0.0.\(number):7450"
    report.driverAddress = "10.0.0.\(number):27117"
    bench.reports[Bench.node(number)] = report
    bench.hello(Bench.node(number))
  }

  /// What everybody says of who belongs to the shard.
  private func says(_ members: some Sequence<Int>, _ bench: inout Bench) {
    let nodes = members.map { Bench.node($0) }
    for node in Array(bench.reports.keys) where bench.reports[node]?.replication != nil {
      bench.reports[node]?.replication?.members = nodes
    }
    bench.pass(.seconds(2))
  }

  private func change(
    _ change: ClusterChange, present: [NodeName]? = nil, _ bench: inout Bench
  ) throws(CoordinatorError) -> ClusterChangeView {
    try bench.order { core, now throws(CoordinatorError) in
      try core.changeCluster(Bench.cluster, change, present: present, now: now)
    }
  }

  private func nodes(_ numbers: Int...) -> ClusterChange { ClusterChange(nodes: numbers.map { Bench.node($0) }) }

  private func open(_ bench: Bench) -> [PlanKind] { bench.core.openPlans(of: Bench.cluster).map(\.kind) }

  /// Node 4 joins, as its agent would report it.
  private func join(_ bench: inout Bench) {
    bench.followAssignment()
    bench.change(4) { $0.phase = .empty }
    says(1...4, &bench)
    bench.change(4) {
      $0.generation = GenerationReport(id: .random(), encrypted: false)
      $0.phase = .serving
      $0.replication = Bench.place(.secondary)
    }
    says(1...4, &bench)
  }

  @Test("a dry run says the steps in their order and changes nothing")
  func dryRun() throws {
    let bench = try serve()
    let view = try bench.core.examine(nodes(1, 2, 4, 5), of: Bench.cluster)
    #expect(
      view.steps == [
        "add node-4: initial sync, then a vote", "add node-5: initial sync, then a vote",
        "remove node-3: its keys and files are destroyed",
      ])
    #expect(!view.isTaken && view.plan == nil && bench.record?.wantedNodes == nil && open(bench).isEmpty)
  }

  @Test("where there is no room a node leaves before another joins")
  func full() {
    let steps = CoordinatorCore.order(
      from: (1...3).map { Bench.node($0) }, to: [1, 2, 4].map { Bench.node($0) }, limit: 3)
    #expect(steps.map { $0.prefix(6) } == ["remove", "add no"])
  }

  @Test("one node changes at a time, new ones first, over a restart; then the change is over")
  func oneAtATime() throws {
    var bench = try serve()
    let view = try change(nodes(1, 2, 4), &bench)
    #expect(view.isTaken && view.plan?.kind == "add a node" && open(bench) == [.addNode])
    #expect(bench.record?.joining == Bench.node(4))
    #expect(throws: CoordinatorError.self) { try change(nodes(1, 2), &bench) }
    try bench.restart()
    for number in 1...4 { bench.hello(Bench.node(number)) }
    join(&bench)
    #expect(open(bench) == [.removeNode] && bench.record?.nodes.contains(Bench.node(4)) == true)
    #expect(try bench.core.view(of: #require(bench.record), now: bench.now).change?.count == 1)
    says([1, 2, 4], &bench)
    bench.change(3) { ($0.phase, $0.generation, $0.replication) = (.awaitingSettings, nil, nil) }
    bench.pass(.seconds(3))
    #expect(open(bench).isEmpty && bench.record?.nodes == [1, 2, 4].map { Bench.node($0) })
    #expect(bench.record?.wantedNodes == nil)
  }

  @Test("a node that can't join ends the change, and nobody leaves for it")
  func givenUp() throws {
    var bench = try serve()
    let id = try #require(try change(nodes(1, 2, 4), &bench).plan?.id)
    bench.take(
      {
        bench.core.end(id, .rolledBack(reason: "could not join in time"), now: bench.now)
        return bench.core.flush()
      }())
    bench.pass(.seconds(2))
    #expect(bench.record?.wantedNodes == nil && !open(bench).contains(.removeNode))
    #expect(bench.auditTrail.contains { $0.action == "cluster change given up" })
  }

  @Test("a change of what was shown otherwise is refused")
  func stale() throws {
    var bench = try serve()
    let error = #expect(throws: CoordinatorError.self) {
      try change(nodes(1, 2, 4), present: [Bench.node(1)], &bench)
    }
    #expect(error?.code == .conflict && bench.record?.wantedNodes == nil)
  }

  @Test("refusals name the field and the rule")
  func rules() throws {
    var bench = try serve()
    let wrong: [(ClusterChange, String)] = [
      (ClusterChange(nodes: []), "nodes: one or more"), (nodes(1, 1), "nodes: one or more different"),
      (nodes(1, 2, 3, 4, 5, 6, 7, 8), "nodes: a cluster of class standard has at most 7 nodes, not 8"),
      (nodes(1, 2, 99), "nodes: There is no node node-99"), (nodes(1, 2, 3), "as it is to be already"),
      (
        ClusterChange(nodes: [1, 2, 3, 4].map { Bench.node($0) }, clusterClass: .free), "nodes: a cluster of class free"
      ),
    ]
    for (wanted, why) in wrong {
      let error = #expect(throws: CoordinatorError.self) { try change(wanted, &bench) }
      #expect(error?.why.contains(why) == true, "\(error?.message ?? "")")
    }
    #expect(bench.record?.wantedNodes == nil && open(bench).isEmpty)
  }

  @Test("while the cluster is disabled a change is taken and queued, and done once the key is back")
  func queued() throws {
    var bench = try serve(encrypted: true)
    let off = Verdict.revoked(.keyDisabled, detail: "off")
    bench.verdict(off)
    bench.check(2, off)
    bench.followAssignment()
    bench.pass(.seconds(2))
    #expect(bench.record?.lockout != nil)
    let view = try change(nodes(1, 2), &bench)
    #expect(view.isTaken && view.queued?.isEmpty == false && open(bench) == [.removeNode])
    bench.pass(.seconds(30))
    #expect(!bench.commands().contains { if case .removeMember = $0.action { true } else { false } })
  }

  @Test("a class without customer-key encryption refuses it, and no encrypted cluster comes into such a class")
  func classes() throws {
    var bench = try serve()
    _ = try change(ClusterChange(clusterClass: .free), &bench)
    #expect(bench.record?.class == .free)
    let error = #expect(throws: CoordinatorError.self) {
      try bench.core.encryptCluster(Bench.cluster, now: bench.now)
    }
    #expect(error?.why.contains("class: a cluster of class free has no customer-key encryption") == true)
    #expect(throws: CoordinatorError.self) {
      try bench.core.addNode(Bench.node(4), to: Bench.cluster, now: bench.now)
    }
    var encrypted = try serve(encrypted: true)
    let refused = #expect(throws: CoordinatorError.self) {
      try change(ClusterChange(clusterClass: .shared), &encrypted)
    }
    #expect(refused?.why.contains("class: the cluster is encrypted") == true && encrypted.record?.class == .standard)
    #expect(throws: CoordinatorError.self) {
      try bench.core.createCluster(
        ClusterName(checked: "big"), project: Bench.project, nodes: (4...7).map { Bench.node($0) }, clusterClass: .free,
        now: bench.now)
    }
  }

  @Test("what each class has")
  func table() {
    #expect(ClusterClass.allCases.map(\.features.customerKeyEncryption) == [false, false, true])
    #expect(ClusterClass.allCases.map(\.features.maximumNodes) == [3, 5, 7])
  }
}
