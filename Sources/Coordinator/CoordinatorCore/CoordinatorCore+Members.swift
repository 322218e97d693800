// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// Nodes that join and leave a cluster.
///
/// One voter changes at a time, as an entry of the oplog. A new node is a learner first, under a master key of its own,
/// and votes by itself once it has caught up. One that leaves is out of the shard before it destroys what it has.
extension CoordinatorCore {
  /// Takes an enrolled, empty node into a running cluster. If it can't join within `deadline`, it leaves again, what it
  /// has is destroyed, and the cluster is as before.
  public mutating func addNode(
    _ node: NodeName, to name: ClusterName, deadline: Duration = CoordinatorLimits.addNodeDeadline, now: Instant
  ) throws(CoordinatorError) -> Decision<PlanID> {
    let refusal = "Node \(node) was not added to cluster \(name)."
    try refuseOtherChange(of: name)
    let cluster = try openCluster(name, for: .addNode)
    let features = cluster.class.features
    guard cluster.nodes.count < features.maximumNodes else {
      throw CoordinatorError(
        .refused, refusal,
        why: "A cluster of class \(cluster.class.rawValue) has at most \(features.maximumNodes) nodes.")
    }
    guard (.seconds(60)...CoordinatorLimits.longestAddNodeDeadline).contains(deadline) else {
      throw CoordinatorError(.invalid, refusal, why: "The deadline has to be between a minute and 90 days.")
    }
    try checkUsable(node, for: name, refusal: refusal)
    let id = planToAdd(node, to: cluster, deadline: deadline, now: now)
    advance(name, now: now)
    return Decision(id, flush())
  }

  /// The plan for a node that was found fit to join.
  mutating func planToAdd(_ node: NodeName, to cluster: ClusterRecord, deadline: Duration, now: Instant) -> PlanID {
    var cluster = cluster
    if var record = nodeRecords[node] {
      record.cluster = cluster.name
      record.intendedCluster = cluster.name
      put(record)
    }
    cluster.joining = node
    put(cluster)
    let id = addPlan(
      .addNode, on: cluster.name, steps: [PlanStep(.admit, subject: node), PlanStep(.initialSync, node)], now: now)
    setSubject(node, of: id, deadline: deadline)
    contacts[node]?.kmsRefusedAt = nil
    refreshAddresses(now: now)
    return id
  }

  /// Takes a node out of a running cluster for good, and has it destroy its keys and files; one that still joins is
  /// taken back by the plan by which it does. One that is gone can be `abandoned` once it is out of the shard: nobody
  /// proves then that it destroyed them.
  public mutating func removeNode(
    _ node: NodeName, from name: ClusterName, abandoned: Bool = false, now: Instant
  ) throws(CoordinatorError) -> Decision<PlanID> {
    if abandoned { return try abandon(node, of: name, now: now) }
    if let plan = openPlans(of: name).first(where: { $0.kind == .addNode && $0.subject == node }), plan.undoing == nil {
      // It still joins, or died over it: it is taken back at once instead of when its time is up.
      turnRound(plan, because: "an operator took \(node) back", now: now)
      advance(name, now: now)
      return Decision(plan.id, flush())
    }
    if !mayLeaveFirst(node, of: name, now: now) { try refuseOtherChange(of: name) }
    let cluster = try openCluster(name, for: .removeNode)
    let refusal = "Node \(node) was not removed from cluster \(name)."
    guard cluster.nodes.contains(node) else {
      throw CoordinatorError(
        .notFound, refusal, why: "It does not belong to it.", next: "See its nodes with: keyfold cluster show \(name)")
    }
    guard cluster.nodes.count > 1 else {
      throw CoordinatorError(.refused, refusal, why: "It is the cluster's only node.")
    }
    let id = planToRemove(node, from: name, now: now)
    advance(name, now: now)
    return Decision(id, flush())
  }

