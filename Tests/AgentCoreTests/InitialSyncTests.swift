// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import AgentCore

@Suite("A node without usable data copies it from others when it is told to")
struct InitialSyncTests {
  private static let fresh = GenerationID(checked: "33333333-3333-4333-8333-333333333333")

  private func order(_ replacing: GenerationID?, encrypted: Bool = true) -> InitialSyncOrder {
    InitialSyncOrder(
      encrypted: encrypted, replacing: replacing, sources: [NodeName(checked: "node-2")], lostTerm: 4)
  }

  private func failed() -> Life {
    var life = Life()
    _ = life.core.onAssignment(Life.assignment(), now: 0)
    _ = life.core.onOpenFailed(.damaged(DamageReport(file: "a.wt", reason: "checksum")), now: 0)
    return life
  }

  private func empty() -> Life {
    var life = Life(encrypted: nil)
    _ = life.core.onAssignment(Life.assignment(), now: 0)
    return life
  }

  @Test("a failed or empty node rebuilds, still says what is wrong meanwhile, and opens what it built")
  func rebuilds() {
    for (life, replacing) in [(failed(), Life.generation), (empty(), nil)] {
      var life = life
      let phase = life.core.phase
      let id = CommandID.random()
      let directives = life.command(.initialSync(order(replacing)), id: id)
      #expect(directives.outcome == .accepted && directives.contains(.rebuild(id, order(replacing))))
      #expect(life.core.phase == phase && life.core.isRebuilding && life.core.runningWork == id)
      #expect(life.command(.initialSync(order(replacing)), id: id).outcome == .accepted)
      let end = life.core.onRebuilt(id, outcome: .done, generation: Life.report(encrypted: true, id: Self.fresh))
      #expect(end.outcome == .done && end.contains(.open) && life.core.damage.isEmpty)
      #expect(life.core.phase == .opening && life.core.generation?.id == Self.fresh)
      #expect(life.command(.initialSync(order(replacing)), id: id).outcome == .done)
      #expect(life.command(.initialSync(order(replacing))).outcome == .done, "asked again under another id")
    }
  }

  @Test("one that failed to rebuild is as before and may be asked again under the same id")
  func failsToRebuild() {
    var life = failed()
    let phase = life.core.phase
    let id = CommandID.random()
    _ = life.command(.initialSync(order(Life.generation)), id: id)
    #expect(life.core.onRebuilt(id, outcome: .failed(reason: "no source"), generation: nil).outcome != .done)
    #expect(life.core.phase == phase && !life.core.isRebuilding && life.core.damage.count == 1)
    #expect(life.command(.initialSync(order(Life.generation)), id: id).contains(.rebuild(id, order(Life.generation))))
  }

  @Test("a serving node re-syncs beside its live generation; others are refused or told to wait")
  func others() {
    var life = Life.serving()
    let id = CommandID.random()
    #expect(
      life.command(.initialSync(order(Life.generation)), id: id).contains(.resync(id, encrypted: true)))
    var another = Life.serving()
    guard case .refused = another.command(.initialSync(order(Self.fresh, encrypted: false))).outcome else {
      return #expect(Bool(false), "an order for a generation that is not live")
    }
    var opening = Life()
    _ = opening.core.onAssignment(Life.assignment(), now: 0)
    guard case .failed = opening.command(.initialSync(order(Life.generation))).outcome else {
      return #expect(Bool(false), "an order while opening")
    }
  }

  @Test("a copy is given up within bounds by a lock-out, and the process image replaced; none begins while it lasts")
  func lockedOut() {
    for isFull in [false, true] {
      for isOrder in [false, true] {
        var life = failed()
        let id = CommandID.random()
        _ = life.command(.initialSync(order(Life.generation)), id: id)
        let told =
          isOrder
          ? life.command(.disable(reason: "revoked"))
          : life.core.onAssignment(Life.assignment(version: 2, disabled: "revoked"), now: 0)
        #expect(told.contains(.endCopy) && life.core.isBeingLockedOut && !life.core.isRebuilding)
        #expect(!life.command(.disable(reason: "revoked")).contains(.endCopy), "told once")
        _ = life.core.onAssignment(Life.assignment(version: 3), now: 0)
        #expect(!life.core.isRebuilding, "what was given up stays so")
        let end = life.core.onRebuilt(
          id, outcome: isFull ? .done : .failed(reason: "given up"),
          generation: isFull ? Life.report(encrypted: true, id: Self.fresh) : nil)
        #expect(end.last == .replaceProcessImage && !end.contains(.open))
        #expect(life.core.phase == .disabled(reason: "revoked"))
      }
    }
    var next = Life(encrypted: nil)
    _ = next.core.onAssignment(Life.assignment(disabled: "revoked"), now: 0)
    guard case .failed = next.command(.initialSync(order(nil))).outcome else {
      return #expect(Bool(false), "a copy began in a lock-out")
    }
  }

  @Test("a copy under way is given up when the node is stopped, and nothing opens in between")
  func givesUp() {
    var life = failed()
    let id = CommandID.random()
    _ = life.command(.initialSync(order(Life.generation)), id: id)
    #expect(!life.command(.startDatabase).contains(.open))
    #expect(life.command(.stopDatabase).outcome == .done)
    #expect(!life.core.isRebuilding && life.core.phase == .stopped)
    let end = life.core.onRebuilt(id, outcome: .done, generation: Life.report(encrypted: true, id: Self.fresh))
    #expect(!end.contains(.open) && life.core.generation?.id == Self.fresh)
  }
}
