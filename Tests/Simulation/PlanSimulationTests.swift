// SPDX-License-Identifier: GPL-3.0-or-later
import Testing

@Suite("Plans survive crashes, losses and outages")
struct PlanSimulationTests {
  /// Seeds of one run; a failure names the seed, which replays it.
  static let seeds: Range<UInt64> = 1..<301

  @Test("keeps every rule and finishes every plan", arguments: 0..<6)
  func keepsEveryRule(part: Int) throws {
    let size = UInt64(Self.seeds.count / 6)
    let first = Self.seeds.lowerBound + UInt64(part) * size
    for seed in first..<first + size {
      do { try SimulatedWorld(seed: seed).play() } catch { Issue.record("\(error)") }
    }
  }

  @Test("notices a rule that is broken on purpose", arguments: BrokenRule.allCases.filter { $0 != .none })
  func noticesABrokenRule(rule: BrokenRule) {
    let found = (UInt64(1)...60).contains { seed in
      do {
        try SimulatedWorld(seed: seed, broken: rule).play()
        return false
      } catch { return true }
    }
    #expect(found, "no seed noticed \(rule)")
  }
}
