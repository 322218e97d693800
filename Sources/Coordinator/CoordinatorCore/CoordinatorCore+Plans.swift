// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Plans: who holds the lease of a cluster, and how the plan that holds it goes on.
extension CoordinatorCore {
  /// Looks at one cluster after anything changed: its assignment, its lock-out, and the plan that may go on.
  mutating func advance(_ name: ClusterName, now: Instant) {
    growOlder(now: now)
    refreshAssignment(name, now: now)
    enforceLockout(of: name, now: now)
    if let cluster = clusterRecords[name], let reason = unlearned(cluster) {
      for plan in openPlans(of: name) { waiting[plan.id] = reason }
      return
    }
    planInitialSyncs(of: name, now: now)
    planKeyChange(of: name, now: now)
    reconcile(name, now: now)
    for _ in 0..<CoordinatorLimits.maximumMoves {
      guard let plan = holder(of: name, now: now), work(on: plan, now: now) else { break }
    }
    continueChange(of: name, now: now)
    explainQueue(of: name, now: now)
    watchInitialSyncs(of: name, now: now)
  }

  // MARK: The lease

  /// The plan that may work on the cluster now. The lease changes hands only between two steps, except that a shut-down
  /// or start takes it from a plan whose step can't go on: its node is not heard of, or others are not well enough. The
  /// removal of a node takes it from every such plan, as the node may be what all of them wait for.
  private mutating func holder(of name: ClusterName, now: Instant) -> PlanID? {
    guard var cluster = clusterRecords[name] else { return nil }
    let open = openPlans(of: name)
    let holder = open.first { $0.id == cluster.lease }
    let next = successor(of: holder, among: open, in: cluster, now: now)
    guard next?.id != cluster.lease else { return next?.id }
    if let holder { pause(holder) }
    cluster.lease = next?.id
    put(cluster)
    return next?.id
  }

  private func successor(
    of holder: PlanRecord?, among open: [PlanRecord], in cluster: ClusterRecord, now: Instant
  ) -> PlanRecord? {
    func canGoOn(_ plan: PlanRecord) -> Bool { self.canGoOn(plan, in: cluster, now: now) }
    let urgent = open.first { $0.kind.isUrgent }
    guard let holder else { return urgent ?? open.first(where: canGoOn) ?? open.first }
    // What a recovery waited for would wait for the nodes that are gone.
    if holder.kind != .recover, holder.isAtBoundary || hangs(holder, in: cluster, now: now),
      let recovery = open.first(where: { $0.kind == .recover })
    {
      return recovery
    }
    if let removal = removal(insteadOf: holder, among: open, in: cluster, now: now) { return removal }
    if let urgent, !holder.kind.isUrgent, holder.isAtBoundary || hangs(holder, in: cluster, now: now) { return urgent }
    // A plan whose step can't go on because a member needs a copy, or is gone, gives way to the copy or the removal.
    if !holder.kind.isUrgent, hangs(holder, in: cluster, now: now),
      let rescue = open.first(where: {
        ($0.kind == .initialSync || $0.kind == .removeNode) && $0.id != holder.id && canGoOn($0)
      })
    {
      return rescue
    }
    guard awaitsGoneSubject(holder, now: now) || (holder.isAtBoundary && !canGoOn(holder)) else { return holder }
    return open.first { $0.id != holder.id && canGoOn($0) } ?? holder
  }

  /// Whether nothing that a plan has begun can go on as things are; a copy that was begun may still end meanwhile.
  private func hangs(_ plan: PlanRecord, in cluster: ClusterRecord, now: Instant) -> Bool {
    plan.steps.allSatisfy { $0.state != .running || hindrance(to: $0, in: cluster, now: now) != nil }
  }

  /// Takes back what a plan had begun when it loses the lease; it is begun anew, under new ids, when it goes on.
  private mutating func pause(_ holder: PlanRecord) {
    var plan = holder
    for index in plan.steps.indices where plan.steps[index].state == .running { release(&plan.steps[index]) }
    put(plan)
  }

  /// Makes a step pending again. Its command stays for the state it names from before: what was asked may still happen,
  /// and must not be done twice.
  mutating func release(_ step: inout PlanStep) {
    if let command = step.command { deliveries[command.id] = nil }
    step.state = .pending
    step.startedAt = nil
  }

  // MARK: Going on

