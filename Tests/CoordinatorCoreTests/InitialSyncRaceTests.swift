// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

/// Found by the simulation: the words that lead to a copy are older than the node.
@Suite("An initial sync and the reports it was made by")
struct InitialSyncRaceTests {
  @Test("a node that loses its data while its cluster is being made does not keep the plan that makes it open")
  func lostWhileCreated() throws {
    var bench = try Bench()
    try bench.enroll(3)
    let id = try bench.order { core, now throws(CoordinatorError) in
      try core.createCluster(Bench.cluster, project: Bench.project, nodes: [], now: now)
    }
    for number in 1...3 {
      bench.change(number) {
        $0.phase = .empty
        $0.assignmentVersion = 1
      }
    }
    for number in 1...3 {
      bench.change(number) {
        $0.phase = .serving
        $0.generation = GenerationReport(id: GenerationID.random(), encrypted: false)
        $0.replication = Bench.place(.secondary)
      }
    }
    bench.change(3) { ($0.boot, $0.phase, $0.generation, $0.replication) = (.random(), .empty, nil, nil) }
    bench.hello(Bench.node(3))
    bench.pass(.seconds(3))
    #expect(try bench.plan(id).isOpen, "no node is primary")
    bench.makePrimary(1, term: 2)
    bench.reports[Bench.node(3)]?.replication = nil
    bench.pass(.seconds(3))
    #expect(try bench.plan(id).outcome == .succeeded)
    #expect(bench.core.openPlans(of: Bench.cluster).map(\.kind) == [.initialSync])
  }

  private func lose(_ number: Int, _ bench: inout Bench) {
    bench.change(number) {
      $0.phase = .empty
      $0.generation = nil
      $0.replication = nil
    }
  }

  private func comeBack(_ number: Int, _ bench: inout Bench) {
    bench.change(number) {
      $0.phase = .serving
      $0.generation = GenerationReport(id: GenerationID.random(), encrypted: false)
      $0.replication = Bench.place(.secondary)
    }
  }

  private func syncPlans(_ bench: Bench) -> [PlanRecord] { bench.core.plans.filter { $0.kind == .initialSync } }

  @Test("a node called empty by an old report, whose generation nobody ordered, leads to no wait")
  func ordersByAnOldReport() throws {
    var bench = try Bench()
    try bench.serve(3)
    bench.verdict(.valid)
    let encrypt = try bench.order { core, now throws(CoordinatorError) in
      try core.encryptCluster(Bench.cluster, now: now)
    }
    lose(3, &bench)
    let first = try order(bench)
    #expect(first.order.replacing == nil && first.order.encrypted)
    comeBack(3, &bench)
    bench.answer(Bench.node(3), first.command, .refused(reason: "the live generation is another"))
    bench.pass(.seconds(3))
    guard case .superseded = syncPlans(bench).last?.outcome else { throw CoordinatorError(.refused, "it goes on") }
    #expect(try bench.plan(encrypt).isOpen && bench.record?.lease == encrypt)
  }

  @Test("a node that comes back plain in an encrypted cluster is copied by an order that names what it has")
  func comesBackPlain() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    bench.verdict(.valid)
    lose(3, &bench)
    let first = try order(bench)
    comeBack(3, &bench)
    bench.answer(Bench.node(3), first.command, .refused(reason: "the live generation is another"))
    bench.pass(.seconds(3))
    let second = try order(bench)
    #expect(second.order.replacing == bench.reports[Bench.node(3)]?.generation?.id && second.order.encrypted)
    #expect(second.command.id != first.command.id)
    bench.encrypt(3)
    bench.pass(.seconds(2))
    #expect(syncPlans(bench).map(\.outcome) == [.succeeded])
  }

  private func order(_ bench: Bench) throws -> (command: NodeCommand, order: InitialSyncOrder) {
    let steps = syncPlans(bench).last?.steps ?? []
    let command = try #require(steps.compactMap(\.command).last)
    guard case .initialSync(let order) = command.action else { throw CoordinatorError(.refused, "no order") }
    return (command, order)
  }

  @Test("a start that only waits for a node without its data gives up, and the copy follows")
  func startGivesWay() throws {
    var bench = try Bench()
    try bench.serve(3)
    try bench.order { core, now throws(CoordinatorError) in try core.shutdownCluster(Bench.cluster, now: now) }
    for number in 1...3 { bench.change(number) { ($0.phase, $0.replication) = (.stopped, nil) } }
    lose(3, &bench)
    let start = try bench.order { core, now throws(CoordinatorError) in
      try core.startCluster(Bench.cluster, now: now)
    }
    for number in 1...2 {
      bench.change(number) { ($0.phase, $0.replication) = (.serving, Bench.place(number == 1 ? .primary : .secondary)) }
    }
    bench.pass(CoordinatorLimits.startPatience - .seconds(5))
    #expect(try bench.plan(start).isOpen)
    #expect(syncPlans(bench).allSatisfy { $0.startedAt == nil })
    bench.pass(.seconds(10))
    guard case .gaveUp(let reason) = try bench.plan(start).outcome else { throw CoordinatorError(.refused, "it waits") }
    #expect(reason.contains("node-3") && reason.contains("empty"))
    #expect(syncPlans(bench).last?.startedAt != nil)
  }
}
