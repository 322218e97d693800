// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Vantage points that see different things: nothing is disabled for it, but somebody should look.
extension CoordinatorCore {
  /// Opens, rewords or closes a project's alert from what is known now.
  mutating func noteDisagreement(_ name: ProjectName, now: Instant) {
    guard let text = disagreement(name, now: now) else {
      if isLearning(name, now: now) { return }
      return closeAlert(.vantagePointsDisagree, subject: name.text, now: now)
    }
    openAlert(
      .vantagePointsDisagree, subject: name.text, text: text,
      next: Self.advice(.vantagePointsDisagree, project: name), now: now)
  }

  /// What was seen grows old and nodes go away: alerts that rest on nothing any more close by themselves.
  mutating func attendDisagreements(now: Instant) {
    let troubled = alertRecords.values.filter { $0.closedAt == nil }
    let disagreeing = Set(troubled.filter { $0.kind == .vantagePointsDisagree }.map(\.subject))
    for name in projectRecords.keys.sorted()
    where disagreeing.contains(name.text) || schedules[name]?.unconfirmedSince != nil {
      noteDisagreement(name, now: now)
    }
    for alert in troubled.filter({ $0.kind == .kmsUnreachable }).sorted(by: { $0.id < $1.id })
    where nodeRecords[NodeName(checked: alert.subject)] != nil
      && projectRecords[ProjectName(checked: alert.subject)] == nil
    {
      let node = NodeName(checked: alert.subject)
      let heardAt = contacts[node]?.heardAt ?? startedAt
      if looksAtKey(node), now - heardAt < CoordinatorLimits.presentSight { continue }
      closeAlert(.kmsUnreachable, subject: alert.subject, now: now)
      contacts[node]?.outageChecks = 0
    }
  }

  /// Whether nodes have not yet said in this life of the coordinator what they see.
  private func isLearning(_ name: ProjectName, now: Instant) -> Bool {
    now.isWithin(CoordinatorLimits.silenceAlert, after: startedAt)
      && clusters(of: name).flatMap(\.nodes).contains { contacts[$0]?.helloAt == nil }
  }

  /// How those that look at a project's key, or at a former one that is still needed, disagree; nil if they do not.
  private func disagreement(_ name: ProjectName, now: Instant) -> String? {
    guard let project = projectRecords[name], let key = project.kms?.keyID else { return nil }
    if let text = disagreement(
      on: key, "the key of project \(name)", own: project.lastCheck, of: project, now: now)
    {
      return text
    }
    return project.neededKeys.lazy.compactMap { former in
      self.disagreement(
        on: former.keyID, "the former key \(former.keyID) of project \(name)", own: former.lastCheck, of: project,
        now: now)
    }.first
  }

  private func disagreement(
    on key: String, _ what: String, own: CheckReport?, of project: ProjectRecord, now: Instant
  ) -> String? {
    let name = project.name
    func dissenter() -> NodeName? {
      firstDissenter(among: clusters(of: name).flatMap(\.nodes), of: project, on: key, own: own, now: now)
    }
    switch own?.verdict {
    case .valid:
      return dissenter().map {
        "The coordinator may use \(what), \($0) may not; nothing is disabled."
      }
    case .unreachable, nil:
      return dissenter().map {
        "\($0) may not use \(what), and the coordinator can't ask for itself; nothing is disabled."
      }
    case .revoked(let reason, let detail):
      guard let own else { return nil }
      let isLockedOut = clusters(of: name).contains { $0.lockout != nil }
      let confirming = confirmations(of: own, reason, for: name, now: now)
      if isDenied(own, confirming, for: name, now: now) {
        return "Coordinator and nodes disagree on \(what); "
          + "\(isLockedOut ? "what is disabled stays so" : "nothing is disabled"). Coordinator: \(detail)"
      }
      guard confirming.isEmpty, confirmationIsMissing(for: own, in: name, now: now),
        let since = schedules[name]?.unconfirmedSince, !now.isWithin(CoordinatorLimits.confirmationRetry, after: since)
      else { return nil }
      return "The coordinator may not use \(what), and no node confirms it; nothing is disabled. "
        + "Coordinator: \(detail)"
    }
  }

  /// The first of these nodes that sees a revocation of the key now.
  func firstDissenter(
    among nodes: [NodeName], of project: ProjectRecord, on key: String, own: CheckReport?, now: Instant
  ) -> NodeName? {
    nodes.first { node in
      guard let check = knownCheck(node, of: project.name), check.customerKeyID == key, case .revoked = check.verdict,
        looksAtKey(node), isFresh(check, within: CoordinatorLimits.presentSight, now: now)
      else { return false }
      // One that was locked out has its word of before until it has looked again.
      guard case .disabled = contacts[node]?.report?.phase, let own else { return true }
      return check.startedAtMilliseconds > own.startedAtMilliseconds
    }
  }

  /// Whether a node holds data under its project's key, or a former one that is still needed, and is in a phase of its
  /// life in which it looks at it.
  private func looksAtKey(_ node: NodeName) -> Bool {
    guard let cluster = nodeRecords[node]?.cluster.flatMap({ clusterRecords[$0] }),
      let project = projectRecords[cluster.project], let key = project.kms?.keyID,
      ([key] + project.neededKeys.map(\.keyID)).contains(where: { uses(node, key: $0) })
    else { return false }
    switch contacts[node]?.report?.phase {
    case .serving, .opening, .awaitingKMS, .awaitingSettings, .disabled: return true
    case .stopped, .failed, .empty, .notApproved, nil: return false
    }
  }

  // MARK: One key, several projects

  /// A state of the key that a project sees first, or sees no longer, is news for every other under the key: each looks
  /// for itself, at once.
  mutating func askSharers(
    of key: String, after check: CheckReport, before: Verdict?, in name: ProjectName, now: Instant
  ) {
    let isGone = Self.isKeyState(check.verdict)
    guard isGone != before.map({ Self.isKeyState($0) }) ?? false, isGone || check.verdict == .valid else { return }
    for other in projectRecords.values.sorted(by: { $0.name < $1.name }) where other.name != name {
      guard let used = other.kms?.keyID, CustomerKey.isSame(used, key), other.canary != nil,
        let last = other.lastCheck, Self.isKeyState(last.verdict) != isGone,
        last.startedAtMilliseconds < check.startedAtMilliseconds
      else { continue }
      askCoordinator(other.name, renewing: true, now: now)
    }
  }

  private static func isKeyState(_ verdict: Verdict) -> Bool {
    if case .revoked(let reason, _) = verdict { reason.isKeyState } else { false }
  }
}
