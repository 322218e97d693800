// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// The table of verdicts at work: what one check says, what two agree on, and what follows for clusters.
extension CoordinatorCore {
  /// The coordinator's own check of a project's key ended; checks of older settings or an earlier start are dropped.
  public mutating func onVerdict(_ name: ProjectName, report: CheckReport, now: Instant) -> [CoordinatorDirective] {
    if let directives = onFormerVerdict(name, report: report, now: now) { return directives }
    guard var project = projectRecords[name], let settings = project.kms,
      report.settingsVersion == project.settingsVersion, report.customerKeyID == settings.keyID,
      !isOvertaken(report, by: project.lastCheck, now: now)
    else { return [] }
    let before = project.lastCheck?.verdict
    noteVerdict(report, before: project.lastCheck, of: name, now: now)
    project.trouble = trouble(of: project, after: report)
    project.lastCheck = report
    put(project)
    planNextCheck(of: name, verdict: report.verdict, now: now)
    noteChecked(name, now: now)
    askSharers(of: settings.keyID, after: report, before: before, in: name, now: now)
    judge(name, now: now)
    advanceClusters(of: name, now: now)
    return flush()
  }

  /// Whether a check of the coordinator's own began before the last one that ended. One that began in what is the
  /// future now was from before the clock was set back, and overtakes nothing.
  func isOvertaken(_ check: CheckReport, by last: CheckReport?, now: Instant) -> Bool {
    guard let last, last.startedAtMilliseconds <= now.milliseconds else { return false }
    return check.startedAtMilliseconds < last.startedAtMilliseconds
  }

  /// Checks a project's key now, from the coordinator and from every node that is heard and holds data under it.
  public mutating func checkKMS(_ name: ProjectName, now: Instant) throws(CoordinatorError) -> Decision<UInt64> {
    let project = try self.project(name)
    guard project.kms != nil else {
      throw CoordinatorError(
        .refused, "The key of project \(name) was not checked.", why: "The project has no KMS settings.",
        next: "Set them with: keyfold kms set \(name) …")
    }
    askCoordinator(name, renewing: true, now: now)
    askNodes(of: name, now: now)
    return Decision(project.settingsVersion, flush())
  }

  /// Checks the key of a cluster's project now, and lets nodes that wait for it try at once; names the project.
  public mutating func tryAgain(_ name: ClusterName, now: Instant) throws(CoordinatorError) -> Decision<ProjectName> {
    let cluster = try self.cluster(name)
    let decision = try checkKMS(cluster.project, now: now)
    return Decision(cluster.project, decision.directives)
  }

  // MARK: When to check

  mutating func scheduleCheck(of name: ProjectName, now: Instant) {
    guard let project = projectRecords[name], project.kms != nil, project.canary != nil else { return }
    guard let schedule = schedules[name] else {
      let first = identifiers.jitter(upTo: .seconds(5))
      schedules[name] = CheckSchedule(dueAt: now + first)
      return
    }
    if let asked = schedule.askedAt, now.isWithin(CoordinatorLimits.checkDeadline, after: asked) { return }
    // A check that is further ahead than any is planned was planned before the clock was set back.
    let furthest = CoordinatorLimits.checkInterval + CoordinatorLimits.checkJitter
    if now >= schedule.dueAt || schedule.dueAt - now > furthest { askCoordinator(name, renewing: false, now: now) }
    if confirmationIsMissing(name, now: now) { askForConfirmation(name, now: now) }
  }

  private mutating func planNextCheck(of name: ProjectName, verdict: Verdict, now: Instant) {
    let jitter = identifiers.jitter(upTo: CoordinatorLimits.checkJitter)
    let isTroubled = verdict != .valid || isFormerTroubled(name)
    let interval =
      isTroubled ? CoordinatorLimits.troubledCheckInterval : CoordinatorLimits.checkInterval + jitter
    var schedule = schedules[name] ?? CheckSchedule(dueAt: now)
    (schedule.dueAt, schedule.askedAt) = (now + interval, nil)
    schedules[name] = schedule
  }

