// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Logging
import Testing

@testable import AgentRuntime

@Suite("What an agent's log says of the phase its node is in")
struct PhaseLogTests {
  private func told(_ story: [(NodePhase, String?, Int64)]) -> [PhaseLog.Line] {
    var log = PhaseLog()
    return story.compactMap { log.line(for: $0.0, reason: $0.1 ?? $0.0.reason, now: $0.2) }
  }

  @Test(
    "troubles are warnings with their reason, everything else is a notice",
    arguments: [
      (.awaitingSettings, .notice), (.empty, .notice), (.opening, .notice), (.serving, .notice), (.stopped, .notice),
      (.awaitingKMS(reason: "why"), .warning), (.disabled(reason: "why"), .warning), (.failed(reason: "why"), .warning),
      (.notApproved(reason: "why"), .warning),
    ] as [(NodePhase, Logger.Level)])
  func levels(_ sample: (phase: NodePhase, level: Logger.Level)) {
    let expected = PhaseLog.Line(level: sample.level, phase: sample.phase.name, reason: sample.phase.reason)
    #expect(told([(sample.phase, nil, 0)]) == [expected])
  }

  @Test("every change is told at once, what stays is not told again")
  func changes() {
    let lines = told([
      (.opening, nil, 0), (.opening, nil, 250), (.serving, nil, 500), (.serving, nil, 300_000),
      (.opening, nil, 300_001),
    ])
    #expect(lines.map(\.phase) == ["opening", "serving", "opening"])
  }

  @Test("what keeps the node from serving is repeated once a minute, also if its reason changes with each attempt")
  func repetition() {
    let lines = told(
      (0...130).map { (.awaitingKMS(reason: "attempt \($0)"), nil, Int64($0) * 1000) })
    #expect(lines.map(\.reason) == ["attempt 0", "attempt 60", "attempt 120"])
  }

  @Test("waiting for a coordinator that can't be reached says so, and is repeated too")
  func settings() {
    let lines = told((0...65).map { (.awaitingSettings, "the coordinator can't be reached", Int64($0) * 1000) })
    #expect(lines.map(\.reason) == Array(repeating: "the coordinator can't be reached", count: 2))
  }
}
