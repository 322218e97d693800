// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// Initial sync: the way back for a member that is damaged, empty or too far behind.
///
/// It replaces what a node has by a copy of what the others have, so it is begun only while the shard has a healthy
/// majority without that node: then nothing that was acknowledged can be only there. Otherwise nothing is guessed.
extension CoordinatorCore {
  /// Copies everything into a new generation of one node, because an operator asked.
  public mutating func resyncNode(_ name: NodeName, now: Instant) throws(CoordinatorError) -> Decision<PlanID> {
    guard let record = nodeRecords[name] else {
      throw CoordinatorError(.notFound, "There is no node \(name).", next: "See all with: keyfold node list")
    }
    guard let cluster = record.cluster else {
      throw CoordinatorError(
        .refused, "Node \(name) was not re-synced.", why: "It belongs to no cluster.",
        next: "Make one with: keyfold cluster create")
    }
    if let plan = syncPlan(of: name, in: cluster) {
      throw CoordinatorError(
        .conflict, "Node \(name) has a plan for an initial sync already, which is not finished: \(plan.id).",
        next: "Watch it with: keyfold plan watch \(plan.id)")
    }
    let members = try openCluster(cluster, for: .initialSync).nodes
    guard members.contains(name) else {
      throw CoordinatorError(
        .refused, "Node \(name) was not re-synced.", why: "It is joining cluster \(cluster), or leaving it.",
        next: "Watch that with: keyfold plan list --cluster \(cluster)")
    }
    guard members.count > 1 else {
      throw CoordinatorError(
        .refused, "Node \(name) was not re-synced.", why: "Cluster \(cluster) has no other member to copy from.")
    }
    let plan = addPlan(.initialSync, on: cluster, steps: [PlanStep(.initialSync, name)], now: now)
    advance(cluster, now: now)
    return Decision(plan, flush())
  }

  /// The open plan for an initial sync of a node.
  func syncPlan(of node: NodeName, in cluster: ClusterName) -> PlanRecord? {
    openPlans(of: cluster).first { plan in
      plan.kind == .initialSync && plan.steps.contains { $0.kind == .initialSync && $0.node == node }
    }
  }

  /// What is wrong with a node that only a copy can put right, nil if nothing, or if it is not heard.
  func syncReason(of node: NodeName, now: Instant) -> String? {
    guard let contact = contacts[node], contact.isHeard(now: now), let report = contact.report else { return nil }
    if case .failed = report.phase, let damage = report.damage.first {
      return "\(damage.file) is damaged: \(damage.reason)"
    }
    if case .notApproved = report.phase, let record = nodeRecords[node], record.isKeystoreLost == true {
      return record.distrust
    }
    if report.phase == .empty, let lost = nodeRecords[node]?.generation {
      return "its data directory is empty, but it held generation \(lost.id)"
    }
    if report.replication?.needsInitialSync == true {
      return "it is so far behind that the primary's oplog no longer reaches back to it"
    }
    return nil
  }

  /// The open alert of a node that needs a copy, for `node show`.
  func syncText(of node: NodeName) -> String? {
    openAlert(.initialSync, subject: node.text)?.text
  }

  // MARK: Making plans

  mutating func planInitialSyncs(of name: ClusterName, now: Instant) {
    guard let cluster = clusterRecords[name], cluster.lockout == nil, cluster.running, cluster.nodes.count > 1,
      !openPlans(of: name).contains(where: { $0.kind == .create })
    else { return }
    for node in cluster.nodes {
      withdrawSync(of: node, in: cluster, now: now)
      guard let reason = syncReason(of: node, now: now), syncPlan(of: node, in: name) == nil,
        recentSyncs(of: node, in: name, now: now) < CoordinatorLimits.initialSyncsPerWindow
      else { continue }
      _ = addPlan(.initialSync, on: name, steps: [PlanStep(.initialSync, node)], reason: reason, now: now)
    }
  }

