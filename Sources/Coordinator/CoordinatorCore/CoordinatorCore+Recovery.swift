// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// A shard whose majority is gone for good: shown to an operator, and brought back from one member if he says so.
extension CoordinatorCore {
  /// Every member's position, and what would be lost by going on from each; changes nothing.
  public func recoveryView(of name: ClusterName, now: Instant) throws(CoordinatorError) -> RecoveryView {
    let cluster = try self.cluster(name)
    let members = cluster.nodes.map { node in member(node, in: cluster, now: now) }
    let best = members.filter { $0.obstacle == nil }.max { isWorse($0, $1) }?.node
    return RecoveryView(
      cluster: name, obstacle: obstacle(to: cluster, now: now), best: best, members: members,
      quiet: cluster.nodes.filter { contacts[$0]?.isHeard(now: now) != true })
  }

  /// Makes `node` the only voter of its shard, without asking the others. The only order that may lose what was
  /// acknowledged: the view says how much is known of that, and the audit trail keeps it.
  ///
  /// Nodes that are not serving now open nothing any more of what they have: they need a new initial sync. Throws
  /// `CoordinatorError` if a majority is well, or the node can't be built on.
  public mutating func recover(
    _ name: ClusterName, from node: NodeName, by admin: OperatorName, now: Instant
  ) throws(CoordinatorError) -> Decision<PlanID> {
    let view = try recoveryView(of: name, now: now)
    let cluster = try self.cluster(name)
    func refusal(_ why: String, next: String) -> CoordinatorError {
      CoordinatorError(.refused, "Cluster \(name) was not recovered.", why: why, next: next)
    }
    if let obstacle = view.obstacle { throw refusal(obstacle, next: "See it with: keyfold cluster show \(name)") }
    guard let chosen = view.members.first(where: { $0.node == node }) else {
      throw refusal("\(node) is no node of it.", next: "See its nodes with: keyfold cluster recover \(name)")
    }
    if let obstacle = chosen.obstacle {
      throw refusal("\(node) can't be built on: \(obstacle).", next: "Name another node.")
    }
    if let best = view.members.first(where: { $0.node == view.best }), isWorse(chosen, best) {
      throw refusal(
        isRecovering(node) && !isRecovering(best.node)
          ? "\(node) lost what it had acknowledged, \(best.node) did not."
          : "\(best.node) has more of the log than \(node).",
        next: "Name \(best.node), or stop its agent first.")
    }
    if let twin = openPlans(of: name).first(where: { $0.kind == .recover }) {
      guard let named = twin.steps.first?.node, named != node, unheard(named, now: now) != nil else {
        throw refusal("Plan \(twin.id) does it already.", next: "Watch it with: keyfold plan watch \(twin.id)")
      }
      // The node that it was to go on from is gone as well. If it did go on, it stays closed like all that are left.
      end(twin.id, .superseded(reason: "\(named) is not heard of; the cluster goes on from \(node)"), now: now)
    }
    taughtClusters.insert(name)
    leaveBehind(cluster, except: node, now: now)
    audit("cluster recover", by: admin, on: name.text, "from \(node): \(chosen.loss)", now: now)
    let plan = addPlan(.recover, on: name, steps: [PlanStep(.forceSoleVoter, node)], now: now)
    advance(name, now: now)
    return Decision(plan, flush())
  }

  private mutating func leaveBehind(_ cluster: ClusterRecord, except chosen: NodeName, now: Instant) {
    for node in cluster.nodes where node != chosen && !isServing(node, now: now) {
      guard var record = nodeRecords[node], let generation = record.generation?.id else { continue }
      record.leftBehind = generation
      put(record)
    }
  }

  private func obstacle(to cluster: ClusterRecord, now: Instant) -> String? {
    if let lockout = cluster.lockout { return "It is disabled: \(lockout.reason)." }
    if !cluster.running { return "It is shut down." }
    if let primary = primary(of: cluster, now: now) { return "It has a primary, \(primary)." }
    let well = cluster.nodes.count { wellness(of: $0, now: now) == nil && !isRecovering($0) }
    guard well > cluster.nodes.count / 2 else { return nil }
    return "\(well) of its \(cluster.nodes.count) nodes are well: they elect a primary by themselves."
  }

  /// Why nothing can be built on a node, nil if something can.
  private func wellness(of node: NodeName, now: Instant) -> String? {
    guard contacts[node]?.isHeard(now: now) == true, let report = contacts[node]?.report else {
      return "it is not heard of"
    }
    if let distrust = nodeRecords[node]?.distrust { return distrust }
    guard report.phase == .serving, report.replication != nil else { return Self.words(report.phase) }
    return report.damage.first.map { "\($0.file) is damaged: \($0.reason)" }
  }

  private func member(_ node: NodeName, in cluster: ClusterRecord, now: Instant) -> RecoveryView.Member {
    let report = contacts[node]?.report
    let place = report?.replication
    return RecoveryView.Member(
      node: node, phase: report?.phase.name ?? "not heard of", obstacle: wellness(of: node, now: now),
      role: place?.role, term: place?.term, lastTerm: place?.lastTerm, lastIndex: place?.lastIndex,
      commitIndex: place?.commitIndex, appliedIndex: place?.appliedIndex, generation: report?.generation?.id,
      heardAt: contacts[node]?.heardAt.map { OperatorTime(milliseconds: $0.milliseconds) },
      loss: loss(from: node, in: cluster, now: now))
  }

  /// What is known to be lost by going on from a node, in entries of the oplog, and of whom nothing newer is known.
  private func loss(from node: NodeName, in cluster: ClusterRecord, now: Instant) -> String {
    guard let own = contacts[node]?.report?.replication else { return "unknown: it says nothing of its log" }
    var missing: UInt64 = 0
    var unknown: [String] = []
    for other in cluster.nodes where other != node {
      let place = contacts[other]?.report?.replication
      if let last = place?.lastIndex, last > own.lastIndex { missing = max(missing, last - own.lastIndex) }
      guard contacts[other]?.isHeard(now: now) != true || place == nil else { continue }
      let heard = contacts[other]?.heardAt.map { "since \((now - $0).spoken) ago" } ?? "since this coordinator started"
      unknown.append("\(other) (nothing heard \(heard))")
    }
    if let held = contacts[node]?.heldBefore, held.generation == contacts[node]?.report?.generation?.id,
      held.index > own.lastIndex
    {
      missing = max(missing, held.index - own.lastIndex)
    }
    let known = missing == 0 ? "nothing known is lost" : "at least \(missing) entries that were there are lost"
    let rest =
      unknown.isEmpty ? "" : "; whatever only these acknowledged is lost as well: \(unknown.joined(separator: ", "))"
    return known + (own.isRecovering ? "; it lost what it had acknowledged itself, nobody knows how much" : "") + rest
  }

  /// Whether a node lost what it had acknowledged: by itself it elects nobody.
  private func isRecovering(_ node: NodeName) -> Bool { contacts[node]?.report?.replication?.isRecovering == true }

  /// Nothing is built on a node that lost what it had acknowledged while another one is there.
  private func isWorse(_ left: RecoveryView.Member, _ right: RecoveryView.Member) -> Bool {
    if isRecovering(left.node) != isRecovering(right.node) { return isRecovering(left.node) }
    return (left.lastTerm ?? 0, left.lastIndex ?? 0) < (right.lastTerm ?? 0, right.lastIndex ?? 0)
  }
}
