// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// Who has which role.
extension CoordinatorCore {
  /// Gives operators of a store from before there were roles what they could do then: they become org owners, and
  /// project owners of every project there is. For the start, before anything else is heard.
  public mutating func adoptRoles(now: Instant) -> [CoordinatorDirective] {
    for var known in operators where known.roles == nil {
      var roles = OperatorRoles(.orgOwner)
      for project in projectRecords.keys { roles.projects[project.text] = .projectOwner }
      known.roles = roles
      put(known)
      audit(
        "operator role", on: known.name.text,
        "org owner, and project owner of every project: from before there were roles", now: now)
    }
    return flush()
  }

  /// Makes an operator an org owner, or one no more; roles in projects stay.
  ///
  /// Throws `CoordinatorError` if there is no such operator, or no other org owner.
  public mutating func setRole(
    of name: OperatorName, to role: OperatorRole, now: Instant
  ) throws(CoordinatorError) -> Decision<Void> {
    let what = "The role of operator \(name) was not changed."
    var known = try admitted(name, what)
    if role != .orgOwner { try checkNotLastOrgOwner(known, what) }
    known.roles = known.roles ?? OperatorRoles(role)
    known.roles?.installation = role
    put(known)
    return Decision((), flush())
  }

  /// Gives an operator a role in a project, in place of the one there was.
  ///
  /// Throws `CoordinatorError` if there is no such operator or project.
  public mutating func addMember(
    _ name: OperatorName, to project: ProjectName, role: ProjectRole, now: Instant
  ) throws(CoordinatorError) -> Decision<Void> {
    _ = try self.project(project)
    var known = try admitted(name, "Operator \(name) got no role in project \(project).")
    known.roles = known.roles ?? OperatorRoles(.member)
    known.roles?.projects[project.text] = role
    put(known)
    return Decision((), flush())
  }

  /// Takes an operator's role in a project away; an org owner can give one again to anybody.
  ///
  /// Throws `CoordinatorError` if there is no such operator or project, or no such role.
  public mutating func removeMember(
    _ name: OperatorName, from project: ProjectName, now: Instant
  ) throws(CoordinatorError) -> Decision<Void> {
    _ = try self.project(project)
    guard var known = operatorRecords[name], known.roles?.projects[project.text] != nil else {
      throw CoordinatorError(
        .notFound, "Operator \(name) has no role in project \(project).",
        next: "See who has with: keyfold project member list \(project)")
    }
    known.roles?.projects[project.text] = nil
    put(known)
    return Decision((), flush())
  }

  /// Who has which role in a project, by name, without operators whose key is refused.
  public func members(of project: ProjectName) -> [ProjectMembership] {
    operators.compactMap { known in
      known.role(in: project).map { ProjectMembership(project: project, admin: known.name, role: $0) }
    }
  }

  /// Somebody has to be left who can let others in.
  func checkNotLastOrgOwner(_ known: OperatorRecord, _ what: String) throws(CoordinatorError) {
    guard known.isOrgOwner, !operatorRecords.values.contains(where: { $0.isOrgOwner && $0.name != known.name }) else {
      return
    }
    throw CoordinatorError(
      .refused, what, why: "There is no other org owner, and nobody could make one.",
      next: "Make another one first: keyfold operator add NAME --key KEY --role org-owner")
  }

  private func admitted(_ name: OperatorName, _ what: String) throws(CoordinatorError) -> OperatorRecord {
    guard let known = operatorRecords[name] else {
      throw CoordinatorError(
        .notFound, what, why: "There is no operator \(name).", next: "See all with: keyfold operator list")
    }
    guard known.revokedAt == nil else {
      throw CoordinatorError(.refused, what, why: "The operator was removed, for good.")
    }
    return known
  }
}
