// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// Whether an operator's roles are enough for what is asked; which role that takes says `OperatorCommand.permission`.
extension CoordinatorCore {
  /// Throws `CoordinatorError`: `forbidden`, with the role that is missing and who can give it, or what the command
  /// names and is not there. What can't be told whose it is, is an org owner's.
  public func authorize(_ command: OperatorCommand, by name: OperatorName) throws(CoordinatorError) {
    let permission = command.permission
    guard let known = operatorRecords[name], known.revokedAt == nil else {
      throw CoordinatorError(.forbidden, "'\(command.commandName)' was refused.", why: "\(name) is no operator.")
    }
    switch permission.role {
    case .any: return
    case .orgOwner:
      guard known.isOrgOwner else { throw refusal(command, of: known, in: nil) }
    case .anyOwner, .project:
      let projects = try self.projects(of: permission.scope)
      if projects.isEmpty, !known.isOrgOwner { throw refusal(command, of: known, in: nil) }
      for project in projects where !isEnough(known, for: permission.role, in: project) {
        throw refusal(command, of: known, in: project)
      }
    }
  }

  private func isEnough(_ known: OperatorRecord, for role: RequiredRole, in project: ProjectName) -> Bool {
    let own = known.role(in: project)
    switch role {
    case .any: return true
    case .orgOwner: return known.isOrgOwner
    case .anyOwner: return known.isOrgOwner || own == .projectOwner
    case .project(.readOnly): return known.isOrgOwner || own != nil
    case .project(let needed): return own.map { $0 >= needed } ?? false
    }
  }

  /// The projects a command is about; none for what belongs to no project.
  private func projects(of scope: OperatorPermission.Scope) throws(CoordinatorError) -> [ProjectName] {
    switch scope {
    case .installation: return []
    case .project(let name): return [try project(name).name]
    case .cluster(let name): return [try cluster(name).project]
    case .node(let name): return projectOfNode(try node(named: name)).map { [$0] } ?? []
    case .plan(let id): return clusterRecords[try plan(named: id).cluster].map { [$0.project] } ?? []
    case .customerKey(let key): return keysNeeded().keys.first { CustomerKey.isSame($0.keyID, key) }?.projects ?? []
    }
  }

  /// The project of the cluster a node is in, else its own, else that of the cluster it is meant for; nil for a node of
  /// none.
  func projectOfNode(_ node: NodeRecord) -> ProjectName? {
    node.cluster.flatMap { clusterRecords[$0]?.project } ?? node.project
      ?? node.intendedCluster.flatMap { clusterRecords[$0]?.project }
  }

  // MARK: The refusal

  private func refusal(
    _ command: OperatorCommand, of known: OperatorRecord, in project: ProjectName?
  ) -> CoordinatorError {
    let needed = command.permission.role
    // What belongs to no project is decided by org owners, whatever role it would take in one.
    guard let project, needed != .orgOwner else {
      return CoordinatorError(
        .forbidden, "Operator \(known.name) may not '\(command.commandName)'.",
        why: "It takes the role org owner; \(known.name) is \(known.isOrgOwner ? "org owner" : "none").",
        next: "\(orgOwners()) can give it with: keyfold operator role \(known.name) --role org-owner")
    }
    let own = known.role(in: project).map { "is \($0.title)" } ?? "has no role"
    let give = "keyfold project member add \(project) \(known.name) --role \(Self.argument(needed))"
    // Who owns a project is its members' business, and the org owners'.
    let isInside = known.role(in: project) != nil || known.isOrgOwner
    let owners = isInside ? members(of: project).filter { $0.role == .projectOwner && $0.admin != known.name } : []
    let others = owners.map(\.admin.text)
    let givers = others.isEmpty ? orgOwners() : "\(Self.some(others)) (project owner) or \(orgOwners())"
    return CoordinatorError(
      .forbidden, "Operator \(known.name) may not '\(command.commandName)' in project \(project).",
      why: "It takes the role \(needed); \(known.name) \(own) there\(known.isOrgOwner ? ", though org owner" : "").",
      next: known.isOrgOwner ? "Give it to yourself with: \(give)" : "\(givers) can give it with: \(give)")
  }

  private static func argument(_ needed: RequiredRole) -> String {
    if case .project(let role) = needed { role.rawValue } else { ProjectRole.projectOwner.rawValue }
  }

  private func orgOwners() -> String { "\(Self.some(operators.filter(\.isOrgOwner).map(\.name.text))) (org owner)" }

  /// Up to three names: a refusal is no directory.
  private static func some(_ names: [String]) -> String {
    let shown = names.sorted().prefix(3).joined(separator: ", ")
    return names.count > 3 ? "\(shown), …" : shown
  }
}
