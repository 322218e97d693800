// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("How far a node's data reached by its own words")
struct HeldPositionTests {
  private let second = Bench.node(2)

  /// Node 2 says that it has everything up to 500.
  private func advanced() throws -> Bench {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    bench.change(2) { report in
      report.replication?.lastIndex = 510
      report.replication?.commitIndex = 500
    }
    return bench
  }

  private func startAgain(_ bench: inout Bench) {
    bench.reports[second]?.boot = .random()
    bench.reports[second]?.phase = .opening
    bench.reports[second]?.assignmentVersion = 0
    bench.reports[second]?.replication = nil
    bench.hello(second)
  }

  private func report(_ bench: inout Bench, last: UInt64, isRecovering: Bool = false) {
    var place = Bench.place(.secondary)
    (place.lastIndex, place.commitIndex, place.isRecovering) = (last, min(last, 10), isRecovering)
    bench.change(2) { ($0.phase, $0.replication) = (.serving, place) }
  }

  @Test("is told to its next process, also by the next life of the coordinator, and stands in no record")
  func told() throws {
    var bench = try advanced()
    let generation = try #require(bench.reports[second]?.generation?.id)
    bench.take(bench.core.onDisconnected(second, now: bench.now))
    startAgain(&bench)
    let held = bench.assignments(to: second).last?.held
    #expect(held == HeldPosition(generation: generation, index: 500, term: 1))
    #expect(bench.record?.assignment?.held == nil)

    try bench.restart()
    for number in [1, 3] { bench.hello(Bench.node(number)) }
    // The process that the store knows might still be there.
    bench.pass(CoordinatorLimits.silence + .seconds(5), silent: [second])
    startAgain(&bench)
    #expect(bench.assignments(to: second).last?.held == held)
  }

  @Test("an older disk that knows it opens no alert; one that counts in its shard all the same does")
  func alerts() throws {
    var bench = try advanced()
    startAgain(&bench)
    report(&bench, last: 400, isRecovering: true)
    #expect(!bench.openAlerts.contains(.writesLost))
    report(&bench, last: 500)
    #expect(!bench.openAlerts.contains(.writesLost))

    startAgain(&bench)
    report(&bench, last: 400)
    #expect(bench.openAlerts.contains(.writesLost))
    // What it has now is what counts from here on.
    startAgain(&bench)
    #expect(bench.assignments(to: second).last?.held?.index == 10)
    report(&bench, last: 400)
    bench.now = bench.now + CoordinatorLimits.lossAlert
    bench.pass(.seconds(2))
    #expect(!bench.openAlerts.contains(.writesLost))
  }

  @Test("a node that is behind where its shard is not opens no alert: it catches up")
  func behind() throws {
    var bench = try advanced()
    startAgain(&bench)
    bench.change(1) { report in
      report.replication?.lastIndex = 600
      report.replication?.commitIndex = 600
    }
    report(&bench, last: 400)
    #expect(!bench.openAlerts.contains(.writesLost))
  }

  @Test("another generation begins anew")
  func freshGeneration() throws {
    var bench = try advanced()
    startAgain(&bench)
    bench.encrypt(2)
    report(&bench, last: 20)
    #expect(!bench.openAlerts.contains(.writesLost))
  }
}
