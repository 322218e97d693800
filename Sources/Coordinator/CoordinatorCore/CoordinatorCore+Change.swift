// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// Changes of what a cluster is: its class, and all of its nodes at once.
///
/// Which nodes are wanted is kept with the cluster. Whenever no node is joining or leaving, the next one does, by the
/// same plans that an order for one node makes; a plan that ends without its goal ends the change.
extension CoordinatorCore {
  /// What a change would come to; throws `CoordinatorError` with the field and the rule that forbids it.
  ///
  /// `present` are the nodes the operator was shown; if others are there by now, what was shown is not what would be
  /// done.
  public func examine(
    _ change: ClusterChange, of name: ClusterName, present: [NodeName]? = nil
  ) throws(CoordinatorError) -> ClusterChangeView {
    let cluster = try self.cluster(name)
    if let present, present != cluster.nodes {
      throw CoordinatorError(
        .conflict, "Cluster \(name) was not changed.",
        why: "It has other nodes than when the change was shown: \(Self.list(cluster.nodes)).",
        next: "Look at the change again with: keyfold cluster change \(name) … --dry-run")
    }
    let wanted = change.nodes ?? cluster.wantedNodes ?? cluster.nodes
    let becomes = change.clusterClass ?? cluster.class
    try check(change, wanted: wanted, becomes: becomes, of: cluster)
    var steps: [String] = []
    if becomes != cluster.class { steps.append("class \(cluster.class.rawValue) becomes \(becomes.rawValue)") }
    if change.nodes != nil {
      steps += Self.order(from: cluster.nodes, to: wanted, limit: becomes.features.maximumNodes)
    }
    guard !steps.isEmpty else {
      throw CoordinatorError(
        .refused, "Cluster \(name) was not changed.", why: "It is as it is to be already.",
        next: "See it with: keyfold cluster show \(name)")
    }
    var view = ClusterChangeView(cluster: name, present: cluster.nodes, steps: steps, isTaken: false)
    if change.nodes != nil { view.queued = cluster.lockout?.reason }
    return view
  }

  /// Takes a change up: the class at once, the nodes by plans, one after the other, queued while the cluster is
  /// disabled. Answers the first plan, nil if the change needs none. Throws as `examine` does.
  public mutating func changeCluster(
    _ name: ClusterName, _ change: ClusterChange, present: [NodeName]? = nil, now: Instant
  ) throws(CoordinatorError) -> Decision<ClusterChangeView> {
    var view = try examine(change, of: name, present: present)
    var cluster = try self.cluster(name)
    if let becomes = change.clusterClass { cluster.clusterClass = becomes }
    if let wanted = change.nodes {
      cluster.wantedNodes = wanted
      // Nobody else takes them meanwhile.
      for node in wanted where !cluster.nodes.contains(node) {
        guard var record = nodeRecords[node] else { continue }
        record.intendedCluster = name
        put(record)
      }
    }
    put(cluster)
    continueChange(of: name, now: now)
    advance(name, now: now)
    view.isTaken = true
    if change.nodes != nil {
      view.plan = openPlans(of: name).last { $0.kind.isOfMembers }.map { self.view(of: $0, now: now) }
    }
    return Decision(view, flush())
  }

  /// What is left to do of a change that was taken up, nil if nothing is.
  func pendingChange(of cluster: ClusterRecord) -> [String]? {
    cluster.wantedNodes.map { wanted in
      Self.order(from: cluster.nodes, to: wanted, limit: cluster.class.features.maximumNodes)
    }
  }

