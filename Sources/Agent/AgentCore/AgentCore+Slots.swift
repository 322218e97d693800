// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// Calls to the KMS that the coordinator says the moment of, so that a fleet does not make all of its own at once.
///
/// Nothing depends on the answer: a node that hears none goes on by itself after a while, and one that is told to wait
/// waits by its own clock. Scheduled checks ask for no moment, nor does what the coordinator asks for.
extension AgentCore {
  /// What waits for the coordinator's word.
  struct SlotRequest: Sendable, Equatable {
    enum Purpose: Sendable, Equatable {
      /// The node is to open; its life says when it does so at the latest.
      case opening(attempt: Int)
      /// A node that is open, or locked out, is to look at its key, at `dueAt` at the latest.
      case look(dueAt: Milliseconds)
    }

    let number: UInt64
    var purpose: Purpose
  }

  /// How long a node waits for an answer before it goes on without; jittered by half, so that a thousand nodes whose
  /// coordinator was lost do not go at once. One that is there answers within a heartbeat.
  static let slotPatience: Milliseconds = 60_000
  /// The longest wait that a node lets itself be told.
  static let longestSlotWait: Milliseconds = 3_600_000
  /// Why a node does not open yet.
  static let slotReason = "waiting for a start slot"

  /// Which of the node's requests for a slot is open, nil if none is; part of every report.
  public var slotWanted: UInt64? { slot?.number }

  /// Whether the coordinator gives slots out.
  public mutating func onPacing(_ isPaced: Bool) { paces = isPaced }

  /// The coordinator says when the call may be made; an answer to an earlier request says nothing.
  public mutating func onStartSlot(_ granted: StartSlot, now: Milliseconds) -> [AgentDirective] {
    guard let request = slot, request.number == granted.number else { return [] }
    let dueAt = now + min(Milliseconds(clamping: granted.waitMilliseconds), Self.longestSlotWait)
    let before = life.phase
    switch (request.purpose, life) {
    case (.look, _): slot?.purpose = .look(dueAt: dueAt)
    case (.opening(let attempt), .awaitingKMS):
      let reason = "\(Self.slotReason) (position \(granted.position))"
      life = .awaitingKMS(reason: reason, retryAt: dueAt, attempt: attempt)
    case (.opening, _): break
    }
    return onSlotTick(now: now) ?? (life.phase == before ? [] : [.report])
  }

  /// Opens, or asks when it may: a plain node needs no KMS, and one without a coordinator has nobody to ask. Nor does
  /// one ask that has just called the KMS for what it opens: `now` is nil then.
  mutating func beginOpening(attempt: Int, now: Milliseconds?) -> [AgentDirective] {
    if let reason = assignment?.notApprovedReason {
      life = .notApproved(reason: reason)
      return [.report]
    }
    guard let now, asksForSlots else { return open(attempt: attempt) }
    // It has its place in the queue.
    if case .opening = slot?.purpose, case .awaitingKMS = life { return [] }
    let dueAt = ask(for: now) { _ in .opening(attempt: attempt) }
    life = .awaitingKMS(reason: Self.slotReason, retryAt: dueAt, attempt: attempt)
    return [.report]
  }

  /// Looks at the key, or asks when it may.
  mutating func look(now: Milliseconds) -> [AgentDirective] {
    guard asksForSlots else { return [.check(scheduled: false)] }
    if case .look = slot?.purpose { return [] }
    ask(for: now) { .look(dueAt: $0) }
    return [.report]
  }

  /// A wait that is over: the node goes on with it, answered or not. Nil if there is none.
  mutating func onSlotTick(now: Milliseconds) -> [AgentDirective]? {
    switch (slot?.purpose, life) {
    case (.opening(let attempt), .awaitingKMS(_, let retryAt, _)):
      return now >= retryAt ? open(attempt: attempt) + [.report] : nil
    case (.look(let dueAt), .serving), (.look(let dueAt), .disabled):
      guard now >= dueAt else { return nil }
      slot = nil
      return [.check(scheduled: false)]
    case (.opening, _), (.look, _):
      slot = nil
      return nil
    case (nil, _): return nil
    }
  }

  private var asksForSlots: Bool { paces && coordinatorConnected && isEncrypted }

  private mutating func open(attempt: Int) -> [AgentDirective] {
    slot = nil
    life = .opening(attempt: attempt)
    return [.open]
  }

  /// Asks for a slot, whose purpose is told when it is over at the latest; answers that moment.
  @discardableResult
  private mutating func ask(
    for now: Milliseconds, _ purpose: (Milliseconds) -> SlotRequest.Purpose
  ) -> Milliseconds {
    let dueAt = now + jitter.around(Self.slotPatience, byTenths: 5)
    slotsAsked += 1
    slot = SlotRequest(number: slotsAsked, purpose: purpose(dueAt))
    return dueAt
  }
}
