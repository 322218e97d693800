// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// What is wrong with keys, for operators: what was refused, by whom, since when, and what to do.
extension CoordinatorCore {
  static func view(of alert: AlertRecord) -> AlertView {
    AlertView(
      severity: alert.kind.isCritical ? "critical" : "warning", subject: alert.subject, text: alert.text,
      since: OperatorTime(milliseconds: alert.openedAt.milliseconds),
      until: alert.closedAt.map { OperatorTime(milliseconds: $0.milliseconds) }, title: alert.kind.title,
      next: alert.next)
  }

  func troubleView(_ trouble: KeyTrouble, settings: KMSSettings, project: ProjectName) -> KeyTroubleView {
    let place = settings.endpointInUse ?? "its endpoint of \(settings.region)"
    let who = "the KMS (\(settings.provider.rawValue)) at \(place)"
    let (verdict, reason, refused, by, next) =
      switch trouble.verdict {
      case .revoked(let why, let text):
        ("revoked", why.rawValue, text, who, Self.advice(why, project: project))
      case .unreachable(let why, let text):
        ("unreachable", why.rawValue, text, "nobody: \(who) can't be asked", outageAdvice(why, project: project))
      case .valid: ("valid", "", "", "", "")
      }
    return KeyTroubleView(
      verdict: verdict, reason: reason, refused: refused, by: by,
      firstSeenBy: trouble.firstSeenBy?.text ?? "coordinator",
      firstSeenAt: OperatorTime(milliseconds: trouble.firstSeenAt.milliseconds), checks: trouble.checks, next: next)
  }

  /// The coordinator and every node with data under the key, each with what it saw last.
  func vantagePoints(of project: ProjectRecord) -> [VantagePointView] {
    guard let key = project.kms?.keyID else { return [] }
    let keys = [key] + project.neededKeys.map(\.keyID)
    let nodes = clusters(of: project.name).flatMap(\.nodes)
      .filter { node in keys.contains { uses(node, key: $0) } }.sorted()
    return [VantagePointView(name: "coordinator", check: project.lastCheck.map { Self.view(of: $0) })]
      + nodes.map { node in
        VantagePointView(name: node.text, check: shownCheck(node, of: project.name).map { Self.view(of: $0) })
      }
  }

  /// Why a cluster's key keeps it from serving, and what brings it back.
  func explainKey(of cluster: ClusterRecord, in view: inout ClusterView) {
    let trouble = projectRecords[cluster.project]?.trouble
    if let lockout = cluster.lockout {
      view.disabledSince = OperatorTime(milliseconds: lockout.since.milliseconds)
      view.next = "Give the key back in the KMS, then: keyfold cluster try-again \(cluster.name)"
      if case .revoked(let reason, _) = trouble?.verdict { view.next = Self.advice(reason, project: cluster.project) }
      let queued = openPlans(of: cluster.name).map(\.kind.title)
      view.queued = queued.isEmpty ? nil : queued
      return
    }
    let waits = cluster.nodes.contains { node in
      if case .awaitingKMS = contacts[node]?.report?.phase { true } else { false }
    }
    guard waits, case .unreachable(let reason, _) = trouble?.verdict else { return }
    view.next = outageAdvice(reason, project: cluster.project)
  }
}
