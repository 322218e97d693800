// SPDX-License-Identifier: GPL-3.0-or-later

/// What an operator needs to give a command: a role, and where.
public struct OperatorPermission: Sendable, Hashable {
  /// What names the project in which a role in a project counts.
  public enum Scope: Sendable, Hashable {
    /// None: the command is about everything.
    case installation
    /// The project itself.
    case project(ProjectName)
    /// The project of a cluster.
    case cluster(ClusterName)
    /// The project of the cluster a node is in or meant for; of a node of none, only an org owner decides.
    case node(NodeName)
    /// The project of a plan's cluster; the plan's id may be shortened.
    case plan(String)
    /// Every project that uses or used a customer key.
    case customerKey(String)
  }

  /// The role.
  public let role: RequiredRole
  /// Where.
  public let scope: Scope

  /// Makes one of its parts.
  public init(_ role: RequiredRole, in scope: Scope) {
    self.role = role
    self.scope = scope
  }
}

extension OperatorCommand {
  /// The one table of which role each command needs. No `default`: a new command has to be decided on here.
  public var permission: OperatorPermission {
    switch self {
    case .listProjects, .listClusters, .listNodes(nil), .keysTree(nil), .keysNeeded, .listPlans(nil), .showIPList,
      .listAlerts, .listPastAlerts, .showRotations(nil), .listOperators, .showCoordinator:
      OperatorPermission(.any, in: .installation)
    case .createProject, .enrollNode, .setMail, .showMail, .testMail, .revokeNode, .addOperator, .removeOperator,
      .setOperatorRole, .adopt, .readAudit:
      OperatorPermission(.orgOwner, in: .installation)
    case .rebuild: OperatorPermission(.orgOwner, in: .installation)
    case .createToken, .listTokens, .withdrawToken: OperatorPermission(.orgOwner, in: .installation)
    case .addMember(let project, _, _), .removeMember(let project, _):
      OperatorPermission(.anyOwner, in: .project(project))
    case .setKMS(let project, _, _), .removeKMS(let project), .setAlerts(let project, _),
      .setKeyAlert(let project, _, _),
      .setMaintenance(let project, _), .setOwners(let project, _):
      OperatorPermission(.project(.projectOwner), in: .project(project))
    case .addAccess(let project, _, _, _, _), .removeAccess(let project, _), .dropAccessList(let project):
      OperatorPermission(.project(.projectOwner), in: .project(project))
    case .retireKey(let key): OperatorPermission(.project(.projectOwner), in: .customerKey(key))
    case .encryptCluster(let cluster), .decryptCluster(let cluster), .createUser(let cluster, _, _),
      .removeUser(let cluster, _), .setUserPassword(let cluster, _), .recover(let cluster, _):
      OperatorPermission(.project(.projectOwner), in: .cluster(cluster))
    case .approveNode(let node): OperatorPermission(.project(.projectOwner), in: .node(node))
    case .createCluster(_, let project, _, _): OperatorPermission(.project(.clusterManager), in: .project(project))
    case .checkKMS(let project): OperatorPermission(.project(.clusterManager), in: .project(project))
    case .startCluster(let cluster), .shutdownCluster(let cluster), .restartCluster(let cluster),
      .addNode(let cluster, _, _), .removeNode(let cluster, _, _), .stepDown(let cluster), .rotateKeys(let cluster),
      .deferRotation(let cluster), .tryAgain(let cluster), .changeCluster(let cluster, _, _, _):
      OperatorPermission(.project(.clusterManager), in: .cluster(cluster))
    case .resyncNode(let node): OperatorPermission(.project(.clusterManager), in: .node(node))
    case .showProject(let project), .showKMS(let project), .listMembers(let project), .listAccess(let project):
      OperatorPermission(.project(.readOnly), in: .project(project))
    case .showCluster(let cluster), .listUsers(let cluster), .showRecovery(let cluster), .listNodes(.some(let cluster)),
      .keysTree(.some(let cluster)), .listPlans(.some(let cluster)), .showRotations(.some(let cluster)):
      OperatorPermission(.project(.readOnly), in: .cluster(cluster))
    case .cancelPlan(let id): OperatorPermission(.project(.clusterManager), in: .plan(id))
    case .showNode(let node): OperatorPermission(.project(.readOnly), in: .node(node))
    case .showPlan(let id): OperatorPermission(.project(.readOnly), in: .plan(id))
    }
  }

  /// What the command is to give an operator, or change of a cluster, for the audit record; nil of any other.
  public var auditDetail: String? {
    switch self {
    case .addOperator(_, _, let role), .setOperatorRole(_, let role): role.title
    case .addMember(_, _, let role): role.title
    case .changeCluster(_, let change, _, _): change.description
    case .createToken(_, let cluster, let project, let key, let minutes):
      "for \(minutes) min, \(Self.purpose(cluster, project)), token \(key)"
    case .enrollNode(_, let cluster, _, let project): project == nil ? nil : Self.purpose(cluster, project)
    default: nil
    }
  }

  private static func purpose(_ cluster: ClusterName?, _ project: ProjectName?) -> String {
    let cluster = cluster.map { "cluster \($0)" } ?? "any cluster"
    return cluster + (project.map { " of project \($0)" } ?? "")
  }
}
