// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import AgentCore

@Suite("A node waits for its moment to call the KMS, and for nobody for ever")
struct SlotTests {
  /// An encrypted node that has its assignment and asks when it may open.
  private func asking() -> Life {
    var life = Life()
    _ = life.core.onCoordinator(connected: true)
    life.core.onPacing(true)
    #expect(!life.core.onAssignment(Life.assignment(), now: 0).contains(.open))
    #expect(life.core.slotWanted == 1)
    return life
  }

  private func slot(_ number: UInt64, wait: UInt64, position: UInt32 = 1) -> StartSlot {
    StartSlot(number: number, waitMilliseconds: wait, position: position)
  }

  @Test("opens at its moment and not before, and says how many are before it")
  func waits() {
    var life = asking()
    _ = life.core.onStartSlot(slot(1, wait: 60_000, position: 412), now: 5)
    #expect(life.core.phase == .awaitingKMS(reason: "waiting for a start slot (position 412)"))
    #expect(!life.core.onTick(now: 60_004).contains(.open))
    #expect(life.core.onTick(now: 60_005).contains(.open))
    #expect(life.core.slotWanted == nil)
  }

  @Test("opens at once when nobody is before it")
  func noWait() {
    var life = asking()
    #expect(life.core.onStartSlot(slot(1, wait: 0, position: 0), now: 5).contains(.open))
  }

  @Test("goes on by itself when nobody answers, and when the coordinator is gone")
  func unanswered() {
    var life = asking()
    _ = life.core.onCoordinator(connected: false)
    #expect(!life.core.onTick(now: AgentCore.slotPatience / 2 - 1).contains(.open))
    #expect(life.core.onTick(now: AgentCore.slotPatience * 3 / 2).contains(.open))
  }

  @Test("a thousand that lost their coordinator together do not go on together")
  func spread() {
    var moments: [Milliseconds] = []
    for seed in 0..<1000 {
      var life = Life(encrypted: true, seed: UInt64(seed))
      _ = life.core.onCoordinator(connected: true)
      life.core.onPacing(true)
      _ = life.core.onAssignment(Life.assignment(), now: 0)
      _ = life.core.onCoordinator(connected: false)
      moments.append(
        stride(from: 0, through: 2 * AgentCore.slotPatience, by: 1000).first {
          life.core.onTick(now: $0).contains(.open)
        } ?? .max)
    }
    #expect(!moments.contains(.max))
    let window = Milliseconds(KMSQuota.quotaSeconds) * 1000
    for begin in moments {
      #expect(moments.count { (begin..<begin + window).contains($0) } <= KMSQuota.smallestQuota(.azure))
    }
  }

  @Test("asks the same of whoever is behind the next link, and goes at the moment it was told if nobody is")
  func linkBreaks() {
    var life = asking()
    _ = life.core.onStartSlot(slot(1, wait: 60_000), now: 0)
    _ = life.core.onCoordinator(connected: false)
    #expect(life.core.slotWanted == 1)
    var alone = life
    #expect(alone.core.onTick(now: 60_000).contains(.open))
    _ = life.core.onCoordinator(connected: true)
    #expect(life.core.onStartSlot(slot(1, wait: 90_000, position: 7), now: 5).contains(.report))
    #expect(!life.core.onTick(now: 60_000).contains(.open))
    #expect(life.core.onTick(now: 90_005).contains(.open))
    #expect(life.core.onStartSlot(slot(1, wait: 0), now: 90_006).isEmpty, "an answer that comes late")
  }

  @Test("does not let itself be told to wait for ever")
  func absurd() {
    var life = asking()
    _ = life.core.onStartSlot(slot(1, wait: .max), now: 0)
    #expect(life.core.onTick(now: AgentCore.longestSlotWait).contains(.open))
  }

  @Test("asks for no moment if it is plain, alone, or its coordinator gives none")
  func unpaced() {
    for (encrypted, connected, paced) in [(false, true, true), (true, false, true), (true, true, false)] {
      var life = Life(encrypted: encrypted)
      _ = life.core.onCoordinator(connected: connected)
      life.core.onPacing(paced)
      #expect(life.core.onAssignment(Life.assignment(), now: 0).contains(.open))
      #expect(life.core.slotWanted == nil)
    }
  }

  @Test("keeps its place in the queue over new settings, and is locked out while it waits")
  func keepsPlace() {
    var life = asking()
    _ = life.core.onStartSlot(slot(1, wait: 60_000), now: 0)
    #expect(!life.core.onAssignment(Life.assignment(version: 2, settings: 2), now: 1).contains(.open))
    #expect(life.core.slotWanted == 1)
    _ = life.core.onAssignment(Life.assignment(version: 3, disabled: "revoked", settings: 2), now: 2)
    guard case .disabled = life.core.phase else { return #expect(Bool(false), "\(life.core.phase)") }
    #expect(!life.core.onTick(now: 60_001).contains(.open))
    #expect(life.core.slotWanted == nil)
  }

  @Test("looks at its key out of turn when it may; what is scheduled or asked for by the coordinator waits for nobody")
  func looks() {
    var life = Life.serving()
    _ = life.core.onCoordinator(connected: true)
    life.core.onPacing(true)
    let changed = life.core.onAssignment(Life.assignment(version: 2, settings: 2), now: 0)
    #expect(!changed.contains(.check(scheduled: false)))
    var asked = life
    #expect(asked.command(.checkKMS).contains(.check(scheduled: false)))
    #expect(asked.core.slotWanted == nil, "one look is enough")
    let number = life.core.slotWanted ?? 0
    #expect(life.core.onStartSlot(slot(number, wait: 3000), now: 0).isEmpty)
    #expect(!life.core.onTick(now: 2999).contains(.check(scheduled: false)))
    #expect(life.core.onTick(now: 3000).contains(.check(scheduled: false)))
    _ = life.core.onAssignment(Life.assignment(version: 3, settings: 3), now: 3001)
    _ = life.core.onStartSlot(slot(number + 1, wait: 3_000_000), now: 3001)
    #expect(life.core.onTick(now: 17 * 60_000).contains(.check(scheduled: true)))
  }
}
