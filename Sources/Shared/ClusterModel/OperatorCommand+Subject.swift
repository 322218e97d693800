// SPDX-License-Identifier: GPL-3.0-or-later

extension OperatorCommand {
  /// What the command is about, for the audit record: a project, cluster, node, user or plan; empty for everything.
  public var subject: String {
    switch self {
    case .createProject(let name, _), .showProject(let name): name.text
    case .setKMS(let project, _, _), .showKMS(let project), .checkKMS(let project), .removeKMS(let project),
      .setAlerts(let project, _), .setOwners(let project, _), .setKeyAlert(let project, _, _),
      .setMaintenance(let project, _), .listMembers(let project):
      project.text
    case .addAccess(let project, let range, _, _, _), .removeAccess(let project, let range): "\(project): \(range)"
    case .dropAccessList(let project), .listAccess(let project): project.text
    case .enrollNode(let name, _, _, _), .showNode(let name), .resyncNode(let name), .approveNode(let name),
      .revokeNode(let name), .createToken(let name, _, _, _, _), .withdrawToken(let name):
      name.text
    case .addOperator(let name, _, _), .removeOperator(let name), .setOperatorRole(let name, _): name.text
    case .addMember(let project, let name, _), .removeMember(let project, let name): "\(project): \(name)"
    case .createCluster(let name, _, _, _), .changeCluster(let name, _, _, _), .showCluster(let name),
      .startCluster(let name), .shutdownCluster(let name),
      .restartCluster(let name), .encryptCluster(let name), .decryptCluster(let name),
      .tryAgain(let name):
      name.text
    case .stepDown(let cluster), .rotateKeys(let cluster), .deferRotation(let cluster), .listUsers(let cluster),
      .showRecovery(let cluster),
      .recover(let cluster, _):
      cluster.text
    case .addNode(let cluster, let node, _), .removeNode(let cluster, let node, _): "\(cluster): \(node)"
    case .createUser(let cluster, let name, _), .removeUser(let cluster, let name),
      .setUserPassword(let cluster, let name):
      "\(cluster): \(name)"
    case .listNodes(let cluster), .keysTree(let cluster), .listPlans(let cluster), .showRotations(let cluster):
      cluster?.text ?? ""
    case .showPlan(let id), .cancelPlan(let id): id
    case .retireKey(let key): key
    case .showCoordinator, .adopt, .rebuild: "coordinator"
    case .setMail(let server): server.host
    case .testMail(let address): address
    case .listProjects, .listClusters, .showIPList, .listAlerts, .listPastAlerts, .showMail, .readAudit,
      .keysNeeded, .listOperators, .listTokens:
      ""
    }
  }
}
