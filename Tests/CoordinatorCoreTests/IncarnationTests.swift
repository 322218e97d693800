// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("One process at a time is a node")
struct IncarnationTests {
  private let node = Bench.node(2)
  private let admin = OperatorName(checked: "ada")

  private func refusals(_ bench: Bench) -> [BootID] {
    bench.last.compactMap {
      if case .refuse(node, let boot, let assignment) = $0, assignment.kms == nil { boot } else { nil }
    }
  }

  /// A clone says hello beside the node's own process; both report from then on.
  private func cloned() throws -> (bench: Bench, clone: NodeReport) {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    var clone = try #require(bench.reports[node])
    (clone.boot, clone.phase, clone.replication, clone.assignmentVersion) = (.random(), .awaitingSettings, nil, 0)
    bench.take(bench.core.onHello(node, report: clone, now: bench.now))
    return (bench, clone)
  }

  private func run(_ bench: inout Bench, _ clone: NodeReport, seconds: Int, live: Bool = true) -> [BootID] {
    var refused: [BootID] = []
    for _ in 0..<seconds {
      bench.pass(.seconds(1), silent: live ? [] : [node])
      refused += refusals(bench)
      bench.take(bench.core.onHeartbeat(node, report: clone, now: bench.now))
      refused += refusals(bench)
    }
    return refused
  }

  @Test("a second process beside a live one gets nothing, is refused, alarmed, and waits for an operator")
  func second() throws {
    var (bench, clone) = try cloned()
    let live = bench.reports[node]?.boot
    #expect(bench.assignments(to: node).isEmpty && refusals(bench).isEmpty, "it is told nothing at first")
    #expect(run(&bench, clone, seconds: 5).isEmpty)
    #expect(!bench.openAlerts.contains(.secondIncarnation))
    #expect(run(&bench, clone, seconds: 4).contains(clone.boot))
    #expect(bench.openAlerts.contains(.secondIncarnation))
    #expect(bench.core.liveBoot(of: node) == live)
    bench.take(bench.core.onDisconnected(node, boot: live, now: bench.now))
    _ = run(&bench, clone, seconds: 30, live: false)
    #expect(bench.core.liveBoot(of: node) == live, "once seen beside the first it waits, whatever becomes of that")
  }

  @Test("an approved second process takes the place, and the first is refused; who approved is kept")
  func approved() throws {
    var (bench, clone) = try cloned()
    _ = run(&bench, clone, seconds: 9)
    let first = try #require(bench.reports[node]?.boot)
    try bench.order { core, now throws(CoordinatorError) in try core.approveNode(node, by: admin, now: now) }
    #expect(bench.core.liveBoot(of: node) == clone.boot)
    #expect(bench.assignments(to: node).first?.kms == Bench.settings)
    let told = bench.assignments(to: Bench.node(1)).last?.members.first { $0.node == node }
    #expect(told?.boot == clone.boot, "the other members hear of it, and refuse the first")
    #expect(refusals(bench) == [first])
    #expect(bench.openAlerts.contains(.secondIncarnation), "two run still")
    bench.take(bench.core.onDisconnected(node, boot: first, now: bench.now))
    #expect(!bench.openAlerts.contains(.secondIncarnation))
    let entry = try #require(bench.auditTrail.first)
    #expect(entry.by == .operatorKey(admin) && entry.action == "node approve" && entry.subject == node.text)
    #expect(entry.detail.contains(clone.boot.text) && entry.detail.contains(first.text))
    try bench.restart()
    #expect(bench.auditTrail.first == entry)
  }

  @Test("a process takes the place of one whose link ended at once, and of one that fell silent by itself")
  func successor() throws {
    var (bench, clone) = try cloned()
    bench.take(bench.core.onDisconnected(node, boot: bench.reports[node]?.boot, now: bench.now))
    #expect(bench.core.liveBoot(of: node) == clone.boot)
    #expect(bench.assignments(to: node).first?.kms == Bench.settings)

    var (other, successor) = try cloned()
    #expect(run(&other, successor, seconds: 12, live: false).isEmpty)
    #expect(other.core.liveBoot(of: node) == successor.boot)
    #expect(!other.openAlerts.contains(.secondIncarnation))
  }

  @Test("what a former process still says later never takes the place back")
  func former() throws {
    var (bench, clone) = try cloned()
    let first = try #require(bench.reports[node])
    bench.take(bench.core.onDisconnected(node, boot: first.boot, now: bench.now))
    bench.take(bench.core.onHello(node, report: first, now: bench.now))
    #expect(bench.core.liveBoot(of: node) == clone.boot)
    bench.take(bench.core.onDisconnected(node, boot: clone.boot, now: bench.now))
    #expect(bench.core.liveBoot(of: node) == clone.boot, "it comes back only with an operator")
  }

  @Test("after a start the place is kept for the process that had it, for a moment")
  func returning() throws {
    var (bench, clone) = try cloned()
    try bench.restart()
    for number in [1, 3] { bench.hello(Bench.node(number)) }
    bench.take(bench.core.onHello(node, report: clone, now: bench.now))
    #expect(bench.core.liveBoot(of: node) == nil && bench.assignments(to: node).isEmpty)
    bench.hello(node)
    #expect(bench.core.liveBoot(of: node) == bench.reports[node]?.boot)

    try bench.restart()
    bench.take(bench.core.onHello(node, report: clone, now: bench.now))
    bench.reports[node] = clone
    for _ in 0..<7 {
      bench.take(bench.core.onHeartbeat(node, report: clone, now: bench.now))
      bench.pass(.seconds(1), silent: [node])
    }
    #expect(bench.core.liveBoot(of: node) == clone.boot, "nobody came back for it")
  }

  @Test("a process that waits for a place which is kept is told of to the core that takes over")
  func waitingAtTakeOver() throws {
    var (bench, clone) = try cloned()
    try bench.restart()
    for number in [1, 3] { bench.hello(Bench.node(number)) }
    bench.take(bench.core.onHello(node, report: clone, isAheadOfStore: true, now: bench.now))
    let waiting = bench.core.lastHellos(of: node)
    #expect(waiting.map(\.report.boot) == [clone.boot] && waiting.first?.isAheadOfStore == true)
    bench.hello(node)
    let both = bench.core.lastHellos(of: node).map(\.report.boot)
    #expect(both == [bench.reports[node]?.boot, clone.boot], "the one that has the place comes first")
  }

  @Test("a process that fell silent while it waited for a place which is kept has it once it speaks again")
  func silentWhileWaiting() throws {
    var (bench, clone) = try cloned()
    try bench.restart()
    for number in [1, 3] { bench.hello(Bench.node(number)) }
    bench.take(bench.core.onHello(node, report: clone, now: bench.now))
    bench.pass(CoordinatorLimits.silence + .seconds(2), silent: [node])
    bench.take(bench.core.onHeartbeat(node, report: clone, now: bench.now))
    #expect(bench.core.liveBoot(of: node) == clone.boot)
  }
}
