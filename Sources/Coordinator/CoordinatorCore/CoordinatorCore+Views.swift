// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// What the core knows, for operators.
extension CoordinatorCore {
  /// A project as an operator sees it.
  public func view(of project: ProjectRecord) -> ProjectView {
    var view = ProjectView(
      name: project.name, createdAt: OperatorTime(milliseconds: project.createdAt.milliseconds),
      clusters: clusters(of: project.name).map(\.name), kms: kmsView(of: project))
    view.kmsNetworkAccessDenied = wants(.kmsUnreachable, project.name)
    view.maintenance = maintenanceView(of: project)
    view.keySince = project.kms == nil ? nil : project.keySince.map { OperatorTime(milliseconds: $0.milliseconds) }
    return view
  }

  /// A project's KMS settings as an operator sees them, nil if none are set.
  public func kmsView(of project: ProjectRecord) -> KMSView? {
    project.kms.map { settings in
      var view = KMSView(
        project: project.name, settings: settings, settingsVersion: project.settingsVersion,
        lastCheck: project.lastCheck.map { Self.view(of: $0) })
      view.trouble = project.trouble.map { troubleView($0, settings: settings, project: project.name) }
      view.vantagePoints = vantagePoints(of: project)
      view.formerKeys = formerKeyViews(of: project)
      return view
    }
  }

  /// A node as an operator sees it at `now`.
  public func view(of node: NodeRecord, now: Instant) -> NodeView {
    var view = NodeView(
      name: node.name, cluster: node.cluster ?? node.intendedCluster, publicKey: node.publicKey,
      enrolledAt: OperatorTime(milliseconds: node.enrolledAt.milliseconds),
      connected: isHeard(node.name, now: now),
      lastHeardAt: lastHeard(node.name).map { OperatorTime(milliseconds: $0.milliseconds) },
      report: report(of: node.name), distrust: node.distrust, initialSync: syncText(of: node.name),
      secondBoot: waitingReport(of: node.name)?.boot,
      nowMilliseconds: now.milliseconds)
    view.restartProofAgeSeconds = restartProofAge(of: node.name, now: now).map { $0.wholeMilliseconds / 1000 }
    if let check = contacts[node.name]?.lastCheck { view.lastCheck = Self.view(of: check) }
    view.project = node.project
    view.revokedAt = node.revokedAt.map { OperatorTime(milliseconds: $0.milliseconds) }
    return view
  }

  /// A cluster as an operator sees it at `now`.
  public func view(of cluster: ClusterRecord, now: Instant) -> ClusterView {
    let (state, reason) = state(of: cluster, now: now)
    let encryption =
      switch (cluster.encrypted, cluster.encryptionWanted) {
      case (true, true): "on"
      case (true, false): "turning off"
      case (false, true): "turning on"
      case (false, false): openPlans(of: cluster.name).contains { $0.kind == .decrypt } ? "turning off" : "off"
      }
    var shown = ClusterView(
      name: cluster.name, project: cluster.project, running: cluster.running, state: state, reason: reason,
      encryption: encryption, primary: primary(of: cluster, now: now), connectionString: connectionString(of: cluster),
      nodes: cluster.everyone.compactMap { nodeRecords[$0] }.map { view(of: $0, now: now) },
      openPlans: openPlans(of: cluster.name).map(\.id))
    shown.rotation = rotation(of: cluster, now: now)
    explainKey(of: cluster, in: &shown)
    shown.keyChange = keyChangeText(of: cluster)
    shown.clusterClass = cluster.class
    shown.change = pendingChange(of: cluster)
    return shown
  }

  /// A plan as an operator sees it at `now`.
  public func view(of plan: PlanRecord, now: Instant) -> PlanView {
    let reason = plan.outcome?.reason ?? waiting[plan.id]
    return PlanView(
      id: plan.id, kind: plan.kind.title, cluster: plan.cluster, state: state(of: plan), waitingReason: reason,
      createdAt: OperatorTime(milliseconds: plan.createdAt.milliseconds),
      finishedAt: plan.finishedAt.map { OperatorTime(milliseconds: $0.milliseconds) },
      steps: plan.steps.map { view(of: $0, in: plan, now: now) }, reason: plan.reason)
  }

  /// The tree of keys, of everything or of one cluster.
  public func keysTree(of only: ClusterName?, now: Instant) -> KeysTreeView {
    var plain: [PlainNodeView] = []
    var below: [String: [MasterKeyView]] = [:]
    for cluster in clusters where only == nil || only == cluster.name {
      for node in cluster.everyone.sorted() {
        guard let (customerKey, key) = masterKey(of: node, in: cluster.name, now: now) else {
          plain.append(PlainNodeView(cluster: cluster.name, node: node, reason: plainReason(node)))
          continue
        }
        below[customerKey, default: []].append(key)
      }
    }
    let keys = below.keys.sorted().map { key in
      let owners = projects.filter { $0.kms.map { CustomerKey.isSame($0.keyID, key) } ?? false }
      let former = projects.lazy.flatMap(\.neededKeys).first { CustomerKey.isSame($0.keyID, key) }
      var view = CustomerKeyView(
        keyID: key, provider: owners.first?.kms?.provider ?? former?.settings?.provider, projects: owners.map(\.name),
        lastCheck: (owners.first?.lastCheck ?? former?.lastCheck).map { Self.view(of: $0) },
        masterKeys: below[key] ?? [])
      if owners.isEmpty, former != nil { view.note = "rotation in progress, do not disable this key" }
      return view
    }
    return KeysTreeView(customerKeys: keys, plainNodes: plain, drawnAt: OperatorTime(milliseconds: now.milliseconds))
  }

