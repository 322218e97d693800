// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Simulator

/// Plays a fleet and says which of its nodes closed.
enum Fleet {
  static func run(_ arguments: Arguments, nodes: Int) -> Int32 {
    let seed = arguments.seed ?? arguments.from ?? UInt64.random(in: 1...1_000_000_000_000)
    var profile = FleetProfile(seed: seed, nodes: nodes, days: arguments.days)
    profile.clusters = arguments.clusters
    profile.broken = arguments.brokenFleet
    Simulate.say("fleet of \(nodes) nodes over \(arguments.days) days, seed \(seed)\n")
    let begin = ContinuousClock.now
    let trace: ((String) -> Void)? = arguments.traces ? { Simulate.say($0 + "\n") } : nil
    if arguments.storms { return say(FleetRun.storm(profile, trace: trace), since: begin) }
    if let site = arguments.site { return say(FleetRun.play(profile, site: site, trace: trace), since: begin) }
    var nextWord = begin + Simulate.progressInterval
    let total = FleetRun.play(profile) { total in
      guard ContinuousClock.now >= nextWord else { return }
      nextWord += Simulate.progressInterval
      Simulate.say(line(total, since: begin))
    }
    return say(total, since: begin)
  }

  private static func say(_ total: FleetStatistics, since begin: ContinuousClock.Instant) -> Int32 {
    Simulate.say(line(total, since: begin))
    let faults = total.faults.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    Simulate.say("faults: " + faults.joined(separator: ", ") + "\n")
    for finding in total.findings { Simulate.say("FAILED \(finding)\n") }
    return total.isWell ? 0 : 1
  }

  private static func line(_ total: FleetStatistics, since begin: ContinuousClock.Instant) -> String {
    let seconds = (ContinuousClock.now - begin) / .seconds(1)
    return "\(total.nodes) nodes, \(total.checks) checks, \(total.shutdowns) shutdowns, \(total.wrong) wrong, "
      + "\(total.missed) missed, \(total.stuck) stuck, at most \(total.mostCalls) calls of one KMS in 10 s, "
      + "\(total.overQuota) times over its quota; \(Simulate.rounded(seconds)) s\n"
  }
}
