// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import ReplicationCore
import Simulator
import Testing

/// `KEYFOLD_SIMULATION_SEED` replays one seed, `KEYFOLD_SIMULATION_SEEDS` sets how many are run.
@Suite("A simulated shard keeps Raft's promises under faults")
struct SimulationTests {
  static let environment = ProcessInfo.processInfo.environment
  static let seeds: Range<UInt64> = {
    if let one = environment["KEYFOLD_SIMULATION_SEED"].flatMap({ UInt64($0) }) { return one..<one + 1 }
    return 1..<1 + (environment["KEYFOLD_SIMULATION_SEEDS"].flatMap { UInt64($0) } ?? 300)
  }()

  @Test("keeps every promise for every seed, and agrees once the faults end")
  func keepsPromises() throws {
    var acknowledged = 0
    var seen: [String: Int] = [:]
    for seed in Self.seeds {
      do {
        var simulation = try Simulation(SimulationPlan(seed: seed))
        try simulation.run()
        acknowledged += simulation.oracle.acknowledged.count
        seen.merge(simulation.seen) { $0 + $1 }
      } catch {
        Issue.record("\(error); replay with KEYFOLD_SIMULATION_SEED=\(seed)")
      }
    }
    // A shard that never commits anything breaks no promise either.
    #expect(acknowledged > Self.seeds.count * 20)
    guard Self.seeds.count >= 100 else { return }
    for event in ["truncation", "election", "sync", "loss", "recovery", "membership", "hand-over"] {
      #expect(seen[event, default: 0] >= Self.seeds.count / 20, "the faults hardly ever lead to: \(event)")
    }
    #expect(seen["contradiction"] == nil)
  }

  @Test("is the same run for the same seed")
  func isReproducible() throws {
    var first = try Simulation(SimulationPlan(seed: 7))
    var second = try Simulation(SimulationPlan(seed: 7))
    try first.run()
    try second.run()
    #expect(first.queue.now == second.queue.now)
    #expect(first.oracle.acknowledged == second.oracle.acknowledged)
    #expect(first.members.map(\.appliedChain) == second.members.map(\.appliedChain))
  }

  @Test("notices a shell that breaks a rule", arguments: ShellFault.allCases.filter { $0 != .none })
  func noticesBrokenRules(_ fault: ShellFault) throws {
    let found = (1...400 as ClosedRange<UInt64>).contains { seed in
      var plan = SimulationPlan(seed: seed)
      plan.broken = fault
      plan.crashes = true
      let isAboutLoss = fault == .lossNotDeclared || fault == .resyncedVotesAtOnce
      plan.dataLoss = plan.dataLoss || isAboutLoss && plan.members > 1 && !plan.membershipChanges
      do {
        var simulation = try Simulation(plan)
        try simulation.run()
        return false
      } catch {
        return !"\(error)".contains("no agreement")
      }
    }
    #expect(found)
  }
}