  /// One look at the plan that holds the lease; true if something changed and another look may find more.
  private mutating func work(on id: PlanID, now: Instant) -> Bool {
    // After each step that is done the lease is looked at again, before anything else is begun.
    if settle(id, now: now) { return true }
    guard let plan = planRecords[id], let cluster = clusterRecords[plan.cluster] else { return false }
    if plan.steps.allSatisfy({ $0.state == .done }) { return finish(plan, cluster, now: now) }
    if undo(plan, in: cluster, now: now) { return true }
    if let reason = hopeless(plan, now: now) {
      end(id, .gaveUp(reason: reason), now: now)
      return false
    }
    var reasons: [String] = []
    for index in plan.steps.indices where plan.steps[index].state == .running {
      if let reason = pursue(index, of: id, now: now) { reasons.append(reason) }
    }
    guard let plan = planRecords[id] else { return false }
    if plan.kind.isParallel || plan.isAtBoundary {
      switch move(of: plan, in: cluster, now: now) {
      case .begin(let indices):
        if begin(indices, of: plan, in: cluster, now: now) { return true }
        reasons.append("waiting for a node to report what the next step needs to know")
      case .insert(let step):
        insert(step, into: plan)
        return true
      case .wait(let reason): reasons.append(reason)
      case .rollBack(let reason):
        rollBack(plan, reason: reason, now: now)
        return false
      case .none: break
      }
    }
    waiting[id] = reasons.first
    watchOverdue(plan, reason: reasons.first, now: now)
    return false
  }

  /// Marks every step done whose effect the reports show; true if there was one.
  private mutating func settle(_ id: PlanID, now: Instant) -> Bool {
    guard var plan = planRecords[id], let cluster = clusterRecords[plan.cluster] else { return false }
    var found = false
    for index in plan.steps.indices where plan.steps[index].state != .done {
      let step = plan.steps[index]
      // A node that is taken back may be on its way into the shard still, by what the primary was asked for before.
      let isState = step.kind.isState && !(step.kind == .retire && plan.undoing != nil)
      let isSeen = (step.state == .running || isState) && isObserved(step, in: cluster, now: now)
      guard isSeen else { continue }
      if let command = step.command { deliveries[command.id] = nil }
      plan.steps[index].state = .done
      plan.steps[index].finishedAt = now
      found = true
    }
    put(plan)
    for step in plan.steps where step.state == .done && step.finishedAt == now { noteMember(step, of: plan, now: now) }
    return found
  }

  private mutating func begin(_ indices: [Int], of plan: PlanRecord, in cluster: ClusterRecord, now: Instant) -> Bool {
    var plan = plan
    var begun: [PlanStep] = []
    for index in indices {
      var step = plan.steps[index]
      if step.kind.isForPrimary { step.node = primary(of: cluster, now: now) }
      if let node = step.node {
        guard let action = action(for: step, at: node, in: cluster) else { continue }
        step.command = NodeCommand(id: CommandID(checked: identifiers.uuid()), plan: plan.id, action: action)
        step.attempts += 1
      }
      step.state = .running
      step.startedAt = now
      begun.append(step)
      plan.steps[index] = step
    }
    guard !begun.isEmpty else { return false }
    plan.startedAt = plan.startedAt ?? now
    plan.steps = plan.steps.filter { $0.state != .pending } + plan.steps.filter { $0.state == .pending }
    put(plan)
    return true
  }

  private mutating func insert(_ step: PlanStep, into plan: PlanRecord) {
    var plan = plan
    let place = plan.steps.firstIndex { $0.state == .pending } ?? plan.steps.endIndex
    plan.steps.insert(step, at: place)
    put(plan)
  }

  // MARK: Ending

  private mutating func finish(_ plan: PlanRecord, _ cluster: ClusterRecord, now: Instant) -> Bool {
    if plan.kind.work == .resync {
      switch convert(plan, cluster, now: now) {
      case .more: return true
      case .wait(let reason):
        waiting[plan.id] = reason
        return false
      case .done: break
      }
    }
    if plan.kind.isKeyChange, let project = projectRecords[cluster.project], let kms = project.kms {
      let strayed = cluster.nodes.filter { isToBeRewrapped($0, to: kms, in: project) }
      if !strayed.isEmpty, plan.steps.count + strayed.count <= CoordinatorLimits.maximumSteps {
        var plan = plan
        plan.steps += strayed.map { PlanStep(.rewrapMasterKey, $0) }
        put(plan)
        return true
      }
    }
    end(plan.id, plan.undoing.map { .rolledBack(reason: $0) } ?? .succeeded, now: now)
    return true
  }

