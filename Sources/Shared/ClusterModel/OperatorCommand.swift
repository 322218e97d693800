// SPDX-License-Identifier: GPL-3.0-or-later

/// What an operator asks of the coordinator; one case for each thing the command line can do.
///
/// It travels as JSON (see `OperatorPayload`). The secret of `setKMS` travels beside it and is part of no value.
public enum OperatorCommand: Sendable, Codable, Equatable {
  /// Make a project; its owners are mail addresses.
  case createProject(name: ProjectName, owners: [String])
  /// List all projects.
  case listProjects
  /// Show one project.
  case showProject(name: ProjectName)
  /// Prove these KMS settings and then use them for the project; the secret part of the credentials travels beside.
  /// Settings in force that require private networking are replaced by others only if they do too, or if it is dropped.
  case setKMS(project: ProjectName, settings: KMSSettings, dropsPrivateNetwork: Bool = false)
  /// Show a project's KMS settings, without the secret.
  case showKMS(project: ProjectName)
  /// Check the project's key now and tell the verdict.
  case checkKMS(project: ProjectName)
  /// Admit a node: its name, the cluster it is meant for (nil for any), its CURVE public key in Z85, and the project
  /// whose clusters alone may take it (nil for the cluster's, or any).
  case enrollNode(name: NodeName, cluster: ClusterName?, publicKey: String, project: ProjectName? = nil)
  /// Let a node enrol itself once, within so many minutes, by a token whose public half this is; the secret half stays
  /// with whoever asks.
  case createToken(node: NodeName, cluster: ClusterName?, project: ProjectName?, publicKey: String, minutes: Int)
  /// List tokens, also those that were used or expired not long ago.
  case listTokens
  /// Take back the token of a node that nobody has used.
  case withdrawToken(node: NodeName)
  /// List nodes, all of them or one cluster's.
  case listNodes(cluster: ClusterName?)
  /// Show one node.
  case showNode(name: NodeName)
  /// Copy everything into a new generation of one node.
  case resyncNode(name: NodeName)
  /// Make a cluster of enrolled nodes; no names mean every node enrolled for it.
  case createCluster(name: ClusterName, project: ProjectName, nodes: [NodeName], clusterClass: ClusterClass = .standard)
  /// Change a cluster's class or nodes, which were `present` when it was shown; a dry run only says what would be done.
  case changeCluster(name: ClusterName, change: ClusterChange, present: [NodeName]?, isDryRun: Bool)
  /// List all clusters.
  case listClusters
  /// Show one cluster with its nodes.
  case showCluster(name: ClusterName)
  /// Open the databases of a cluster that was shut down.
  case startCluster(name: ClusterName)
  /// Close the databases of a cluster until it is started.
  case shutdownCluster(name: ClusterName)
  /// Restart every node of a cluster, one after another.
  case restartCluster(name: ClusterName)
  /// Turn customer-key encryption on for a running cluster.
  case encryptCluster(name: ClusterName)
  /// Turn customer-key encryption off for a running cluster.
  case decryptCluster(name: ClusterName)
  /// Take a node into a running cluster; given up again after so many minutes.
  case addNode(cluster: ClusterName, node: NodeName, deadlineMinutes: Int)
  /// Take a node out of a cluster for good; `abandoned` if it is gone and can prove nothing.
  case removeNode(cluster: ClusterName, node: NodeName, abandoned: Bool)
  /// Forget a project's KMS settings; refused while a cluster uses them.
  case removeKMS(project: ProjectName)
  /// Ask the cluster's primary to hand over to a caught-up secondary.
  case stepDown(cluster: ClusterName)
  /// Draw the tree of keys, of everything or of one cluster.
  case keysTree(cluster: ClusterName?)
  /// List every customer key with what depends on it.
  case keysNeeded
  /// Confirm that nothing depends on a customer key, so that it can be deleted in the KMS.
  case retireKey(keyID: String)
  /// Give every node of a cluster a new master key.
  case rotateKeys(cluster: ClusterName)
  /// List plans, newest first, all of them or one cluster's.
  case listPlans(cluster: ClusterName?)
  /// Show one plan; `id` may be the beginning of a plan's id, if it fits only one.
  case showPlan(id: String)
  /// End a plan that creates a cluster or adds a node before its time; `id` may be the beginning of its id.
  case cancelPlan(id: String)
  /// Show the list of addresses.
  case showIPList
  /// Let a range in to a project's clusters, for good or for some hours; `anywhere` confirms every address there is.
  case addAccess(project: ProjectName, range: String, comment: String, hours: Int?, anywhere: Bool)
  /// Take a range off a project's access list.
  case removeAccess(project: ProjectName, range: String)
  /// Drop a project's access list.
  case dropAccessList(project: ProjectName)
  /// Show a project's access list.
  case listAccess(project: ProjectName)
  /// List what needs an operator's attention.
  case listAlerts
  /// List alerts that are over, newest first.
  case listPastAlerts
  /// Turn a project's alert `KMS network access denied` on or off.
  case setAlerts(project: ProjectName, kmsNetworkAccessDenied: Bool)
  /// Set after how many days of one customer's key the alert opens, for one provider or all; 0 for never.
  case setKeyAlert(project: ProjectName, provider: KMSProvider?, days: Int)
  /// Change when a project's clusters are maintained and how old their master keys may become.
  case setMaintenance(project: ProjectName, change: MaintenanceChange)
  /// Put the next rotation of a cluster's master keys off by a week.
  case deferRotation(cluster: ClusterName)
  /// Show when master keys are rotated next, everybody's or one cluster's.
  case showRotations(cluster: ClusterName?)
  /// Name a project's owners anew, by mail address.
  case setOwners(project: ProjectName, owners: [String])
  /// Check the key of a cluster's project now, and let nodes that wait for it try at once.
  case tryAgain(cluster: ClusterName)
  /// Use this mail server; its password travels beside.
  case setMail(server: MailServer)
  /// Show the mail server and what waits to be sent.
  case showMail
  /// Send a mail to this address now and tell how that ended.
  case testMail(to: String)
  /// Make a user of a cluster; what a server keeps of the password travels beside.
  case createUser(cluster: ClusterName, name: DriverUserName, role: DriverRole)
  /// Take a user away.
  case removeUser(cluster: ClusterName, name: DriverUserName)
  /// Give a user another password; what a server keeps of it travels beside.
  case setUserPassword(cluster: ClusterName, name: DriverUserName)
  /// List the users of a cluster.
  case listUsers(cluster: ClusterName)
  /// Vouch for a node: for a second process with its identity, else for its keystore.
  case approveNode(name: NodeName)
  /// Refuse a node's key for good, here and at its peers.
  case revokeNode(name: NodeName)
  /// Let an operator in by a CURVE public key in Z85.
  case addOperator(name: OperatorName, publicKey: String, role: OperatorRole = .member)
  /// Refuse an operator's key for good.
  case removeOperator(name: OperatorName)
  /// Make an operator an org owner, or one no more.
  case setOperatorRole(name: OperatorName, role: OperatorRole)
  /// List operators, also those that were removed.
  case listOperators
  /// Give an operator a role in a project in place of the one there was.
  case addMember(project: ProjectName, admin: OperatorName, role: ProjectRole)
  /// Take an operator's role in a project away.
  case removeMember(project: ProjectName, admin: OperatorName)
  /// List who has which role in a project.
  case listMembers(project: ProjectName)
  /// Show the coordinator itself.
  case showCoordinator
  /// Take nodes as they are after the coordinator was restored from an older copy.
  case adopt(withoutMajority: Bool)
  /// Make projects and clusters again from what nodes report; a dry run only says what could be made.
  case rebuild(isDryRun: Bool)
  /// Read up to `limit` entries of the audit record after the number `after`; the last ones if it is nil.
  case readAudit(after: UInt64?, limit: Int)
  /// Show every member's position of a shard without a majority.
  case showRecovery(cluster: ClusterName)
  /// Go on from one member's log alone: unsafe.
  case recover(cluster: ClusterName, from: NodeName)

