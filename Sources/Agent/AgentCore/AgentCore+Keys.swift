// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

extension AgentCore {
  /// How often in a row a scheduled check has to see a revoked state of the key before a node without a
  /// coordinator closes.
  static let confirmationsAlone = 2
  /// No check takes longer, in milliseconds.
  static let longestCheck: Int64 = 120_000

  /// A KMS check of the stored blob ended. A node with a coordinator leaves the decision to it; alone it acts only on a
  /// state of the key seen at two scheduled checks in a row. `proof` is what it proved besides, if it did.
  public mutating func onCheck(
    _ check: CheckReport, scheduled: Bool, proof: RestartProof? = nil, now: Milliseconds
  ) -> [AgentDirective] {
    if let proof { restartProof = proof }
    guard assignment?.knows(settingsVersion: check.settingsVersion) == true else { return [] }
    if let lastCheck, isOvertaken(check, by: lastCheck) { return [] }
    lastCheck = check
    if case .unreachable = check.verdict {
      // Looked at again soon, so that one check that flapped is told from an outage.
      extraCheckAt = now + recheckDelay()
    } else {
      extraCheckAt = nil
      clearCheckFault()
    }
    guard case .revoked(let reason, let detail) = check.verdict, reason.isKeyState else {
      keyStateRevocationsInARow = 0
      return [.report]
    }
    guard scheduled, !coordinatorConnected else { return [.report] }
    keyStateRevocationsInARow += 1
    if keyStateRevocationsInARow >= Self.confirmationsAlone, life == .serving {
      return disable("\(reason.rawValue): \(detail)", now: now) + [.report]
    }
    return [.report]
  }

  /// Whether a check began before the last one that ended. One that seems to have begun longer before than any check
  /// takes did not: the wall clock was set back since.
  private func isOvertaken(_ check: CheckReport, by last: CheckReport) -> Bool {
    let (behind, overflow) = last.startedAtMilliseconds.subtractingReportingOverflow(check.startedAtMilliseconds)
    return !overflow && behind > 0 && behind <= Self.longestCheck
  }

  /// A check is due and there is nothing to ask the KMS with, because the settings can't be used, or name another key
  /// than the data is under: as little is known of the key as if the KMS was out of reach.
  public mutating func onUnusableSettings(
    startedAt: Int64, scheduled: Bool, now: Milliseconds
  ) -> [AgentDirective] {
    guard let assignment, let settings = assignment.kms else { return [] }
    let named = [settings.keyID] + (assignment.formerKMS ?? []).map(\.settings.keyID)
    let missing = generation?.customerKeyID.flatMap { key in
      named.contains { CustomerKey.isSame($0, key) } ? nil : key
    }
    let detail = missing.map { "no KMS settings name the key its data is under, \($0)" }
    return onCheck(
      CheckReport(
        verdict: .unreachable(.unlisted, detail: detail ?? "the KMS settings can't be used"),
        customerKeyID: settings.keyID,
        settingsVersion: assignment.settingsVersion, startedAtMilliseconds: startedAt),
      scheduled: scheduled, now: now)
  }

  /// The coordinator asks for a look at the key: what waits for it tries, everything else looks at once. It asks when
  /// the moment has come, and a lock-out may depend on it.
  mutating func lookAtKeyNow(now: Milliseconds) -> [AgentDirective] {
    switch life {
    case .awaitingKMS, .retrying: return beginOpening(attempt: 0, now: now) + [.report]
    case .disabled where assignment?.disabledReason == nil && assignment?.running == true:
      return beginOpening(attempt: 0, now: now) + [.report]
    default:
      slot = nil
      return [.check(scheduled: false)]
    }
  }

  var isEncrypted: Bool { generation?.encrypted == true }

  mutating func firstMove(_ assignment: NodeAssignment, now: Milliseconds) -> [AgentDirective] {
    guard generation != nil else {
      life = damage.first.map { .failed(reason: "\($0.file): \($0.reason)") } ?? .empty
      return []
    }
    if !assignment.running {
      life = .stopped
      return []
    }
    if let reason = assignment.disabledReason {
      life = .disabled(reason: reason, recheckAt: now + recheckDelay())
      return []
    }
    return beginOpening(attempt: 0, now: now)
  }

  mutating func disable(_ reason: String, now: Milliseconds) -> [AgentDirective] {
    switch life {
    case .serving:
      life = .closing(.disable(reason: reason))
      return [.close]
    case .awaitingKMS, .retrying:
      life = .disabled(reason: reason, recheckAt: now + recheckDelay())
      return []
    case .rebuilding:
      guard copyLockout == nil else { return [] }
      copyLockout = reason
      return [.endCopy]
    case .opening:
      // `onOpened` looks at the assignment again and closes; recovery may take longer than a lock-out.
      return isEncrypted ? [.watchLockOut] : []
    case .closing(.stop):
      life = .closing(.disable(reason: reason))
      return [.watchLockOut]
    case .stopped, .failed:
      // Keys are wiped when an engine closes, but its pages are in memory that was only freed.
      guard hasHeldData else { return [] }
      hasHeldData = false
      return [.report, .replaceProcessImage]
    case .awaitingSettings, .empty, .closing, .disabled, .notApproved: return []
    }
  }

  /// The coordinator does not let this process open the data. A process that serves is refused only when another one
  /// took its place: it closes at once.
  mutating func refuse(_ reason: String) -> [AgentDirective] {
    switch life {
    case .serving:
      life = .closing(.refuse(reason: reason))
      return [.close]
    case .awaitingSettings, .awaitingKMS, .retrying, .notApproved:
      life = .notApproved(reason: reason)
      return []
    case .opening, .empty, .rebuilding, .closing, .stopped, .disabled, .failed:
      // What is just being opened is closed by `onOpened`; the others open nothing before they look at it again.
      return []
    }
  }

  mutating func waitForKMS(_ reason: String, attempt: Int, now: Milliseconds) {
    life = .awaitingKMS(reason: reason, retryAt: now + retryDelay(attempt), attempt: attempt)
  }

  /// The wait before the next attempt to open: doubled each time up to a ceiling.
  mutating func retryDelay(_ attempt: Int) -> Milliseconds {
    let doublings = min(attempt, 16)
    return jitter.around(min(timing.retryCeiling, timing.retryFloor << Int64(doublings)), byTenths: 5)
  }

  mutating func recheckDelay() -> Milliseconds { jitter.around(timing.disabledRecheck, byTenths: 1) }
}