  /// Whether a node that is gone may be removed although another is to be, which is still in the shard: the other may
  /// have to wait for this one, as the shard would lose its majority with both.
  private func mayLeaveFirst(_ node: NodeName, of name: ClusterName, now: Instant) -> Bool {
    guard let cluster = clusterRecords[name], cluster.joining == nil, cluster.leaving == nil,
      cluster.nodes.contains(node), unheard(node, now: now) != nil
    else { return false }
    let others = openPlans(of: name).filter { $0.kind.isOfMembers }
    // Whoever is left has to be somebody.
    guard cluster.nodes.count > others.count + 1 else { return false }
    return others.count == 1 && others.allSatisfy { $0.kind == .removeNode && $0.subject != node }
  }

  /// The plan for a node that is to leave.
  mutating func planToRemove(_ node: NodeName, from name: ClusterName, now: Instant) -> PlanID {
    if var cluster = clusterRecords[name], cluster.wantedNodes?.contains(node) == true {
      cluster.wantedNodes?.removeAll { $0 == node }
      put(cluster)
    }
    let id = addPlan(
      .removeNode, on: name, steps: [PlanStep(.retire, subject: node), PlanStep(.leave, node)], now: now)
    setSubject(node, of: id, deadline: nil)
    return id
  }

  private mutating func abandon(_ node: NodeName, of name: ClusterName, now: Instant) throws(CoordinatorError)
    -> Decision<PlanID>
  {
    var cluster = try cluster(name)
    guard let plan = openPlans(of: name).first(where: { $0.subject == node }),
      cluster.leaving == node || mayTakeBack(plan, in: cluster), unheard(node, now: now) != nil
    else {
      throw CoordinatorError(
        .refused, "Node \(node) was not abandoned.",
        why: "Only a node that is not heard of, and is out of its shard already or never came into it, can be.",
        next: "Take it out first: keyfold cluster remove-node \(name) \(node) --confirm")
    }
    var reason = "\(node) was not heard of: nobody proves that its keys and files are destroyed"
    if cluster.joining == node {
      reason = "\(node) was not heard of, and is not added: the shard was never told of it"
      cluster.joining = nil
      put(cluster)
    }
    audit("node abandoned", on: node.text, "cluster \(name): \(reason)", now: now)
    free(node, of: name, now: now)
    end(plan.id, .gaveUp(reason: reason), now: now)
    advance(name, now: now)
    return Decision(plan.id, flush())
  }

  /// Whether a plan to add a node has asked nobody for anything yet, so that it can end as if it had never been.
  private func mayTakeBack(_ plan: PlanRecord, in cluster: ClusterRecord) -> Bool {
    plan.kind == .addNode && plan.undoing == nil && cluster.joining == plan.subject
      && plan.steps.allSatisfy { $0.state == .pending && $0.command == nil }
  }

  private mutating func setSubject(_ node: NodeName, of id: PlanID, deadline: Duration?) {
    guard var plan = planRecords[id] else { return }
    plan.subject = node
    plan.deadlineMilliseconds = deadline?.wholeMilliseconds
    put(plan)
  }

  func refuseOtherChange(of name: ClusterName) throws(CoordinatorError) {
    guard let other = openPlans(of: name).first(where: { $0.kind.isOfMembers }) else { return }
    throw CoordinatorError(
      .conflict, "The nodes of cluster \(name) were not changed.",
      why: "A plan to \(other.kind.deed) is not finished: \(other.id).",
      next: "Watch it with: keyfold plan watch \(other.id)")
  }

  // MARK: What the plans do next

  func moveOfMembers(_ plan: PlanRecord, _ index: Int, in cluster: ClusterRecord, now: Instant) -> PlanMove {
    let step = plan.steps[index]
    guard let subject = plan.subject else { return .none }
    switch step.kind {
    case .admit:
      if let reason = unready(subject, in: cluster, now: now) {
        guard unheard(subject, now: now) != nil, mayTakeBack(plan, in: cluster) else { return .wait(reason) }
        let way = "keyfold cluster remove-node \(cluster.name) \(subject) --abandon --confirm"
        return .wait("\(reason); start its agent, or take the order back: \(way)")
      }
    case .initialSync:
      if let reason = waitForKMS(subject, attempts: step.attempts, now: now) { return .wait(reason) }
      if cluster.encryptionWanted, let reason = keyTrouble(of: cluster, at: subject) { return .wait(reason) }
    case .retire:
      if let other = cluster.leaving, other != subject { return .wait("waiting for \(other) to leave first") }
      if primary(of: cluster, now: now) == subject, plan.steps.count < CoordinatorLimits.maximumSteps {
        return .insert(PlanStep(.handOver, subject))
      }
    case .leave:
      if let reason = unheard(subject, now: now) {
        return .wait("\(reason); its keys and files are not proven destroyed")
      }
    default: break
    }
    return hindrance(to: step, in: cluster, now: now).map { .wait($0) } ?? .begin([index])
  }