  mutating func end(_ id: PlanID, _ outcome: PlanOutcome, now: Instant) {
    guard var plan = planRecords[id] else { return }
    for step in plan.steps { if let command = step.command { deliveries[command.id] = nil } }
    // What it began in this very turn is not on disk as begun, and must not be sent.
    sends.removeAll { if case .sendCommand(_, let command) = $0 { command.plan == id } else { false } }
    plan.outcome = outcome
    plan.finishedAt = now
    put(plan)
    waiting[id] = nil
    unkeptAges[id] = nil
    closeAlert(.planOverdue, subject: plan.cluster.text, now: now)
    noteChange(plan, outcome, now: now)
    notePlan(plan, outcome, now: now)
    if plan.kind == .rotateMasterKeys, outcome == .succeeded { noteRotated(plan.cluster) }
    guard var cluster = clusterRecords[plan.cluster], cluster.lease == id else { return }
    cluster.lease = nil
    put(cluster)
  }

  /// Undoes a cluster of which nothing was begun yet: its nodes are free again.
  mutating func rollBack(_ plan: PlanRecord, reason: String, now: Instant) {
    end(plan.id, .rolledBack(reason: reason), now: now)
    for queued in openPlans(of: plan.cluster) {
      end(queued.id, .rolledBack(reason: "the cluster was given up: \(reason)"), now: now)
    }
    for node in clusterRecords[plan.cluster]?.nodes ?? [] {
      guard var record = nodeRecords[node] else { continue }
      record.cluster = nil
      record.intendedCluster = nil
      put(record)
    }
    let freed = Set(clusterRecords[plan.cluster]?.nodes ?? [])
    if let gone = clusterRecords.removeValue(forKey: plan.cluster) { index.forget(gone) }
    dirty.insert(RecordKey(kind: .cluster, id: plan.cluster.text))
    // What the same input was about to tell them of the cluster is true no longer.
    sends.removeAll { if case .sendAssignment(let node, _) = $0 { freed.contains(node) } else { false } }
    refreshAddresses(now: now)
  }

  // MARK: Explaining

  private mutating func explainQueue(of name: ClusterName, now: Instant) {
    guard let cluster = clusterRecords[name] else { return }
    let open = openPlans(of: name)
    if let lockout = cluster.lockout {
      for plan in open { waiting[plan.id] = "queued until the key is back; the cluster is disabled: \(lockout.reason)" }
    }
    guard let holder = open.first(where: { $0.id == cluster.lease }) else { return }
    for plan in open where plan.id != holder.id && cluster.lockout == nil {
      waiting[plan.id] = "waiting for the plan to \(holder.kind.deed) of the same cluster (\(holder.id))"
    }
  }

  private mutating func watchOverdue(_ plan: PlanRecord, reason: String?, now: Instant) {
    // What waits for a revoked key has its alert already.
    guard let reason, clusterRecords[plan.cluster]?.lockout == nil else {
      return closeAlert(.planOverdue, subject: plan.cluster.text, now: now)
    }
    guard age(of: plan) > CoordinatorLimits.createDeadline else { return }
    openAlert(
      .planOverdue, subject: plan.cluster.text,
      text: "The plan to \(plan.kind.deed) of cluster \(plan.cluster) can't go on: \(reason)", now: now)
  }

  /// Makes a plan where a node is not as its cluster is wanted although no plan is left that would change it.
  private mutating func reconcile(_ name: ClusterName, now: Instant) {
    guard let cluster = clusterRecords[name], cluster.lockout == nil else { return }
    let strayed = cluster.members.filter { node in
      guard let contact = contacts[node], contact.isHeard(now: now), let phase = contact.report?.phase else {
        return false
      }
      return cluster.running ? phase == .stopped : phase == .serving
    }
    guard !strayed.isEmpty else { return reconcileEncryption(cluster, now: now) }
    guard isSettled(name, now: now) else { return }
    let kind: PlanKind = cluster.running ? .start : .shutDown
    _ = addPlan(kind, on: name, steps: strayed.map { PlanStep(kind.work, $0) }, now: now)
  }

  /// Whether no plan to start, stop or create a cluster is open, and what the last one changed had time to show.
  func isSettled(_ name: ClusterName, now: Instant) -> Bool {
    let kinds: [PlanKind] = [.start, .shutDown, .create]
    let related = planRecords.values.filter { $0.cluster == name && kinds.contains($0.kind) }
    guard related.allSatisfy({ !$0.isOpen }) else { return false }
    let last = related.compactMap(\.finishedAt).max() ?? startedAt
    return !now.isWithin(CoordinatorLimits.observationGrace, after: last)
  }
}
