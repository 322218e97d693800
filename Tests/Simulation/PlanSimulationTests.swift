// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Testing

@Suite("Plans survive crashes, losses and outages")
struct PlanSimulationTests {
  /// Seeds of one run; a failure names the seed. `KEYFOLD_SEEDS=120` replays one, `KEYFOLD_SEEDS=1-3000` runs more.
  static var seeds: ClosedRange<UInt64> {
    let text = ProcessInfo.processInfo.environment["KEYFOLD_SEEDS"] ?? "1-240"
    let bounds = text.split(separator: "-").compactMap { UInt64($0) }
    guard let first = bounds.first, let last = bounds.last, first <= last else { return 1...240 }
    return first...last
  }

  /// The seeds are dealt out to this many cases, which may run side by side.
  static let parts = 6

  @Test("keeps every rule and finishes every plan", arguments: 0..<parts)
  func keepsEveryRule(part: Int) {
    for seed in Self.seeds where seed % UInt64(Self.parts) == UInt64(part) {
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