  /// Why the primary can't be asked to change the shard's members now: the shard has to keep a majority of healthy
  /// members before and after.
  func hindranceToChange(of step: PlanStep, in cluster: ClusterRecord, now: Instant) -> String? {
    guard let primary = primary(of: cluster, now: now), primary != step.subject else {
      return "no other node is primary"
    }
    let stay = cluster.nodes.filter { $0 != step.subject }
    let troubles = stay.map { blocker(at: $0, in: cluster, now: now) }
    let needed = step.kind == .admit ? stay.count : stay.count / 2 + 1
    return troubles.count { $0 == nil } >= needed ? nil : troubles.compactMap { $0 }.first
  }

  /// Whether the primary says that a member is in the shard, or out of it, and that this is committed.
  func isChanged(_ step: PlanStep, in cluster: ClusterRecord, now: Instant) -> Bool {
    // One after the other: what is left of a node that leaves is kept by its cluster.
    if step.kind == .retire, let other = cluster.leaving, other != step.subject { return false }
    guard let subject = step.subject, let primary = primary(of: cluster, now: now), let contact = contacts[primary],
      let members = contact.report?.replication?.members, members.contains(primary)
    else { return false }
    if isTooOld(contact, for: step, now: now) { return false }
    return members.contains(subject) == (step.kind == .admit)
  }

  /// Whether a report proves that the node has no key and no file of any generation, and that its process knows of no
  /// cluster any more.
  static func hasNothing(_ report: NodeReport) -> Bool {
    report.phase == .awaitingSettings && report.generation == nil && report.supersededGenerations == 0
      && report.damage.isEmpty
  }

  // MARK: Waiting for the KMS

  /// Gives the lease back while the KMS refuses a new node: whoever opens the way may take days.
  mutating func pauseForKMS(_ index: Int, of plan: PlanRecord, now: Instant) -> String? {
    let step = plan.steps[index]
    guard plan.kind == .addNode, step.kind == .initialSync, let node = step.node, let command = step.command,
      contacts[node]?.report?.kmsRefusal != nil, case .failed = deliveries[command.id]?.answer
    else { return nil }
    contacts[node]?.kmsRefusedAt = now
    var plan = plan
    release(&plan.steps[index])
    put(plan)
    return waitForKMS(node, attempts: step.attempts, now: now)
  }

  private func waitForKMS(_ node: NodeName, attempts: Int, now: Instant) -> String? {
    guard let contact = contacts[node], let refusal = contact.report?.kmsRefusal, let since = contact.kmsRefusedAt,
      now.isWithin(Self.kmsDelay(after: attempts), after: since)
    else { return nil }
    let hosts = addresses.nodes.filter { $0.node == node }.map(\.address).joined(separator: ", ")
    return "waiting for KMS access: \(node) is refused (\(refusal)); let in: \(hosts)"
  }

  static func kmsDelay(after attempts: Int) -> Duration {
    min(CoordinatorLimits.firstRetry * (1 << min(max(attempts - 1, 0), 16)), CoordinatorLimits.longestKMSWait)
  }

  // MARK: The way back

  /// Turns a plan round whose node could not join in time: it leaves again. A copy under way is not cut off, as long as
  /// the node is heard of.
  mutating func undo(_ plan: PlanRecord, in cluster: ClusterRecord, now: Instant) -> Bool {
    guard plan.kind == .addNode, plan.undoing == nil, let node = plan.subject, let deadline = plan.deadlineMilliseconds,
      age(of: plan) > .milliseconds(deadline),
      contacts[node]?.report?.work == nil || unheard(node, now: now) != nil
    else { return false }
    turnRound(
      plan, because: "\(node) could not join in time: \(waiting[plan.id] ?? "its copy did not end")", now: now)
    return true
  }

