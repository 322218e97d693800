// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// What a step asks of its node, and by which report it counts as done.
extension CoordinatorCore {
  /// The action of a step as its node stands now; nil if it can't be named yet.
  func action(for step: PlanStep, at node: NodeName, in cluster: ClusterRecord) -> NodeAction? {
    let report = contacts[node]?.report
    switch step.kind {
    case .formShard: return .formShard(voters: cluster.nodes)
    case .resync:
      guard let generation = report?.generation else { return nil }
      // What is as wanted was made by an order before: named by a later one, it would be made once more.
      if case .resync(_, let before) = step.command?.action, generation.encrypted == cluster.encryptionWanted {
        return .resync(encrypted: cluster.encryptionWanted, expecting: before)
      }
      return .resync(encrypted: cluster.encryptionWanted, expecting: generation.id)
    case .initialSync: return report.map { .initialSync(syncOrder(for: node, report: $0, in: cluster)) }
    case .rotateMasterKey:
      guard let generation = report?.generation, let key = generation.masterKeyID else { return nil }
      if case .rotateMasterKey(_, let before) = step.command?.action {
        return .rotateMasterKey(expecting: generation.id, masterKey: before)
      }
      return .rotateMasterKey(expecting: generation.id, masterKey: key)
    case .rewrapMasterKey:
      guard let generation = report?.generation, let project = projectRecords[cluster.project] else { return nil }
      return .rewrapMasterKey(expecting: generation.id, settingsVersion: project.settingsVersion)
    case .handOver: return .stepDown
    case .stop: return .stopDatabase
    case .start: return .startDatabase
    case .restart:
      if case .restart(let before) = step.command?.action { return .restart(boot: before) }
      return report.map { .restart(boot: $0.boot) }
    case .proveKMS: return .checkKMS
    case .forceSoleVoter:
      guard let generation = report?.generation?.id, let last = report?.replication?.lastIndex else { return nil }
      return .forceSoleVoter(expecting: generation, lastIndex: last)
    case .admit: return step.subject.map { .addMember($0) }
    case .retire: return step.subject.map { .removeMember($0) }
    case .leave: return .leave(expecting: report?.generation?.id)
    case .awaitPrimary: return nil
    }
  }

  /// Whether the reports show what the step is for. A step under way counts only reports that came after it was begun.
  func isObserved(_ step: PlanStep, in cluster: ClusterRecord, now: Instant) -> Bool {
    guard step.kind != .awaitPrimary else {
      // What a node has lost since its shard was formed is a plan of its own, which needs the lease.
      return primary(of: cluster, now: now) != nil
        && cluster.nodes.allSatisfy { isServing($0, now: now) || syncReason(of: $0, now: now) != nil }
    }
    if step.kind.isForPrimary { return isChanged(step, in: cluster, now: now) }
    guard let node = step.node, let contact = contacts[node], contact.isHeard(now: now), let report = contact.report
    else {
      return false
    }
    if isTooOld(contact, for: step, now: now) { return false }
    switch step.kind {
    case .awaitPrimary, .admit, .retire: return false
    case .leave: return Self.hasNothing(report)
    case .formShard, .start: return report.phase == .serving && report.generation != nil
    case .stop: return report.phase == .stopped
    case .resync:
      guard report.phase == .serving, let generation = report.generation,
        generation.encrypted == cluster.encryptionWanted
      else { return false }
      if case .resync(_, let before) = step.command?.action { return generation.id != before }
      return !mayStillTurn(node, generation.id, in: cluster)
    case .rotateMasterKey:
      guard case .rotateMasterKey(_, let before) = step.command?.action else { return false }
      return report.generation?.masterKeyID.map { $0 != before } ?? false
    case .rewrapMasterKey: return isRewrapped(report, in: cluster)
    case .handOver:
      // Whom it was to hand over to has left since.
      if cluster.nodes.count == 1 { return true }
      return report.replication?.role != .primary && primary(of: cluster, now: now).map { $0 != node } ?? false
    case .restart:
      guard case .restart(let before) = step.command?.action else { return false }
      return report.boot != before && report.phase == .serving
    // By the time it is heard, others may have caught up and vote again.
    case .forceSoleVoter: return report.replication?.role == .primary
    case .proveKMS: return hasProof(node, in: cluster, now: now)
    case .initialSync: return isSynced(step, report, in: cluster, now: now)
    }
  }

  /// Whether a node's last report is from before a step was begun. A beginning in the future was before the clock was
  /// set back, and so was nothing that is heard now.
  func isTooOld(_ contact: Contact, for step: PlanStep, now: Instant) -> Bool {
    guard let began = step.startedAt, began <= now, let heard = contact.heardAt else { return false }
    return heard <= began
  }

  func isServing(_ node: NodeName, now: Instant) -> Bool {
    contacts[node]?.isHeard(now: now) == true && contacts[node]?.report?.phase == .serving
  }
}
