// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// What is wrong with a project's key, from the first check that saw it to the next valid one.
public struct KeyTrouble: Sendable, Codable, Equatable {
  /// What the newest check said.
  public var verdict: Verdict
  /// Who saw a verdict of this kind first, nil for the coordinator.
  public let firstSeenBy: NodeName?
  /// When that check began.
  public let firstSeenAt: Instant
  /// How many checks of the coordinator in a row have said so.
  public var checks: Int
  /// Who saw the key revoked first, and when, nil if nobody has; an outage between does not forget it.
  public var revocation: Sight?

  /// One vantage point's first sight of a trouble.
  public struct Sight: Sendable, Codable, Equatable {
    /// Who saw it, nil for the coordinator.
    public let by: NodeName?
    /// When that check began.
    public let at: Instant
  }
}

/// Following a trouble, saying what to do about it, and telling a flap from an outage.
extension CoordinatorCore {
  /// The trouble as it stands after a check of the coordinator: the old one goes on if the kind of verdict is the same.
  func trouble(of project: ProjectRecord, after check: CheckReport) -> KeyTrouble? {
    guard check.verdict != .valid else { return nil }
    if var trouble = project.trouble, Self.isAlike(trouble.verdict, check.verdict) {
      // The same check may be told twice.
      if project.lastCheck?.startedAtMilliseconds != check.startedAtMilliseconds { trouble.checks += 1 }
      trouble.verdict = check.verdict
      return trouble
    }
    let isRevocation = if case .revoked = check.verdict { true } else { false }
    let known = project.trouble?.revocation
    let sight = isRevocation ? known ?? firstSight(of: check, in: project) : firstSight(of: check, in: project)
    return KeyTrouble(
      verdict: check.verdict, firstSeenBy: sight.by, firstSeenAt: sight.at, checks: 1,
      revocation: isRevocation ? sight : known)
  }

  private func firstSight(of check: CheckReport, in project: ProjectRecord) -> KeyTrouble.Sight {
    var first: (node: NodeName?, at: Int64) = (nil, check.startedAtMilliseconds)
    for node in clusters(of: project.name).flatMap(\.nodes) {
      guard let seen = nodeCheck(node, of: project.name), Self.isAlike(seen.verdict, check.verdict),
        seen.startedAtMilliseconds < first.at
      else { continue }
      first = (node, seen.startedAtMilliseconds)
    }
    return KeyTrouble.Sight(by: first.node, at: Instant(milliseconds: first.at))
  }

  private static func isAlike(_ one: Verdict, _ other: Verdict) -> Bool {
    switch (one, other) {
    case (.valid, .valid), (.revoked, .revoked), (.unreachable, .unreachable): true
    default: false
    }
  }

  // MARK: Outages

  /// The coordinator could not ask: an alert if it was not the first time, and the project wants it.
  mutating func noteOutage(of name: ProjectName, reason: OutageReason, detail: String, now: Instant) {
    guard let project = projectRecords[name], project.trouble?.checks ?? 0 >= CoordinatorLimits.outageChecks,
      wants(.kmsUnreachable, name)
    else { return }
    openAlert(
      .kmsUnreachable, subject: name.text,
      text: "The KMS of project \(name) can't be asked (\(reason.rawValue)): \(detail)",
      next: outageAdvice(reason, project: name), now: now)
  }

  /// A node could not ask: the same.
  mutating func noteOutage(
    at node: NodeName, _ check: CheckReport, reason: OutageReason, detail: String, project name: ProjectName,
    now: Instant
  ) {
    guard var contact = contacts[node] else { return }
    if contact.outageCheckStartedAt != check.startedAtMilliseconds {
      contact.outageCheckStartedAt = check.startedAtMilliseconds
      contact.outageChecks += 1
      contacts[node] = contact
    }
    guard contact.outageChecks >= CoordinatorLimits.outageChecks, wants(.kmsUnreachable, name) else { return }
    openAlert(
      .kmsUnreachable, subject: node.text, text: "Node \(node) can't ask the KMS (\(reason.rawValue)): \(detail)",
      next: outageAdvice(reason, project: name), now: now)
  }

  /// A node was answered by its KMS, whatever the answer.
  mutating func noteReach(of node: NodeName, now: Instant) {
    contacts[node]?.outageChecks = 0
    contacts[node]?.outageCheckStartedAt = nil
    closeAlert(.kmsUnreachable, subject: node.text, now: now)
  }

  // MARK: Advice

  /// What brings a revoked key back.
  static func advice(_ reason: RevocationReason, project: ProjectName) -> String {
    let check = "then: keyfold kms check \(project)"
    return switch reason {
    case .keyDisabled: "Enable the key in the KMS, \(check)"
    case .keyPendingDeletion: "Cancel the key's deletion in the KMS and enable it, \(check)"
    case .keyNotFound: "Recover the key in the KMS, if it still can be, \(check)"
    case .credentialsRefused: "Give credentials that the provider takes: keyfold kms set \(project) … (the same key)"
    case .accessDenied:
      "Give the credentials the right to decrypt with this key, \(check); or give others: keyfold kms set \(project) …"
    }
  }

  /// What ends an outage, in a project of whose clusters one may be closed by a revocation before it.
  func outageAdvice(_ reason: OutageReason, project: ProjectName) -> String {
    Self.advice(reason, project: project, isClosed: clusters(of: project).contains { $0.lockout != nil })
  }

  /// What ends an outage; `isClosed` says that a revocation before it closed a cluster.
  static func advice(_ reason: OutageReason, project: ProjectName, isClosed: Bool = false) -> String {
    let meanwhile =
      isClosed ? "The cluster stays closed until a check finds the key valid." : "Nothing is closed meanwhile."
    let check = "\(meanwhile) Check with: keyfold kms check \(project)"
    return switch reason {
    case .network, .timeout: "Repair the way to the KMS: address, firewall, private endpoint. \(check)"
    case .privateNetworking:
      "Repair the private endpoint's name, or declare its range: keyfold kms set \(project) … --private-range CIDR. "
        + check
    case .tls: "See whether the KMS's certificate is the right one; --ca-file trusts another authority. \(check)"
    case .throttled: "The provider asks for fewer calls; see who else uses the account. \(check)"
    case .service, .malformedAnswer, .unlisted: "Ask the KMS's operators with the request id. \(check)"
    case .clockSkew: "Set the clocks of the machines. \(check)"
    case .credentialsExpired: "See why the issuer of the temporary credentials can't be reached. \(check)"
    case .vantagePointsDisagree: "Compare what each sees with: keyfold kms show \(project)"
    }
  }
}