  /// Has the coordinator look at a project's keys; `renewing` with credentials fetched for it. Only a scheduled
  /// look may be made with a session that was kept.
  mutating func askCoordinator(_ name: ProjectName, renewing: Bool, now: Instant) {
    guard let project = projectRecords[name] else { return }
    var schedule = schedules[name] ?? CheckSchedule(dueAt: now)
    schedule.askedAt = now
    schedules[name] = schedule
    sends.append(.checkKMS(name, settingsVersion: project.settingsVersion, renewing: renewing))
    for former in project.neededKeys where former.canary != nil {
      sends.append(.checkKMS(name, settingsVersion: former.settingsVersion, renewing: renewing))
    }
  }

  private mutating func askNodes(of name: ProjectName, now: Instant) {
    guard let project = projectRecords[name], let key = project.kms?.keyID else { return }
    let keys = [key] + project.neededKeys.map(\.keyID)
    let nodes = clusters(of: name).flatMap(\.nodes).filter { node in
      keys.contains { uses(node, key: $0) } && contacts[node]?.isHeard(now: now) == true
    }
    askToLook(nodes, of: name, now: now)
  }

  private mutating func askForConfirmation(_ name: ProjectName, now: Instant) {
    if schedules[name]?.unconfirmedSince == nil { schedules[name]?.unconfirmedSince = now }
    if let asked = schedules[name]?.confirmationAskedAt, now.isWithin(CoordinatorLimits.confirmationRetry, after: asked)
    {
      return
    }
    schedules[name]?.confirmationAskedAt = now
    askNodes(of: name, now: now)
  }

  // MARK: What the checks say together

  /// A node's check is news: one that disagrees with the coordinator's makes the coordinator look again.
  mutating func onNodeCheck(_ node: NodeName, project name: ProjectName, now: Instant) {
    guard let check = knownCheck(node, of: name) else { return }
    switch check.verdict {
    case .valid: noteRegion(of: node, check: check, project: name, now: now)
    case .unreachable(let reason, let detail):
      noteOutage(at: node, check, reason: reason, detail: detail, project: name, now: now)
    case .revoked:
      noteReach(of: node, now: now)
      let own = ownChecks(of: name).first { $0.customerKeyID == check.customerKeyID }
      let busy = schedules[name]?.askedAt.map { now.isWithin(CoordinatorLimits.checkDeadline, after: $0) } ?? false
      if !busy, own?.startedAtMilliseconds ?? .min < check.startedAtMilliseconds {
        askCoordinator(name, renewing: true, now: now)
      }
    }
    // Nothing changes for the other clusters unless they are locked out or let in: a thousand nodes may report at once.
    let isPresentNews = judge(name, now: now)
    let isFormerNews = judgeFormerKeys(of: name, now: now)
    if isPresentNews || isFormerNews { advanceClusters(of: name, now: now) }
  }

  /// Draws the consequences of the newest checks; true if clusters were locked out or let in again.
  @discardableResult
  mutating func judge(_ name: ProjectName, now: Instant) -> Bool {
    defer { noteDisagreement(name, now: now) }
    guard let own = projectRecords[name]?.lastCheck else { return false }
    switch own.verdict {
    case .valid:
      forgetConfirmed(name, now: now)
      noteRegion(of: name, check: own, now: now)
      closeAlert(.keyRevoked, subject: name.text, now: now)
      return readmit(name, check: own, now: now)
    case .unreachable(let reason, let detail):
      forgetConfirmed(name, now: now)
      noteOutage(of: name, reason: reason, detail: detail, now: now)
      return false
    case .revoked(let reason, let detail):
      return judgeRevocation(name, subject: name.text, own: own, reason: reason, detail: detail, now: now)
    }
  }

  /// Nobody is asked to confirm anything any more, unless it is the revocation of another key.
  private mutating func forgetConfirmed(_ name: ProjectName, now: Instant) {
    if !confirmationIsMissing(name, now: now) { schedules[name]?.unconfirmedSince = nil }
  }