  /// A node that came back without the copy (somebody put its files back, or made room) needs none any more, unless it
  /// is plain in a cluster that is encrypted and is to stay so.
  private mutating func withdrawSync(of node: NodeName, in cluster: ClusterRecord, now: Instant) {
    guard let plan = syncPlan(of: node, in: cluster.name), plan.reason != nil,
      let report = contacts[node]?.report, blocker(at: node, in: cluster, now: now) == nil,
      !cluster.encrypted || !cluster.encryptionWanted || report.generation?.encrypted == true,
      let step = plan.steps.first(where: { $0.kind == .initialSync && $0.node == node })
    else { return }
    if case .initialSync(let order) = step.command?.action, order.replacing != report.generation?.id { return }
    end(plan.id, .superseded(reason: "the node came back by itself"), now: now)
  }

  private func recentSyncs(of node: NodeName, in cluster: ClusterName, now: Instant) -> Int {
    planRecords.values.count { plan in
      plan.kind == .initialSync && plan.cluster == cluster
        && now.isWithin(CoordinatorLimits.initialSyncWindow, after: plan.createdAt)
        && plan.steps.contains { $0.kind == .initialSync && $0.node == node }
    }
  }

  /// The alert of a node that needs a copy: what is wrong, and what is being done about it.
  mutating func watchInitialSyncs(of name: ClusterName, now: Instant) {
    guard let cluster = clusterRecords[name] else { return }
    for node in cluster.nodes {
      let plan = syncPlan(of: node, in: name)
      guard let reason = syncReason(of: node, now: now) ?? plan?.reason else {
        if contacts[node]?.isHeard(now: now) == true { closeAlert(.initialSync, subject: node.text, now: now) }
        continue
      }
      openAlert(
        .initialSync, subject: node.text,
        text:
          "Node \(node) of cluster \(name) needs an initial sync: \(reason). \(remedy(for: node, plan, in: cluster))",
        now: now)
    }
  }

  private func remedy(for node: NodeName, _ plan: PlanRecord?, in cluster: ClusterRecord) -> String {
    guard let plan else {
      if cluster.nodes.count == 1 { return "There is no other member to copy from: restore it from a copy of yours." }
      if let lockout = cluster.lockout { return "Nothing is done while the cluster is disabled: \(lockout.reason)." }
      if !cluster.running { return "Nothing is done while the cluster is shut down." }
      if openPlans(of: cluster.name).contains(where: { $0.kind == .create }) {
        return "Nothing is done while the cluster is still being made."
      }
      return
        "It was re-synced \(CoordinatorLimits.initialSyncsPerWindow) times within an hour: look at its disk, then: "
        + "keyfold node resync \(node)"
    }
    let short = plan.id.text.prefix(8)
    if let reason = waiting[plan.id] { return "Plan \(short) can't go on: \(reason)." }
    return "Plan \(short) copies everything anew from another member; what it has is destroyed once the copy is whole."
  }

  // MARK: The plan's moves

  func moveOfInitialSync(_ plan: PlanRecord, _ pending: [Int], in cluster: ClusterRecord, now: Instant) -> PlanMove {
    let index = pending.first { plan.steps[$0].kind != .initialSync } ?? pending[0]
    let step = plan.steps[index]
    if let reason = hindrance(to: step, in: cluster, now: now) { return .wait(reason) }
    guard step.kind == .initialSync, let node = step.node else { return .begin([index]) }
    if cluster.encryptionWanted, let reason = keyTrouble(of: cluster, at: node) { return .wait(reason) }
    if primary(of: cluster, now: now) == node, plan.steps.count < CoordinatorLimits.maximumSteps {
      return .insert(PlanStep(.handOver, node))
    }
    return .begin([index])
  }

