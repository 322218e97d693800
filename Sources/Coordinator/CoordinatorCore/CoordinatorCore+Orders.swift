// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

extension CoordinatorCore {
  /// Opens the databases of a cluster that was shut down, and of nodes that failed; a shutdown still under way is given
  /// up.
  public mutating func startCluster(_ name: ClusterName, now: Instant) throws(CoordinatorError) -> Decision<PlanID> {
    var cluster = try self.cluster(name)
    try refuseTwin(of: .start, on: name)
    guard !cluster.running || cluster.members.contains(where: { canBeStarted($0) }) else {
      throw CoordinatorError(
        .refused, "Cluster \(name) is meant to run already, and no node of it is stopped or failed.",
        next: "See it with: keyfold cluster show \(name)")
    }
    cluster.running = true
    put(cluster)
    supersede(.shutDown, on: name, by: "the cluster was started", now: now)
    return order(.start, on: cluster, now: now)
  }

  /// Closes the databases of a cluster until it is started; a start still under way is given up.
  public mutating func shutdownCluster(_ name: ClusterName, now: Instant) throws(CoordinatorError) -> Decision<PlanID> {
    var cluster = try self.cluster(name)
    try refuseTwin(of: .shutDown, on: name)
    guard cluster.running else {
      throw CoordinatorError(
        .refused, "Cluster \(name) is shut down already.", next: "Start it with: keyfold cluster start \(name)")
    }
    if let plan = openPlans(of: name).first(where: { $0.kind == .create }) {
      throw CoordinatorError(
        .conflict, "Cluster \(name) was not shut down.", why: "It is still being made by plan \(plan.id).",
        next: "Watch it with: keyfold plan watch \(plan.id)")
    }
    cluster.running = false
    put(cluster)
    supersede(.start, on: name, by: "the cluster was shut down", now: now)
    return order(.shutDown, on: cluster, now: now)
  }

  /// Restarts every node of a cluster, one after another.
  public mutating func restartCluster(_ name: ClusterName, now: Instant) throws(CoordinatorError) -> Decision<PlanID> {
    let cluster = try runningCluster(name, for: .restart)
    return order(.restart, on: cluster, now: now)
  }

  /// Asks the primary to hand over to a caught-up secondary.
  public mutating func stepDown(_ name: ClusterName, now: Instant) throws(CoordinatorError) -> Decision<PlanID> {
    let cluster = try runningCluster(name, for: .handOver)
    guard cluster.nodes.count > 1 else {
      throw CoordinatorError(.refused, "Cluster \(name) has one node, which can't hand over to another.")
    }
    guard let primary = primary(of: cluster, now: now) else {
      throw CoordinatorError(
        .refused, "Cluster \(name) has no primary that could hand over.",
        next: "See its nodes with: keyfold cluster show \(name)")
    }
    let plan = addPlan(.handOver, on: name, steps: [PlanStep(.handOver, primary)], now: now)
    advance(name, now: now)
    return Decision(plan, flush())
  }

  /// Turns customer-key encryption on for a running cluster: every node re-syncs under keys of its own.
  public mutating func encryptCluster(_ name: ClusterName, now: Instant) throws(CoordinatorError) -> Decision<PlanID> {
    var cluster = try runningCluster(name, for: .encrypt)
    guard !cluster.encrypted || !cluster.encryptionWanted else {
      throw CoordinatorError(
        .refused, "Cluster \(name) is encrypted already.",
        next: "See its keys with: keyfold keys tree --cluster \(name)")
    }
    guard cluster.class.features.customerKeyEncryption else {
      throw CoordinatorError(
        .refused, "Cluster \(name) was not encrypted.",
        why: "class: a cluster of class \(cluster.class.rawValue) has no customer-key encryption; "
          + "\(ClusterClass.encryptable) has.",
        next: "Change its class with: keyfold cluster change \(name) --class \(ClusterClass.encryptable)")
    }
    let project = try self.project(cluster.project)
    guard project.kms != nil, let check = project.lastCheck else {
      throw CoordinatorError(
        .refused, "Cluster \(name) was not encrypted.", why: "Project \(project.name) has no proven KMS settings.",
        next: "Set them with: keyfold kms set \(project.name) …")
    }
    if case .revoked(let reason, _) = check.verdict {
      throw CoordinatorError(
        .refused, "Cluster \(name) was not encrypted.", why: "The key is revoked (\(reason.rawValue)).",
        next: "Give the key back in the KMS, then: keyfold kms check \(project.name)")
    }
    cluster.encryptionWanted = true
    put(cluster)
    supersede(.decrypt, on: name, by: "the cluster is to be encrypted", now: now)
    return order(.encrypt, on: cluster, now: now)
  }