  /// `subject` is whom alerts of that key are about.
  mutating func judgeRevocation(
    _ name: ProjectName, subject: String, own: CheckReport, reason: RevocationReason, detail: String, now: Instant
  ) -> Bool {
    let confirming = confirmations(of: own, reason, for: name, now: now)
    let isDenied = isDenied(own, confirming, for: name, now: now)
    let text = "The key \(own.customerKeyID) of project \(name) is revoked (\(reason.rawValue)): \(detail)"
    let next = Self.advice(reason, project: name)
    closeAlert(.kmsUnreachable, subject: subject, now: now)
    if let newest = confirming.map(\.startedAtMilliseconds).max(), !isDenied {
      schedules[name]?.unconfirmedSince = nil
      openAlert(.keyRevoked, subject: subject, text: text, next: next, now: now)
      return lockOut(
        name, key: own.customerKeyID, reason: reason, detail: detail,
        startedAt: max(newest, own.startedAtMilliseconds), now: now)
    }
    if clusters(of: name).allSatisfy({ $0.lockout == nil && !isUnderKey($0, own.customerKeyID) }) {
      openAlert(.keyRevoked, subject: subject, text: text, next: next, now: now)
    }
    askForConfirmation(name, now: now)
    return false
  }

  /// Whether the coordinator saw a revocation that no node confirmed or denied yet.
  func confirmationIsMissing(_ name: ProjectName, now: Instant) -> Bool {
    ownChecks(of: name).contains { confirmationIsMissing(for: $0, in: name, now: now) }
  }

  func confirmationIsMissing(for own: CheckReport, in name: ProjectName, now: Instant) -> Bool {
    guard case .revoked = own.verdict, isFresh(own, now: now) else { return false }
    return clusters(of: name).contains { $0.lockout == nil && isUnderKey($0, own.customerKeyID) }
  }

  /// Two vantage points agree if both saw a revocation; access denied counts only if both saw just that.
  static func agree(_ own: RevocationReason, _ other: Verdict) -> Bool {
    guard case .revoked(let seen, _) = other else { return false }
    return own == .accessDenied || seen == .accessDenied ? own == seen : true
  }

  /// The nodes' checks that see the revocation too.
  func confirmations(
    of own: CheckReport, _ reason: RevocationReason, for name: ProjectName, now: Instant
  ) -> [CheckReport] {
    guard isFresh(own, now: now) else { return [] }
    return nodeChecks(of: name, like: own).filter { Self.agree(reason, $0.verdict) && isFresh($0, now: now) }
  }

  /// Whether a node may use the key and looked no earlier than those who may not.
  func isDenied(_ own: CheckReport, _ confirming: [CheckReport], for name: ProjectName, now: Instant) -> Bool {
    let earliest = min(own.startedAtMilliseconds, confirming.map(\.startedAtMilliseconds).min() ?? .max)
    return nodeChecks(of: name, like: own).contains {
      $0.verdict == .valid && $0.startedAtMilliseconds >= earliest && isFresh($0, now: now)
    }
  }

  func isFresh(
    _ check: CheckReport, within window: Duration = CoordinatorLimits.confirmationWindow, now: Instant
  ) -> Bool {
    let age = now - Instant(milliseconds: check.startedAtMilliseconds)
    return (.zero - CoordinatorLimits.clockTolerance...window).contains(age)
  }

  /// A node's last check, if it was under the present settings and of the present key.
  func nodeCheck(_ node: NodeName, of name: ProjectName) -> CheckReport? {
    guard let project = projectRecords[name], let check = contacts[node]?.report?.lastCheck,
      check.settingsVersion == project.settingsVersion, check.customerKeyID == project.kms?.keyID
    else { return nil }
    return check
  }

  /// Whether a node's live generation is under a key, as recorded or as it says: what it says may not be recorded yet.
  func uses(_ node: NodeName, key: String) -> Bool {
    [nodeRecords[node]?.generation, contacts[node]?.report?.generation].contains { generation in
      generation?.customerKeyID.map { CustomerKey.isSame($0, key) } ?? false
    }
  }

  func isUnderKey(_ cluster: ClusterRecord, _ key: String) -> Bool { cluster.everyone.contains { uses($0, key: key) } }

  mutating func advanceClusters(of project: ProjectName, now: Instant) {
    for cluster in clusters(of: project) { advance(cluster.name, now: now) }
  }
}
