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

  /// Why a plan to start comes to nothing: every node that is left has failed for a while since it was asked, or
  /// has not the data it would open. A plan that waited on would keep others, which could repair the node, from its
  /// cluster.
  func hopeless(_ plan: PlanRecord, now: Instant) -> String? {
    guard plan.kind == .start else { return nil }
    var reasons: [String] = []
    for step in plan.steps where step.state != .done {
      guard step.state == .running, let node = step.node, let began = step.startedAt,
        now - began > CoordinatorLimits.startPatience, let reason = startFailure(of: step, at: node, now: now)
      else { return nil }
      reasons.append("\(node) can't open its data: \(reason)")
    }
    return reasons.isEmpty ? nil : Self.bounded(reasons.joined(separator: "; "))
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
