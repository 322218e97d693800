// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import Secrets

extension OperatorCommand {
  /// Whether it changes something or asks a KMS.
  var isOrder: Bool {
    switch self {
    case .setKMS, .checkKMS, .createProject, .enrollNode, .createToken, .withdrawToken, .createCluster, .startCluster,
      .shutdownCluster,
      .restartCluster, .encryptCluster, .stepDown, .rotateKeys, .resyncNode, .createUser, .removeUser, .setUserPassword,
      .decryptCluster, .removeKMS, .addNode, .removeNode, .approveNode, .adopt, .recover, .tryAgain, .setAlerts,
      .setKeyAlert, .setMaintenance, .deferRotation, .setOwners, .setMail, .testMail, .retireKey, .revokeNode,
      .addOperator, .removeOperator, .setOperatorRole, .addMember, .removeMember, .addAccess, .removeAccess,
      .dropAccessList, .cancelPlan:
      true
    case .changeCluster(_, _, _, let isDryRun), .rebuild(let isDryRun): !isDryRun
    case .listProjects, .showProject, .showKMS, .listNodes, .showNode, .listClusters, .showCluster, .keysTree,
      .listPlans, .showPlan, .showIPList, .listAlerts, .listUsers, .showCoordinator, .readAudit, .showRecovery,
      .listPastAlerts, .showMail, .keysNeeded, .showRotations, .listOperators, .listTokens, .listMembers, .listAccess:
      false
    }
  }
}

/// One operator's command after another, in the core's terms.
extension Coordinator {
  /// Does what is asked; nil if the answer comes later, from a call to a KMS.
  func answer(
    _ command: OperatorCommand, of name: OperatorName, secret: Secret?, asker: Asker
  ) throws -> OperatorAnswer? {
    if let answer = try answerOnTrust(command, of: name) { return answer }
    if let answer = try answerOnRoles(command) { return answer }
    if let answer = try answerOnTokens(command, of: name) { return answer }
    if let answer = try answerOnMaintenance(command, of: name) { return answer }
    if let answer = try answerOnAccess(command) { return answer }
    switch command {
    case .setKMS(let project, let settings, let dropsPrivateNetwork):
      try startProof(
        of: project, settings: settings, dropsPrivateNetwork: dropsPrivateNetwork, secret: secret, asker: asker,
        by: name)
      return nil
    case .checkKMS(let project):
      try startCheck(of: project, asker: asker) { core, now throws(CoordinatorError) in
        try core.checkKMS(project, now: now).directives
      }
      return nil
    case .tryAgain(let cluster):
      let project = try found { () throws(CoordinatorError) in try core.cluster(named: cluster) }.project
      try startCheck(of: project, asker: asker) { core, now throws(CoordinatorError) in
        try core.tryAgain(cluster, now: now).directives
      }
      return nil
    case .decryptCluster(let cluster): return try startDecryption(of: cluster, asker: asker, by: name)
    case .setMail(let server): return try setMail(server, password: secret)
    case .testMail(let address):
      try startMailTest(to: address, asker: asker)
      return nil
    case .createUser, .removeUser, .setUserPassword, .listUsers:
      try startUserRequest(command, credential: secret, asker: asker)
      return nil
    case .createProject(let project, let owners):
      return .project(
        view(
          of: try performed { () throws(CoordinatorError) in
            try core.createProject(project, owners: owners, by: name, now: now)
          }))
    case .changeCluster(let cluster, let change, let present, let isDryRun):
      return try self.change(cluster, change, present: present, isDryRun: isDryRun)
    default: return command.isOrder ? try order(command) : try look(command)
    }
  }

  private func startCheck(
    of project: ProjectName, asker: Asker,
    _ decide: (inout CoordinatorCore, Instant) throws(CoordinatorError) -> [CoordinatorDirective]
  ) throws {
    let directives: [CoordinatorDirective]
    do { directives = try decide(&core, now) } catch { throw Self.failure(error) }
    // Before the directives are performed: a check that can't be made answers at once.
    checkAskers[project, default: []].append(asker)
    try perform(directives)
  }