  /// Makes the plan for the next node that joins or leaves, once no other does.
  mutating func continueChange(of name: ClusterName, now: Instant) {
    guard var cluster = clusterRecords[name], let wanted = cluster.wantedNodes, cluster.running,
      !openPlans(of: name).contains(where: { $0.kind.isOfMembers })
    else { return }
    let joining = wanted.first { !cluster.nodes.contains($0) }
    let leaving = cluster.nodes.first { !wanted.contains($0) }
    do {
      if let joining, cluster.nodes.count < cluster.class.features.maximumNodes {
        try checkUsable(joining, for: name, refusal: "Node \(joining) can't join.")
        _ = planToAdd(joining, to: cluster, deadline: CoordinatorLimits.addNodeDeadline, now: now)
      } else if let leaving, cluster.nodes.count > 1 {
        _ = planToRemove(leaving, from: name, now: now)
      } else {
        cluster.wantedNodes = nil
        put(cluster)
      }
    } catch {
      giveUpChange(of: name, "\(error.what) \(error.why)", now: now)
    }
  }

  /// A plan for one node ended: the change goes on only if it reached its goal.
  mutating func noteChange(_ plan: PlanRecord, _ outcome: PlanOutcome, now: Instant) {
    guard plan.kind.isOfMembers, plan.kind != .create, outcome != .succeeded else { return }
    giveUpChange(of: plan.cluster, outcome.reason ?? "a plan was given up", now: now)
  }

  private mutating func giveUpChange(of name: ClusterName, _ reason: String, now: Instant) {
    guard var cluster = clusterRecords[name], cluster.wantedNodes != nil else { return }
    cluster.wantedNodes = nil
    put(cluster)
    audit("cluster change given up", on: name.text, reason, now: now)
  }

  // MARK: The rules

  private func check(
    _ change: ClusterChange, wanted: [NodeName], becomes: ClusterClass, of cluster: ClusterRecord
  ) throws(CoordinatorError) {
    let refusal = "Cluster \(cluster.name) was not changed."
    if let nodes = change.nodes {
      guard !nodes.isEmpty, Set(nodes).count == nodes.count else {
        throw CoordinatorError(
          .invalid, refusal, why: "nodes: one or more different nodes have to be named, those that stay included.")
      }
      try refuseOtherChange(of: cluster.name)
      _ = try openCluster(cluster.name, for: .addNode)
      for node in nodes where !cluster.nodes.contains(node) {
        do { try checkUsable(node, for: cluster.name, refusal: refusal) } catch {
          throw CoordinatorError(error.code, error.what, why: "nodes: \(error.why)", next: error.next)
        }
      }
    }
    let features = becomes.features
    let most = max(wanted.count, change.clusterClass == nil ? 0 : cluster.everyone.count)
    guard most <= features.maximumNodes else {
      throw CoordinatorError(
        .invalid, refusal,
        why: "\(change.nodes == nil ? "class" : "nodes"): a cluster of class \(becomes.rawValue) has at most "
          + "\(features.maximumNodes) nodes, not \(most).")
    }
    if change.clusterClass != nil, !features.customerKeyEncryption, usesKey(cluster) {
      throw CoordinatorError(
        .refused, refusal,
        why: "class: the cluster is encrypted, and class \(becomes.rawValue) has no customer-key encryption.",
        next: "Turn it off first: keyfold cluster decrypt \(cluster.name) --confirm --wait")
    }
  }

  /// One node after the other, in words: new ones join before others leave, as long as there is room.
  static func order(from present: [NodeName], to wanted: [NodeName], limit: Int) -> [String] {
    var joining = wanted.filter { !present.contains($0) }[...]
    var leaving = present.filter { !wanted.contains($0) }[...]
    var (count, steps) = (present.count, [String]())
    while !joining.isEmpty || !leaving.isEmpty {
      if count < limit, let node = joining.popFirst() {
        steps.append("add \(node): initial sync, then a vote")
        count += 1
      } else if let node = leaving.popFirst() {
        steps.append("remove \(node): its keys and files are destroyed")
        count -= 1
      } else {
        break
      }
    }
    return steps
  }

  private static func list(_ nodes: [NodeName]) -> String { nodes.map(\.text).joined(separator: ", ") }
}

extension PlanKind {
  /// Whether nodes join or leave by it.
  var isOfMembers: Bool { self == .create || self == .addNode || self == .removeNode }
}
