// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Starting what failed: it is tried for a while, and then the plan says why it can't be.
extension CoordinatorCore {
  /// Whether a node is closed in a way that `startDatabase` may change.
  func canBeStarted(_ node: NodeName) -> Bool {
    switch contacts[node]?.report?.phase {
    case .stopped, .failed: true
    case .awaitingSettings, .empty, .awaitingKMS, .opening, .serving, .disabled, .notApproved, nil: false
    }
  }

  /// Why a plan to start comes to nothing: every node that is left has failed for a while since it was asked, has not
  /// the data it would open, or is gone while others were started. A plan that waited on would keep others, which could
  /// repair the node, from its cluster. A node that comes back stopped gets a plan of its own.
  func hopeless(_ plan: PlanRecord, now: Instant) -> String? {
    guard plan.kind == .start else { return nil }
    let hasDone = plan.steps.contains { $0.state == .done }
    var reasons: [String] = []
    for step in plan.steps where step.state != .done {
      guard step.state == .running, let node = step.node, let began = step.startedAt,
        !now.isWithin(CoordinatorLimits.startPatience, after: began)
      else { return nil }
      if hasDone, let reason = absence(of: node, now: now) {
        reasons.append(reason)
      } else if let reason = startFailure(of: step, at: node, now: now) {
        reasons.append("\(node) can't open its data: \(reason)")
      } else {
        return nil
      }
    }
    return reasons.isEmpty ? nil : Self.bounded(reasons.joined(separator: "; "))
  }

  /// Why a node counts as gone, nil if it was heard of not long ago.
  private func absence(of node: NodeName, now: Instant) -> String? {
    guard unheard(node, now: now) != nil,
      now - (contacts[node]?.heardAt ?? startedAt) > CoordinatorLimits.absencePatience
    else { return nil }
    return "\(node) is not heard of"
  }

  private func startFailure(of step: PlanStep, at node: NodeName, now: Instant) -> String? {
    guard let contact = contacts[node], contact.isHeard(now: now), let phase = contact.report?.phase else { return nil }
    if case .failed(let reason) = phase {
      return step.command.flatMap { deliveries[$0.id] }?.answers ?? 0 > 0 ? reason : nil
    }
    // It opens by itself once it is approved, and the copy that could take its place needs the lease.
    if case .notApproved(let reason) = phase { return reason }
    return phase == .serving ? nil : syncReason(of: node, now: now)
  }
}
