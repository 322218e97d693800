// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// What a plan should do next.
enum PlanMove: Equatable {
  /// Begin these steps.
  case begin([Int])
  /// A step is needed first that was not foreseen.
  case insert(PlanStep)
  /// Nothing can be begun, for this reason.
  case wait(String)
  /// It is too late to begin.
  case rollBack(String)
  /// Nothing is left to begin.
  case none
}

/// Deciding what comes next, from the newest reports alone; changes nothing.
extension CoordinatorCore {
  func move(of plan: PlanRecord, in cluster: ClusterRecord, now: Instant) -> PlanMove {
    let pending = plan.steps.indices.filter { plan.steps[$0].state == .pending }
    if pending.isEmpty { return .none }
    if let lockout = cluster.lockout { return .wait("the cluster is disabled: \(lockout.reason)") }
    if !cluster.running, plan.kind != .shutDown { return .wait("the cluster is shut down") }
    if let reason = doubt(on: plan) { return .wait(reason) }
    switch plan.kind {
    case .create: return moveOfCreate(plan, pending, in: cluster, now: now)
    case .start, .recover: return .begin(pending)
    case .shutDown: return moveOfShutDown(plan, pending, in: cluster, now: now)
    case .handOver:
      return hindrance(to: plan.steps[pending[0]], in: cluster, now: now).map { .wait($0) } ?? .begin([pending[0]])
    case .initialSync: return moveOfInitialSync(plan, pending, in: cluster, now: now)
    case .changeCMK, .changeRegion: return moveOfKeyChange(plan, pending, in: cluster, now: now)
    case .addNode, .removeNode: return moveOfMembers(plan, pending[0], in: cluster, now: now)
    case .encrypt, .decrypt, .restart, .rotateMasterKeys: return moveOfRolling(plan, pending, in: cluster, now: now)
    }
  }

  private func moveOfCreate(_ plan: PlanRecord, _ pending: [Int], in cluster: ClusterRecord, now: Instant) -> PlanMove {
    let forming = pending.filter { plan.steps[$0].kind == .formShard }
    guard !forming.isEmpty else {
      return plan.steps.contains { $0.kind == .formShard && $0.state != .done } ? .none : .begin(pending)
    }
    let begun = plan.steps.contains { $0.kind == .formShard && $0.command != nil }
    if begun { return .begin(forming) }
    guard let reason = cluster.nodes.lazy.compactMap({ self.unready($0, in: cluster, now: now) }).first else {
      return .begin(forming)
    }
    return age(of: plan) > CoordinatorLimits.createDeadline
      ? .rollBack("it could not begin: \(reason)") : .wait(reason)
  }

  /// Why a node can't take part in forming a shard yet: every voter needs everybody's address first.
  func unready(_ node: NodeName, in cluster: ClusterRecord, now: Instant) -> String? {
    if let reason = unheard(node, now: now) { return reason }
    guard let report = contacts[node]?.report else { return "waiting for \(node)" }
    if report.replicationAddress.isEmpty { return "waiting for \(node): it has not told its address yet" }
    if report.assignmentVersion < cluster.assignment?.version ?? 1 {
      return "waiting for \(node): it has not taken up its assignment yet"
    }
    switch report.phase {
    case .empty, .serving: return nil
    default: return "waiting for \(node): \(Self.words(report.phase))"
    }
  }

  /// Secondaries first; the primary when no other is left that could still be stopped.
  private func moveOfShutDown(_ plan: PlanRecord, _ pending: [Int], in cluster: ClusterRecord, now: Instant) -> PlanMove
  {
    let primary = primary(of: cluster, now: now)
    let secondaries = pending.filter { plan.steps[$0].node != primary }
    if !secondaries.isEmpty { return .begin(secondaries) }
    let open = plan.steps.filter { $0.state == .running }.compactMap(\.node)
    return open.allSatisfy { unheard($0, now: now) != nil } ? .begin(pending) : .none
  }

  private func moveOfRolling(_ plan: PlanRecord, _ pending: [Int], in cluster: ClusterRecord, now: Instant) -> PlanMove
  {
    if let first = pending.first(where: { plan.steps[$0].kind != plan.kind.work }) {
      return hindrance(to: plan.steps[first], in: cluster, now: now).map { .wait($0) } ?? .begin([first])
    }
    if let reason = closedWindow(for: plan, in: cluster, now: now) { return .wait(reason) }
    for node in cluster.nodes {
      if let reason = blocker(at: node, in: cluster, now: now) { return .wait(reason) }
    }
    guard let primary = primary(of: cluster, now: now) else { return .wait("no node is primary") }
    // What a node was asked for it may do still, however late: it has to, before another goes out of service.
    let asked = pending.first { plan.steps[$0].kind.isDisruptive && plan.steps[$0].command != nil }
    let index = asked ?? pending.first { plan.steps[$0].node != primary } ?? pending[0]
    guard let node = plan.steps[index].node else { return .begin([index]) }
    if plan.kind == .encrypt, let reason = keyTrouble(of: cluster, at: node) { return .wait(reason) }
    if plan.kind == .decrypt, let reason = revocation(of: cluster, now: now) { return .wait(reason) }
    guard plan.steps.count < CoordinatorLimits.maximumSteps else {
      return .begin([index])
    }
    if plan.kind == .restart, !hasProof(node, in: cluster, now: now) { return .insert(PlanStep(.proveKMS, node)) }
    if plan.kind != .rotateMasterKeys, node == primary, cluster.nodes.count > 1 {
      return .insert(PlanStep(.handOver, node))
    }
    return .begin([index])
  }

  /// Why a node can't be asked to encrypt: it needs the settings, and a key that is not known to be revoked.
  func keyTrouble(of cluster: ClusterRecord, at node: NodeName) -> String? {
    guard projectRecords[cluster.project]?.kms != nil else { return "no KMS settings are set" }
    if let reason = ownRevocation(of: cluster) { return reason }
    if contacts[node]?.report?.assignmentVersion ?? 0 < cluster.assignment?.version ?? 1 {
      return "waiting for \(node): it has not taken up its assignment yet"
    }
    return nil
  }

  /// Whether a node could start again as far as a check younger than one interval tells; a plain node needs no KMS.
  func hasProof(_ node: NodeName, in cluster: ClusterRecord, now: Instant) -> Bool {
    guard contacts[node]?.report?.generation?.encrypted == true else { return true }
    guard let check = knownCheck(node, of: cluster.project), check.verdict == .valid,
      uses(node, key: check.customerKeyID)
    else { return false }
    // An agent that proves restarts has to have proven one with the key in use.
    if contacts[node]?.report?.clockMilliseconds != nil {
      guard let age = restartProofAge(of: node, now: now), age < CoordinatorLimits.proofAge else { return false }
    }
    let age = now - Instant(milliseconds: check.startedAtMilliseconds)
    return (.zero - CoordinatorLimits.clockTolerance..<CoordinatorLimits.proofAge).contains(age)
  }
}
