// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Verdicts on keys that were replaced and that nodes still need: who takes such a key away locks out what is under it.
extension CoordinatorCore {
  /// The coordinator's own check of a former key ended; nil if it was of none that is needed.
  mutating func onFormerVerdict(_ name: ProjectName, report: CheckReport, now: Instant) -> [CoordinatorDirective]? {
    guard var project = projectRecords[name],
      let index = project.formerKeys?.firstIndex(where: {
        $0.isNeeded && $0.settingsVersion == report.settingsVersion && $0.keyID == report.customerKeyID
      })
    else { return nil }
    guard !isOvertaken(report, by: project.formerKeys?[index].lastCheck, now: now) else { return [] }
    let before = project.formerKeys?[index].lastCheck
    noteVerdict(report, before: before, of: name, now: now)
    project.formerKeys?[index].lastCheck = report
    put(project)
    closeAlert(.keyNotChecked, subject: Self.subject(of: report.customerKeyID, in: name), now: now)
    noteFormerOutage(report, before: before, in: name, now: now)
    if report.verdict != .valid, let schedule = schedules[name] {
      schedules[name]?.dueAt = min(schedule.dueAt, now + CoordinatorLimits.troubledCheckInterval)
    }
    judgeFormerKeys(of: name, now: now)
    advanceClusters(of: name, now: now)
    return flush()
  }

  /// Draws the consequences of the newest checks of former keys; true if clusters were locked out or let in again.
  @discardableResult
  mutating func judgeFormerKeys(of name: ProjectName, now: Instant) -> Bool {
    var isNews = false
    defer { noteDisagreement(name, now: now) }
    for former in projectRecords[name]?.neededKeys ?? [] {
      guard let own = former.lastCheck else { continue }
      let subject = Self.subject(of: former.keyID, in: name)
      switch own.verdict {
      case .unreachable: break
      case .valid:
        closeAlert(.keyRevoked, subject: subject, now: now)
        closeAlert(.kmsUnreachable, subject: subject, now: now)
        if readmit(name, check: own, now: now) { isNews = true }
      case .revoked(let reason, let detail):
        guard isAnyNode(of: name, under: former.keyID) else { continue }
        if judgeRevocation(name, subject: subject, own: own, reason: reason, detail: detail, now: now) {
          isNews = true
        }
      }
    }
    return isNews
  }

  /// The coordinator could not ask for a former key: an alert if it was not the first time.
  private mutating func noteFormerOutage(
    _ report: CheckReport, before: CheckReport?, in name: ProjectName, now: Instant
  ) {
    guard case .unreachable(let reason, let detail) = report.verdict, case .unreachable = before?.verdict,
      before?.startedAtMilliseconds != report.startedAtMilliseconds, wants(.kmsUnreachable, name)
    else { return }
    openAlert(
      .kmsUnreachable, subject: Self.subject(of: report.customerKeyID, in: name),
      text: "The KMS of the former key \(report.customerKeyID) of project \(name) can't be asked "
        + "(\(reason.rawValue)): \(detail)",
      next: Self.advice(reason, project: name), now: now)
  }

  /// Whether the last check of a former key that is still needed was not valid.
  func isFormerTroubled(_ name: ProjectName) -> Bool {
    projectRecords[name]?.neededKeys.contains { $0.lastCheck.map { $0.verdict != .valid } ?? false } ?? false
  }

  private func isAnyNode(of name: ProjectName, under key: String) -> Bool {
    clusters(of: name).contains { isUnderKey($0, key) }
  }

  /// The coordinator's newest checks of the keys that the project's nodes may be under.
  func ownChecks(of name: ProjectName) -> [CheckReport] {
    guard let project = projectRecords[name] else { return [] }
    return ([project.lastCheck] + project.neededKeys.map(\.lastCheck)).compactMap(\.self)
  }

  /// A node's last check of a key it may be under, with settings that are in force or still needed.
  func knownCheck(_ node: NodeName, of name: ProjectName) -> CheckReport? {
    contacts[node]?.report?.lastCheck.flatMap { isOfNeededKey($0, in: name) ? $0 : nil }
  }

  /// The same for operators: as long as this life of the node's process has made none, that of an earlier one.
  func shownCheck(_ node: NodeName, of name: ProjectName) -> CheckReport? {
    contacts[node]?.lastCheck.flatMap { isOfNeededKey($0, in: name) ? $0 : nil }
  }

  private func isOfNeededKey(_ check: CheckReport, in name: ProjectName) -> Bool {
    guard let project = projectRecords[name] else { return false }
    if check.settingsVersion == project.settingsVersion, check.customerKeyID == project.kms?.keyID { return true }
    return project.neededKeys.contains {
      $0.settingsVersion == check.settingsVersion && $0.keyID == check.customerKeyID
    }
  }

  /// The newest checks of nodes that were of the same key, under the same settings.
  func nodeChecks(of name: ProjectName, like own: CheckReport) -> [CheckReport] {
    clusters(of: name).flatMap(\.everyone).compactMap { knownCheck($0, of: name) }.filter {
      $0.settingsVersion == own.settingsVersion && $0.customerKeyID == own.customerKeyID
    }
  }
}
