// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Who is well enough that another member may be touched.
extension CoordinatorCore {
  /// The member that is primary as far as known: the one with the highest term among those heard that say so.
  func primary(of cluster: ClusterRecord, now: Instant) -> NodeName? {
    var best: (node: NodeName, term: UInt64)?
    for node in cluster.nodes where isServing(node, now: now) {
      guard let place = contacts[node]?.report?.replication, place.role == .primary else { continue }
      if let found = best, found.term >= place.term { continue }
      best = (node, place.term)
    }
    return best?.node
  }

  /// Why a member can't be counted on now, nil if it can: heard, serving, a voter, caught up, undamaged, not copying.
  func blocker(at node: NodeName, in cluster: ClusterRecord, now: Instant) -> String? {
    if let reason = unheard(node, now: now) { return reason }
    guard let report = contacts[node]?.report else { return "waiting for \(node)" }
    if let distrust = nodeRecords[node]?.distrust { return "waiting for \(node): \(distrust)" }
    guard report.phase == .serving else { return "waiting for \(node): \(Self.words(report.phase))" }
    if let damage = report.damage.first { return "waiting for \(node): \(damage.file) is damaged: \(damage.reason)" }
    guard let place = report.replication else { return "waiting for \(node): it has not joined its shard" }
    guard place.role == .primary || place.role == .secondary else {
      return "waiting for \(node): it is a \(place.role.rawValue), not a full member"
    }
    if place.isRecovering { return "waiting for \(node): it has not caught up since its initial sync" }
    if place.needsInitialSync { return "waiting for \(node): it needs an initial sync" }
    if let work = report.work { return "waiting for \(node): it is still \(work.stage)" }
    return lag(of: node, place, in: cluster, now: now)
  }

  func lag(of node: NodeName, _ place: ReplicationReport, in cluster: ClusterRecord, now: Instant) -> String? {
    guard let primary = primary(of: cluster, now: now), primary != node, let source = contacts[primary] else {
      return nil
    }
    let caughtUp = source.commits.contains { sample in
      sample.index <= place.appliedIndex && (.zero...CoordinatorLimits.caughtUpWindow).contains(now - sample.at)
    }
    if caughtUp { return nil }
    let behind = (source.commits.last?.index ?? 0).subtractingReportingOverflow(place.appliedIndex).partialValue
    return "waiting for \(node): it is catching up, \(behind) entries behind"
  }

  /// Why a node can't be reached, nil if it is heard.
  func unheard(_ node: NodeName, now: Instant) -> String? {
    guard let contact = contacts[node], !contact.isHeard(now: now) else { return nil }
    guard let heard = contact.heardAt else {
      return "waiting for \(node): not heard of since the coordinator started \((now - startedAt).spoken) ago"
    }
    return "waiting for \(node): not heard of for \((now - heard).spoken)"
  }

  /// Why the command of a step must not be sent now, although the node can be reached.
  func hindrance(to step: PlanStep, in cluster: ClusterRecord, now: Instant) -> String? {
    if step.kind.isForPrimary { return hindranceToChange(of: step, in: cluster, now: now) }
    guard let node = step.node else { return nil }
    if let reason = unheard(node, now: now) { return reason }
    let others = cluster.nodes.filter { $0 != node }
    if [.resync, .initialSync].contains(step.kind), let reason = hindranceToPlainCopy(in: cluster, now: now) {
      return reason
    }
    switch step.kind {
    case .initialSync: return hindranceToInitialSync(of: node, in: cluster, now: now)
    case .resync, .restart, .rotateMasterKey:
      if let phase = contacts[node]?.report?.phase, phase != .serving {
        return "waiting for \(node): \(Self.words(phase))"
      }
      if step.kind == .resync, let reason = lackOfRoom(at: node, in: cluster) { return reason }
      return others.lazy.compactMap { self.blocker(at: $0, in: cluster, now: now) }.first
    case .rewrapMasterKey: return hindranceToRewrap(of: node, in: cluster)
    case .handOver:
      let reasons = others.map { blocker(at: $0, in: cluster, now: now) }
      return reasons.contains(nil) ? nil : reasons.compactMap { $0 }.first
    case .proveKMS:
      // What can't serve has nothing to prove, and the copy or the start that it needs has to get the lease.
      guard let phase = contacts[node]?.report?.phase, phase != .serving else { return nil }
      return "waiting for \(node): \(Self.words(phase))"
    case .formShard, .awaitPrimary, .stop, .start, .forceSoleVoter, .admit, .retire, .leave: return nil
    }
  }

  static func words(_ phase: NodePhase) -> String {
    let verb = if case .failed = phase { "has" } else { "is" }
    return "it \(verb) \(phase.name)" + (phase.reason.map { " (\($0))" } ?? "")
  }
}