  /// Why a node can't be asked to copy now. One that serves and is well keeps its old generation until the new one is
  /// whole, so the others only have to be well. One that is only behind has lost nothing: the primary's copy saves it
  /// the way through the oplog, as a snapshot of Raft does, and the shard may not commit anything without it. One that
  /// has lost its data leaves the shard to the majority without it.
  func hindranceToInitialSync(of node: NodeName, in cluster: ClusterRecord, now: Instant) -> String? {
    guard let report = contacts[node]?.report else { return "waiting for \(node)" }
    switch report.phase {
    case .serving, .failed, .empty, .notApproved: break
    default: return "waiting for \(node): \(Self.words(report.phase))"
    }
    if let reason = lackOfRoom(at: node, in: cluster) { return reason }
    let others = cluster.nodes.filter { $0 != node }
    let troubles = others.map { blocker(at: $0, in: cluster, now: now) }
    if report.phase == .serving, report.replication?.needsInitialSync != true {
      return troubles.compactMap { $0 }.first
    }
    if report.phase == .serving {
      guard let primary = primary(of: cluster, now: now), primary != node else { return "no other node is primary" }
      return nil
    }
    let well = Set(zip(others, troubles).filter { $0.1 == nil }.map(\.0))
    if let primary = primary(of: cluster, now: now), primary != node {
      let voters = voters(of: cluster, asSaidBy: primary)
      if well.count(where: voters.contains) >= voters.count / 2 + 1 { return nil }
    }
    let why = troubles.compactMap { $0 }.first ?? "no node is primary"
    return "the shard has no healthy majority without \(node), so nothing is guessed (\(why)); "
      + "put the right files back, then: keyfold cluster start \(cluster.name); only if they are gone for good: "
      + "keyfold cluster recover \(cluster.name)"
  }

  /// Who votes in a shard. A member's word is asked for only after an operator had the shard go on from one member:
  /// then the others vote again one by one, as they catch up.
  private func voters(of cluster: ClusterRecord, asSaidBy primary: NodeName) -> [NodeName] {
    let wentOnAlone = planRecords.values.contains {
      $0.cluster == cluster.name && $0.kind == .recover && $0.outcome == .succeeded
    }
    guard wentOnAlone, let voters = contacts[primary]?.report?.replication?.voters, voters.contains(primary) else {
      return cluster.nodes
    }
    return voters
  }

  func syncOrder(for node: NodeName, report: NodeReport, in cluster: ClusterRecord) -> InitialSyncOrder {
    let others = cluster.nodes.filter { $0 != node }
    let places = others.compactMap { name in contacts[name]?.report?.replication.map { (name, $0) } }
    let secondaries = places.filter { $0.1.role == .secondary && !$0.1.isRecovering && !$0.1.needsInitialSync }
      .sorted { $0.1.appliedIndex > $1.1.appliedIndex }
    let sources = secondaries + places.filter { $0.1.role == .primary }
    // One that never was a member of anything has no vote that it could have forgotten.
    let isNew = nodeRecords[node].map { $0.generation == nil && $0.formerGenerations.isEmpty } ?? false
    return InitialSyncOrder(
      encrypted: cluster.encryptionWanted, replacing: report.generation?.id, sources: sources.map(\.0),
      lostTerm: isNew
        ? 0 : ((places.map(\.1.term) + [report.replication?.term ?? 0]).max() ?? 0) &+ CoordinatorLimits.unseenTerms)
  }

  /// Whether the node has a new generation and is a full member again.
  func isSynced(_ step: PlanStep, _ report: NodeReport, in cluster: ClusterRecord, now: Instant) -> Bool {
    guard case .initialSync(let order) = step.command?.action, report.phase == .serving,
      let generation = report.generation, generation.id != order.replacing, generation.encrypted == order.encrypted,
      report.work == nil, report.supersededGenerations == 0, let node = step.node
    else { return false }
    return blocker(at: node, in: cluster, now: now) == nil
  }

  /// What is being done without any need to ask again: asked anew, the node would copy once more.
  func syncUnderWay(_ step: PlanStep, _ report: NodeReport) -> String? {
    switch report.phase {
    case .opening, .awaitingKMS: return "waiting for \(report.node): \(Self.words(report.phase))"
    case .serving:
      guard case .initialSync(let order) = step.command?.action, isMade(order, report) else {
        // Neither what was to be replaced nor what was ordered: the order went out by a report older than the
        // generation, and the node refuses it until it names what is there.
        return nil
      }
      return "waiting for \(report.node): its new generation is catching up"
    case .awaitingSettings, .empty, .failed, .disabled, .stopped, .notApproved: return nil
    }
  }

  /// Whether a node serves what an order had it copy; it may still have to catch up.
  func isMade(_ order: InitialSyncOrder, _ report: NodeReport) -> Bool {
    guard report.phase == .serving, let generation = report.generation else { return false }
    return generation.id != order.replacing && generation.encrypted == order.encrypted
      && report.replication?.needsInitialSync != true
  }
}
