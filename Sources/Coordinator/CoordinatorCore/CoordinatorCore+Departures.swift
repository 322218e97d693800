// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Nodes that leave, or are gone for good: what was to be done at them must hold nobody up.
extension CoordinatorCore {
  /// The plan by which a node leaves, or is taken back, that can go on while nothing else can, or while only that node
  /// is still asked for something: what hangs may hang because of it, and ends once it is out.
  func removal(
    insteadOf holder: PlanRecord, among open: [PlanRecord], in cluster: ClusterRecord, now: Instant
  ) -> PlanRecord? {
    guard !holder.takesNodeAway, !holder.isAtBoundary,
      let removal = open.first(where: \.takesNodeAway), let node = removal.subject,
      canGoOn(removal, in: cluster, now: now)
    else { return nil }
    let isIdle = contacts[node]?.report?.work == nil
    let isHeldUp = holder.steps.allSatisfy { step in
      step.state != .running || (step.node == node && isIdle) || hindrance(to: step, in: cluster, now: now) != nil
    }
    return isHeldUp ? removal : nil
  }

  /// Whether all that a plan waits for is the node that joins or leaves by it, and that is gone: it may take days to
  /// come back, and the others can be worked on meanwhile.
  func awaitsGoneSubject(_ plan: PlanRecord, now: Instant) -> Bool {
    guard let node = plan.subject, !plan.isAtBoundary, unheard(node, now: now) != nil,
      now - (contacts[node]?.heardAt ?? startedAt) > CoordinatorLimits.silenceAlert
    else { return false }
    return plan.steps.allSatisfy { $0.state != .running || $0.node == node }
  }

  /// Whether a plan has something to begin, or nothing left to wait for.
  func canGoOn(_ plan: PlanRecord, in cluster: ClusterRecord, now: Instant) -> Bool {
    switch move(of: plan, in: cluster, now: now) {
    case .wait: return false
    case .begin(let indices):
      // What can't be named yet, a rotation at a node that is plain for now, can't be begun either.
      return indices.contains { index in
        plan.steps[index].node.map { action(for: plan.steps[index], at: $0, in: cluster) != nil } ?? true
      }
    case .insert, .rollBack, .none: return true
    }
  }
}

extension PlanRecord {
  /// Whether a node leaves by it: one that is removed, or one that did not join.
  fileprivate var takesNodeAway: Bool { kind == .removeNode || undoing != nil }
}