  /// Commands that change something.
  private func order(_ command: OperatorCommand) throws -> OperatorAnswer? {
    let now = now
    switch command {
    case .setOwners(let name, let owners):
      let project = try performed { () throws(CoordinatorError) in
        try core.setOwners(owners, of: name, now: now)
      }
      return .project(view(of: project))
    case .setAlerts(let name, let isOn):
      let project = try performed { () throws(CoordinatorError) in
        try core.setAlerts(name, kmsNetworkAccessDenied: isOn, now: now)
      }
      return .project(view(of: project))
    case .retireKey(let key):
      return .keyNeed(try performed { () throws(CoordinatorError) in try core.retireKey(key, now: now) })
    case .enrollNode(let name, let cluster, let key, let project):
      let node = try performed { () throws(CoordinatorError) in
        try core.enrollNode(name, cluster: cluster, project: project, publicKey: key, now: now)
      }
      return .node(core.view(of: node, now: now))
    case .createCluster(let name, let project, let nodes, let clusterClass):
      return try plan { () throws(CoordinatorError) in
        try core.createCluster(name, project: project, nodes: nodes, clusterClass: clusterClass, now: now)
      }
    case .startCluster(let name):
      return try plan { () throws(CoordinatorError) in try core.startCluster(name, now: now) }
    case .shutdownCluster(let name):
      return try plan { () throws(CoordinatorError) in try core.shutdownCluster(name, now: now) }
    case .restartCluster(let name):
      return try plan { () throws(CoordinatorError) in try core.restartCluster(name, now: now) }
    case .encryptCluster(let name):
      return try plan { () throws(CoordinatorError) in try core.encryptCluster(name, now: now) }
    case .addNode(let cluster, let node, let minutes):
      return try plan { () throws(CoordinatorError) in
        try core.addNode(node, to: cluster, deadline: .seconds(60) * minutes, now: now)
      }
    case .removeNode(let cluster, let node, let abandoned):
      return try plan { () throws(CoordinatorError) in
        try core.removeNode(node, from: cluster, abandoned: abandoned, now: now)
      }
    case .removeKMS(let name): return .project(view(of: try removeKMS(name)))
    case .cancelPlan(let id):
      return try plan { () throws(CoordinatorError) in try core.cancelPlan(id, now: now) }
    case .stepDown(let name):
      return try plan { () throws(CoordinatorError) in try core.stepDown(name, now: now) }
    case .resyncNode(let name):
      return try plan { () throws(CoordinatorError) in try core.resyncNode(name, now: now) }
    case .rotateKeys(let name):
      return try plan { () throws(CoordinatorError) in try core.rotateMasterKeys(name, now: now) }
    default: return nil
    }
  }

  /// Commands that only look.
  private func look(_ command: OperatorCommand) throws(OperatorFailure) -> OperatorAnswer? {
    let now = now
    switch command {
    case .listProjects: return .projects(core.projects.map { view(of: $0) })
    case .showProject(let name):
      return .project(view(of: try found { () throws(CoordinatorError) in try core.project(named: name) }))
    case .showKMS(let name):
      _ = try found { () throws(CoordinatorError) in try core.project(named: name) }
      return kmsAnswer(name)
    case .listNodes(let cluster):
      if let cluster { _ = try found { () throws(CoordinatorError) in try core.cluster(named: cluster) } }
      let nodes = core.nodes.filter { cluster == nil || $0.cluster == cluster }
      return .nodes(nodes.map { core.view(of: $0, now: now) })
    case .showNode(let name):
      return .node(core.view(of: try found { () throws(CoordinatorError) in try core.node(named: name) }, now: now))
    case .listClusters: return .clusters(core.clusters.map { core.view(of: $0, now: now) })
    case .showCluster(let name):
      return .cluster(
        core.view(of: try found { () throws(CoordinatorError) in try core.cluster(named: name) }, now: now))
    case .keysTree(let cluster):
      if let cluster { _ = try found { () throws(CoordinatorError) in try core.cluster(named: cluster) } }
      return .keysTree(core.keysTree(of: cluster, now: now))
    case .keysNeeded: return .keysNeeded(core.keysNeeded())
    case .listPlans(let cluster):
      if let cluster { _ = try found { () throws(CoordinatorError) in try core.cluster(named: cluster) } }
      return .plans(core.plans.filter { cluster == nil || $0.cluster == cluster }.map { view(of: $0, now: now) })
    case .showPlan(let id):
      return .plan(view(of: try found { () throws(CoordinatorError) in try core.plan(named: id) }, now: now))
    case .showIPList: return .ipList(core.ipListView(now: now))
    case .listAlerts: return .alerts(core.alertViews)
    case .showMail: return .mail(core.mailView)
    case .listPastAlerts: return .alerts(core.pastAlertViews)
    default: return nil
    }
  }

  func plan(_ decide: () throws(CoordinatorError) -> Decision<PlanID>) throws -> OperatorAnswer {
    let id = try performed(decide)
    let plan = try found { () throws(CoordinatorError) in try core.plan(named: id.text) }
    return .plan(view(of: plan, now: now))
  }

  private func change(
    _ name: ClusterName, _ change: ClusterChange, present: [NodeName]?, isDryRun: Bool
  ) throws -> OperatorAnswer {
    if isDryRun {
      return .clusterChange(
        try found { () throws(CoordinatorError) in try core.examine(change, of: name, present: present) })
    }
    let now = now
    return .clusterChange(
      try performed { () throws(CoordinatorError) in
        try core.changeCluster(name, change, present: present, now: now)
      })
  }

  func view(of project: ProjectRecord) -> ProjectView {
    var view = core.view(of: project)
    view.owners = project.owners
    return view
  }

  private func view(of plan: PlanRecord, now: Instant) -> PlanView {
    var view = core.view(of: plan, now: now)
    if case .superseded = plan.outcome { view.state = .superseded }
    return view
  }

  /// A project's KMS settings as they are in force now.
  func kmsAnswer(_ name: ProjectName) -> OperatorAnswer {
    guard let project = try? core.project(named: name), let settings = project.kms,
      var kms = core.kmsView(of: project)
    else {
      return .failure(
        OperatorFailure(
          .notFound, what: "Project \(name) has no KMS settings.",
          next: "Set them with: keyfold kms set \(name) --provider aws --key ARN …"))
    }
    kms.privateNetwork?.endpoints = surroundings.endpoints(settings)
    return .kms(kms)
  }
}