  mutating func turnRound(_ given: PlanRecord, because reason: String, now: Instant) {
    guard let node = given.subject, let cluster = clusterRecords[given.cluster] else { return }
    var plan = given
    for index in plan.steps.indices where plan.steps[index].state == .running { release(&plan.steps[index]) }
    plan.steps = plan.steps.filter { $0.state == .done }
    plan.steps += [PlanStep(.retire, subject: node), PlanStep(.leave, node)]
    plan.undoing = Self.bounded(reason)
    put(plan)
    audit("node given up", on: node.text, "cluster \(cluster.name): \(reason)", now: now)
    guard let project = projectRecords[cluster.project] else { return }
    write(
      "\(plan.id).given-up", to: project,
      subject: "Node \(node) did not join cluster \(cluster.name) and is given up",
      text: """
        Node \(node) was to be added to cluster \(cluster.name), and did not join. It leaves again, and what it has is
        destroyed, keys first; the cluster is as before.

        Reason  \(reason)
        """, answers: nil, now: now)
  }

  // MARK: Who belongs to the cluster

  /// A step is done: who belongs to the cluster changes with it.
  mutating func noteMember(_ step: PlanStep, of plan: PlanRecord, now: Instant) {
    guard let node = plan.subject, var cluster = clusterRecords[plan.cluster] else { return }
    switch (plan.kind, step.kind) {
    case (.addNode, .initialSync) where cluster.joining == node && plan.undoing == nil:
      cluster.joining = nil
      cluster.nodes.append(node)
      put(cluster)
      audit("node added", on: node.text, "it votes in cluster \(cluster.name)", now: now)
    case (.addNode, .retire), (.removeNode, .retire):
      guard cluster.leaving != node, cluster.everyone.contains(node) else { return }
      cluster.nodes.removeAll { $0 == node }
      if cluster.joining == node { cluster.joining = nil }
      cluster.leaving = node
      put(cluster)
      spare(node, of: cluster.name, now: now)
    case (.addNode, .leave), (.removeNode, .leave):
      guard cluster.leaving == node else { return }
      audit("node left", on: node.text, "cluster \(cluster.name): it reports no key and no file", now: now)
      free(node, of: cluster.name, now: now)
    default: return
    }
    refreshAddresses(now: now)
  }

  /// Plans that wait have nothing to do any more for a node that was taken out.
  private mutating func spare(_ node: NodeName, of name: ClusterName, now: Instant) {
    for var plan in openPlans(of: name) where plan.subject != node {
      // What it was asked for as the primary, another one will be.
      let left = plan.steps.filter { $0.node != node || $0.kind.isForPrimary || $0.state == .done }
      if left.count == plan.steps.count { continue }
      plan.steps = left
      put(plan)
      if left.isEmpty { end(plan.id, .superseded(reason: "its node was taken out of the cluster"), now: now) }
    }
  }

  /// A node that left can be taken for another cluster; what it was seen with stays known.
  private mutating func free(_ node: NodeName, of name: ClusterName, now: Instant) {
    if var cluster = clusterRecords[name] {
      cluster.leaving = nil
      put(cluster)
    }
    if var record = nodeRecords[node] {
      if let last = record.generation { record.formerGenerations.append(last.id) }
      record.formerGenerations.removeFirst(
        max(0, record.formerGenerations.count - CoordinatorLimits.generationHistory))
      record.generation = nil
      record.cluster = nil
      record.intendedCluster = nil
      record.distrust = nil
      record.isAhead = nil
      record.isKeystoreLost = nil
      put(record)
    }
    if keysRecords.removeValue(forKey: node) != nil { dirty.insert(RecordKey(kind: .keys, id: node.text)) }
    for alert in alerts where alert.subject == node.text && alert.closedAt == nil {
      closeAlert(alert.kind, subject: node.text, now: now)
    }
    refreshAddresses(now: now)
  }
}
