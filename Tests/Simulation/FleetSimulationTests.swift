// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Simulator
import Testing

@Suite("A simulated fleet closes the nodes whose key is revoked, and no others")
struct FleetSimulationTests {
  /// A thousand nodes over ninety days take an hour in a release build: `deploy/simulate --fleet 1000` plays them.
  private static let nodes = 9
  private static let days: Int64 = 5

  @Test("under random outages, revocations, cuts, kills and clocks, with none wrong and none missed")
  func closesTheRightOnes() {
    let begin = ContinuousClock.now
    var profile = FleetProfile(seed: 1, nodes: Self.nodes, days: Self.days)
    profile.faultInterval = 3 * 3_600_000
    let total = FleetRun.play(profile)
    let seconds = ((ContinuousClock.now - begin) / .seconds(1)).rounded()
    let line =
      "fleet: \(total.nodes) nodes, \(total.checks) checks, \(total.shutdowns) shutdowns, \(total.wrong) wrong, "
      + "\(total.missed) missed, \(total.stuck) stuck in \(seconds) s\n"
    FileHandle.standardError.write(Data(line.utf8))
    #expect(total.isWell, "\(total.findings.joined(separator: "\n"))")
    #expect(total.nodes >= Self.nodes && total.shutdowns > 5)
    for fault in ["outage", "revocation", "partial denial", "flapping", "cut"] {
      #expect(total.faults[fault, default: 0] > 0, "the faults never were: \(fault)")
    }
  }

  @Test(
    "and it is noticed if they close wrongly, or do not close",
    arguments: BrokenFleetRule.allCases.filter { $0 != .rotationIsLost && $0 != .slotsAreIgnored })
  func noticesABrokenRule(rule: BrokenFleetRule) {
    var profile = FleetProfile(seed: 1, nodes: 3, days: 2)
    profile.faultInterval = 5 * 3_600_000
    profile.broken = rule
    let isFound = (UInt64(0)..<12).contains { site in
      let total = FleetRun.play(profile, site: site)
      return rule == .outageIsRevocation ? total.wrong > 0 : total.missed > 0
    }
    #expect(isFound, "no site noticed \(rule)")
  }

  @Test("and calls its KMS no oftener than the smallest quota allows, though all start and rotate at once")
  func storm() {
    let total = FleetRun.storm(Self.crowd)
    #expect(total.isWell, "\(total.findings.joined(separator: "\n"))")
    #expect(total.mostCalls > 100, "it was no storm: \(total.mostCalls) calls in 10 s at most")
  }

  /// A fleet that is small enough for a test, and a quota that is as much smaller; the site's beat of four seconds
  /// bunches what slots spread, so that it can't be as small as they would allow.
  private static var crowd: FleetProfile {
    var profile = FleetProfile(seed: 1, nodes: 150)
    profile.quota = 200
    return profile
  }

  @Test("and it is noticed if nodes do not wait for their turn")
  func noticesNodesThatDoNotWait() {
    var profile = Self.crowd
    profile.broken = .slotsAreIgnored
    #expect(FleetRun.storm(profile).overQuota > 0)
  }
}