  /// Gives every node of an encrypted cluster a new master key, one node after another, while all of them serve.
  public mutating func rotateMasterKeys(_ name: ClusterName, now: Instant) throws(CoordinatorError) -> Decision<PlanID>
  {
    if var plan = openPlans(of: name).first(where: { $0.kind == .rotateMasterKeys && $0.isAutomatic == true }) {
      // An operator who says now means now: what started by itself is held to the window no longer.
      plan.isAutomatic = false
      put(plan)
      advance(name, now: now)
      return Decision(plan.id, flush())
    }
    let cluster = try runningCluster(name, for: .rotateMasterKeys)
    guard cluster.encrypted, cluster.encryptionWanted else {
      throw CoordinatorError(
        .refused, "The master keys of cluster \(name) were not rotated.",
        why: cluster.encryptionWanted
          ? "It is still being encrypted." : cluster.encrypted ? "It is being decrypted." : "It is not encrypted.",
        next: cluster.encryptionWanted
          ? "Watch its plans with: keyfold plan list --cluster \(name)"
          : "Encrypt it with: keyfold cluster encrypt \(name)")
    }
    return order(.rotateMasterKeys, on: cluster, now: now)
  }

  // MARK: Shared

  func runningCluster(_ name: ClusterName, for kind: PlanKind) throws(CoordinatorError) -> ClusterRecord {
    try refuseTwin(of: kind, on: name)
    return try openCluster(name, for: kind)
  }

  /// The cluster, if it is meant to run, and is not disabled or can queue a plan of this kind.
  func openCluster(_ name: ClusterName, for kind: PlanKind) throws(CoordinatorError) -> ClusterRecord {
    let cluster = try self.cluster(name)
    if let lockout = cluster.lockout, !kind.isQueuedWhileDisabled {
      throw CoordinatorError(
        .refused, "No plan to \(kind.deed) was made for cluster \(name).",
        why: "The cluster is disabled: \(lockout.reason).",
        next: "Give the key back in the KMS, then: keyfold cluster try-again \(name)")
    }
    guard cluster.running else {
      throw CoordinatorError(
        .refused, "No plan to \(kind.deed) was made for cluster \(name).", why: "The cluster is shut down.",
        next: "Start it with: keyfold cluster start \(name)")
    }
    return cluster
  }

  private func refuseTwin(of kind: PlanKind, on name: ClusterName) throws(CoordinatorError) {
    guard let twin = openPlans(of: name).first(where: { $0.kind == kind }) else { return }
    throw CoordinatorError(
      .conflict, "Cluster \(name) has a plan to \(kind.deed) already, which is not finished: \(twin.id).",
      next: "Watch it with: keyfold plan watch \(twin.id)")
  }

  mutating func order(_ kind: PlanKind, on cluster: ClusterRecord, now: Instant) -> Decision<PlanID> {
    let plan = addPlan(kind, on: cluster.name, steps: rollingSteps(kind, of: cluster, now: now), now: now)
    advance(cluster.name, now: now)
    return Decision(plan, flush())
  }

  /// A step for each node, the primary last.
  func rollingSteps(_ kind: PlanKind, of cluster: ClusterRecord, now: Instant) -> [PlanStep] {
    let primary = primary(of: cluster, now: now)
    var order = cluster.nodes.filter { $0 != primary } + cluster.nodes.filter { $0 == primary }
    // One that joins has data to open and to close as soon as its copy is made.
    if kind == .shutDown || kind == .start, let node = cluster.joining, nodeRecords[node]?.generation != nil {
      order.insert(node, at: 0)
    }
    return order.map { PlanStep(kind.work, $0) }
  }

  mutating func addPlan(
    _ kind: PlanKind, on cluster: ClusterName, steps: [PlanStep], reason: String? = nil, now: Instant
  ) -> PlanID {
    let id = PlanID(checked: identifiers.uuid())
    let sequence = index.lastSequence &+ 1
    let plan = PlanRecord(
      id: id, sequence: sequence, kind: kind, cluster: cluster, steps: steps, createdAt: now,
      reason: reason.map { Self.bounded($0) })
    put(plan)
    notePlan(plan, now: now)
    return id
  }

  mutating func supersede(_ kind: PlanKind, on cluster: ClusterName, by reason: String, now: Instant) {
    for plan in openPlans(of: cluster) where plan.kind == kind {
      end(plan.id, .superseded(reason: reason), now: now)
    }
  }

  /// The plans of a cluster that are not finished, in the order they wait.
  func openPlans(of cluster: ClusterName) -> [PlanRecord] {
    (index.openPlans[cluster] ?? []).compactMap { planRecords[$0] }.sorted { $0.sequence < $1.sequence }
  }
}
