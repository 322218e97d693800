// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// Who is told of a project's troubles, and of which.
extension CoordinatorCore {
  /// Names a project's owners anew; throws `CoordinatorError` if the project is unknown or an address is none.
  public mutating func setOwners(
    _ owners: [String], of name: ProjectName, now: Instant
  ) throws(CoordinatorError) -> Decision<ProjectRecord> {
    var project = try self.project(name)
    try Self.check(owners: owners)
    project.owners = owners
    put(project)
    return Decision(project, flush())
  }

  /// Turns a project's alert `KMS network access denied` on or off; turning it off closes the open ones, and turning
  /// it on opens those whose cause lasts. Throws `CoordinatorError` if the project is unknown.
  public mutating func setAlerts(
    _ name: ProjectName, kmsNetworkAccessDenied isOn: Bool, now: Instant
  ) throws(CoordinatorError) -> Decision<ProjectRecord> {
    var project = try self.project(name)
    let others = (project.mutedAlerts ?? []).filter { $0 != .kmsUnreachable }
    let muted = isOn ? others : others + [.kmsUnreachable]
    project.mutedAlerts = muted.isEmpty ? nil : muted
    put(project)
    let nodes = clusters(of: name).flatMap(\.nodes)
    if isOn {
      if case .unreachable(let reason, let detail) = project.lastCheck?.verdict {
        noteOutage(of: name, reason: reason, detail: detail, now: now)
      }
      for node in nodes where knownCheck(node, of: name) != nil { onNodeCheck(node, project: name, now: now) }
    } else {
      for subject in [name.text] + nodes.map(\.text) { closeAlert(.kmsUnreachable, subject: subject, now: now) }
    }
    return Decision(project, flush())
  }

  /// Whether a project wants to hear of this kind of trouble.
  func wants(_ kind: AlertKind, _ project: ProjectName) -> Bool {
    projectRecords[project]?.mutedAlerts?.contains(kind) != true
  }

  static func check(owners: [String]) throws(CoordinatorError) {
    guard owners.count <= CoordinatorLimits.maximumOwners else {
      throw CoordinatorError(.invalid, "A project has at most \(CoordinatorLimits.maximumOwners) owners.")
    }
    for owner in owners where !isMailAddress(owner) {
      throw CoordinatorError(.invalid, "An owner's mail address is not one.", next: "Write it like name@example.org")
    }
    guard Set(owners).count == owners.count else {
      throw CoordinatorError(.invalid, "An owner is named twice.", next: "Name each once.")
    }
  }

  /// Whether a text is a mail address that may stand in an SMTP command and in a header as it is: printable ASCII
  /// without blanks and without what has a meaning there (RFC 5321, section 4.1.2, without quoted forms).
  static func isMailAddress(_ text: String) -> Bool {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    return text.utf8.count <= CoordinatorLimits.maximumMailAddress && parts.count == 2
      && parts.allSatisfy { !$0.isEmpty }
      && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"<>,;:\"\\()[]".utf8.contains($0) }
  }
}