  /// The coordinator itself as an operator sees it at `now`.
  public func coordinatorView(now: Instant) -> CoordinatorView {
    let ahead = nodesAhead.map { node in
      CoordinatorView.NodeAhead(
        node: node.name, reason: node.distrust ?? "",
        isAdoptable: restoration != nil && isProvenAhead(node.name, now: now))
    }
    let learning = clusters.compactMap { cluster in
      unlearned(cluster).map { CoordinatorView.Unlearned(cluster: cluster.name, reason: $0) }
    }
    return CoordinatorView(
      epoch: epoch.number, startedAt: OperatorTime(milliseconds: startedAt.milliseconds),
      restoredSince: restoration.map { OperatorTime(milliseconds: $0.since.milliseconds) },
      epochSeen: restoration?.seen.number, nodesAhead: ahead, unlearned: learning)
  }

  /// The alerts that are open, newest first.
  public var alertViews: [AlertView] { alerts.filter { $0.closedAt == nil }.map { Self.view(of: $0) } }

  /// The alerts that are over and still remembered, newest first.
  public var pastAlertViews: [AlertView] { alerts.filter { $0.closedAt != nil }.map { Self.view(of: $0) } }

  /// A check as an operator sees it.
  static func view(of check: CheckReport) -> CheckView {
    var view = CheckView(check.verdict, startedAtMilliseconds: check.startedAtMilliseconds)
    view.answeredElsewhere = check.answeredElsewhere
    return view
  }
}

// MARK: - Parts

extension CoordinatorCore {
  private func state(of cluster: ClusterRecord, now: Instant) -> (String, String?) {
    if let lockout = cluster.lockout { return ("disabled", lockout.reason) }
    let open = openPlans(of: cluster.name)
    if let plan = open.first(where: { $0.kind == .create }) { return ("creating", waiting[plan.id]) }
    if !cluster.running {
      let plan = open.first { $0.kind == .shutDown }
      return (plan == nil ? "stopped" : "stopping", plan.flatMap { waiting[$0.id] })
    }
    let reason =
      unlearned(cluster) ?? cluster.nodes.lazy.compactMap { self.blocker(at: $0, in: cluster, now: now) }.first
    if primary(of: cluster, now: now) == nil { return ("no primary", reason) }
    return (reason == nil ? "serving" : "degraded", reason)
  }

  private func connectionString(of cluster: ClusterRecord) -> String? {
    // Where nothing is bound yet nobody can connect.
    let addresses = cluster.nodes.compactMap { report(of: $0) }.filter { $0.driverPort?.waiting == nil }
      .map(\.driverAddress).filter { !$0.isEmpty }
    let isTLS = cluster.nodes.contains { report(of: $0)?.driverPort?.tls == .required }
    return addresses.isEmpty
      ? nil : "mongodb://\(addresses.joined(separator: ","))/?replicaSet=\(cluster.name)\(isTLS ? "&tls=true" : "")"
  }

  private func state(of plan: PlanRecord) -> PlanView.State {
    switch plan.outcome {
    case .succeeded: .done
    case .superseded, .rolledBack, .gaveUp: .failed
    case nil: waiting[plan.id] != nil || plan.isAtBoundary ? .waiting : .running
    }
  }

  private func view(of step: PlanStep, in plan: PlanRecord, now: Instant) -> PlanStepView {
    let work = step.node.flatMap { report(of: $0)?.work }.flatMap { $0.command == step.command?.id ? $0 : nil }
    let attempts = step.attempts > 1 ? "asked \(step.attempts) times" : ""
    let state: PlanStepView.State =
      switch step.state {
      case .done: .done
      case .pending: plan.isOpen ? .pending : .failed
      case .running: !plan.isOpen ? .failed : work == nil && waiting[plan.id] != nil ? .waiting : .running
      }
    return PlanStepView(
      title: step.kind.title, node: step.subject ?? step.node, state: state, detail: work?.stage ?? attempts,
      startedAt: step.startedAt.map { OperatorTime(milliseconds: $0.milliseconds) },
      finishedAt: step.finishedAt.map { OperatorTime(milliseconds: $0.milliseconds) },
      progress: work.map { ProgressView($0, nowMilliseconds: now.milliseconds) })
  }

  private func masterKey(of node: NodeName, in cluster: ClusterName, now: Instant) -> (String, MasterKeyView)? {
    guard let generation = nodeRecords[node]?.generation, generation.encrypted, let id = generation.masterKeyID,
      let customerKey = generation.customerKeyID
    else { return nil }
    var view = MasterKeyView(
      id: id, cluster: cluster, node: node, createdAt: OperatorTime(known: generation.masterKeyCreatedAtMilliseconds),
      checkValue: generation.masterKeyCheckValue, keystoreVersion: generation.keystoreVersion,
      state: isServing(node, now: now) ? "in use" : "sealed", keys: keys(of: node).map { KeyView($0) })
    view.restartProofAgeSeconds = restartProofAge(of: node, now: now).map { $0.wholeMilliseconds / 1000 }
    return (customerKey, view)
  }

  private func plainReason(_ node: NodeName) -> String {
    guard let report = report(of: node) else { return "never heard from" }
    return report.generation == nil ? "no data yet" : "not encrypted"
  }
}
