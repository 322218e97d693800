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
    let now = now
    snapshot.masterKeyAges = core.masterKeyAges(now: now).map { ($0.cluster.text, $0.age) }
    snapshot.restartProofAges = core.restartProofAges(now: now).map { ($0.cluster.text, $0.age) }
    snapshot.customerKeyAges = core.customerKeyAges(now: now).map { ($0.project.text, $0.age) }
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
