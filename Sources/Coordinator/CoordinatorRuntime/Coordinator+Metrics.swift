// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore

/// What the actor tells whoever watches the control plane.
extension Coordinator {
  /// Where everything stands.
  var measured: CoordinatorMeasures.Snapshot {
    var snapshot = CoordinatorMeasures.Snapshot()
    snapshot.epoch = core.epoch.number
    snapshot.enrolled = core.nodes.count
    snapshot.connected = links.connected.count
    for plan in core.plans {
      snapshot.plans[plan.state(waits: core.waitingReason(of: plan.id) != nil), default: 0] += 1
    }
    for alert in core.alerts where alert.closedAt == nil { snapshot.alerts[alert.kind.rawValue, default: 0] += 1 }
    snapshot.mailsWaiting = core.mailView.waiting.count
    snapshot.checks = core.projects.compactMap { project in
      project.lastCheck.map { check in
        CoordinatorMeasures.Snapshot.Check(
          project: project.name.text, verdict: check.verdict.word,
          startedAt: Instant(milliseconds: check.startedAtMilliseconds))
      }
    }
    return snapshot
  }
}

extension Verdict {
  /// The verdict's bare name, one of `CoordinatorMetrics.verdicts`.
  fileprivate var word: String {
    switch self {
    case .valid: "valid"
    case .revoked: "revoked"
    case .unreachable: "unreachable"
    }
  }
}