  /// The command as the operator typed it, for logs and error texts; never with a secret.
  public var commandName: String {
    switch self {
    case .createProject: "project create"
    case .listProjects: "project list"
    case .showProject: "project show"
    case .setKMS: "kms set"
    case .showKMS: "kms show"
    case .checkKMS: "kms check"
    case .enrollNode: "node enroll"
    case .createToken, .listTokens, .withdrawToken: tokenCommandName
    case .listNodes: "node list"
    case .showNode: "node show"
    case .resyncNode: "node resync"
    case .createCluster: "cluster create"
    case .changeCluster: "cluster change"
    case .listClusters: "cluster list"
    case .showCluster: "cluster show"
    case .startCluster: "cluster start"
    case .shutdownCluster: "cluster shutdown"
    case .restartCluster: "cluster restart"
    case .encryptCluster: "cluster encrypt"
    case .decryptCluster: "cluster decrypt"
    case .removeKMS: "kms remove"
    case .addNode: "cluster add-node"
    case .removeNode(_, _, let abandoned): abandoned ? "cluster remove-node --abandon" : "cluster remove-node"
    case .stepDown: "cluster stepdown"
    case .keysTree: "keys tree"
    case .keysNeeded: "keys needed"
    case .retireKey: "kms retire"
    case .rotateKeys: "keys rotate"
    case .listPlans: "plan list"
    case .showPlan: "plan show"
    case .cancelPlan: "plan cancel"
    case .showIPList: "iplist show"
    case .addAccess: "project access add"
    case .removeAccess: "project access remove"
    case .dropAccessList: "project access off"
    case .listAccess: "project access list"
    case .listAlerts: "alert list"
    case .listPastAlerts: "alert list --past"
    case .setAlerts, .setKeyAlert: "alert set"
    case .setMaintenance: "project maintenance"
    case .deferRotation: "keys defer"
    case .showRotations: "keys schedule"
    case .setOwners: "project owners"
    case .tryAgain: "cluster try-again"
    case .setMail: "mail set"
    case .showMail: "mail show"
    case .testMail: "mail test"
    case .createUser: "user create"
    case .removeUser: "user remove"
    case .setUserPassword: "user password"
    case .listUsers: "user list"
    case .approveNode: "node approve"
    case .revokeNode: "node revoke"
    case .addOperator: "operator add"
    case .removeOperator: "operator remove"
    case .setOperatorRole: "operator role"
    case .listOperators: "operator list"
    case .addMember: "project member add"
    case .removeMember: "project member remove"
    case .listMembers: "project member list"
    case .showCoordinator: "coordinator show"
    case .adopt: "coordinator adopt"
    case .rebuild: "coordinator rebuild"
    case .readAudit: "audit"
    case .showRecovery: "cluster recover"
    case .recover: "cluster recover --confirm"
    }
  }

  private var tokenCommandName: String {
    switch self {
    case .createToken: "node token create"
    case .withdrawToken: "node token withdraw"
    default: "node token list"
    }
  }
}
