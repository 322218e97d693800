// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import ReplicationCore

/// Nodes that join and leave: what operators order, and what must hold of it.
extension SimulatedWorld {
  /// The machines of the cluster as the coordinator's store has it.
  var memberNodes: [SimulatedNode] { storedCluster.map { $0.nodes.compactMap { node($0) } } ?? nodes }

  /// The nodes that are enrolled when the cluster is made.
  var founders: ArraySlice<SimulatedNode> { nodes.prefix(profile.members) }

  /// Whether an order to change the members is not finished.
  var changesMembers: Bool {
    storedPlans.contains { $0.isOpen && ($0.kind == .addNode || $0.kind == .removeNode) }
  }

  // MARK: Operators

  /// An order to change the members, given up if it is refused too often.
  func memberOrder() -> (SimulatedWorld) -> Bool {
    var tries = 0
    return { world in
      tries += 1
      return world.changeMembers() || tries > 12
    }
  }

  /// A node is added or removed, whichever can be; the machine may be gone for good soon after.
  func changeMembers() -> Bool {
    guard let cluster = storedCluster, let core = coordinator.core else { return false }
    let idle = nodes.filter { node in
      !node.isAway && node.process != nil && node.disk.generations.isEmpty
        && (try? core.node(named: node.name))?.cluster == nil
    }
    if let node = dice.pick(idle), cluster.nodes.count < 3 || dice.chance(600) { return add(node) }
    guard cluster.nodes.count > 1, let node = dice.pick(memberNodes) else { return true }
    return remove(node, isOften: cluster.nodes.count > 3)
  }

  private func add(_ node: SimulatedNode) -> Bool {
    let isDoomed = dice.chance(200)
    let deadline = isDoomed || dice.chance(300) ? Duration.seconds(Int64(dice.within(60...240))) : .seconds(7200)
    guard
      coordinator.order({ try $0.enrollNode(node.name, cluster: nil, publicKey: Self.key(of: node), now: $1) }) != nil,
      coordinator.order({ try $0.addNode(node.name, to: Self.cluster, deadline: deadline, now: $1) }) != nil
    else { return false }
    note("\(node.name) is to be added within \(deadline)")
    statistics.count("add node")
    node.joined = true
    if isDoomed { loseForGood(node) }
    return true
  }

  private func remove(_ node: SimulatedNode, isOften: Bool) -> Bool {
    guard coordinator.order({ try $0.removeNode(node.name, from: Self.cluster, now: $1) }) != nil else { return false }
    note("\(node.name) is to be removed")
    statistics.count("remove node")
    if isOften, dice.chance(300) { loseForGood(node) }
    return true
  }

  /// The machine is gone, and never comes back; an operator lets go of it once it is out of its shard.
  private func loseForGood(_ node: SimulatedNode) {
    after(dice.within(0...20_000)) { [unowned self] in
      // Two others are a majority, also if it has been made a voter and nobody has been told yet.
      let others = memberNodes.filter { $0 !== node }
      guard isFaulty, others.count > 1, others.allSatisfy(\.isWell) else { return }
      note("\(node.name) is gone for good")
      (node.isAway, node.isGoneForGood) = (true, true)
      if node.process != nil { node.crash(backIn: 100...1000) }
      decideSoon { $0.abandon(node) }
    }
  }

  /// False until nobody waits for it any more.
  private func abandon(_ node: SimulatedNode) -> Bool {
    guard let cluster = storedCluster else { return true }
    if !cluster.nodes.contains(node.name), cluster.joining != node.name, cluster.leaving != node.name { return true }
    // It had joined before it was gone: it is taken out first.
    let isOrdered = storedPlans.contains { $0.isOpen && $0.kind == .removeNode && $0.subject == node.name }
    if !isOrdered, cluster.nodes.contains(node.name) || cluster.joining == node.name {
      _ = remove(node, isOften: false)
    }
    let decided = coordinator.order {
      try $0.removeNode(node.name, from: Self.cluster, abandoned: true, now: $1)
    }
    if decided == nil { return false }
    note("\(node.name) is abandoned")
    statistics.count("abandon node")
    return true
  }

  static func key(of node: SimulatedNode) -> String { String(repeating: "k", count: 38) + "\(10 + node.index)" }

  // MARK: What must hold

  /// A node destroys what it has: it is out of the shard, and that is committed, so that nobody counts on it.
  func checkLeave(of node: SimulatedNode) {
    if oracle.membership?.contains(node.name) == true {
      fail("\(node.name) destroys what it has although it still belongs to its shard")
    }
  }

  /// A plan to remove a node, or to take it back, succeeded: nothing of it is left, unless nobody can prove it.
  func checkLeft(_ plan: PlanRecord) {
    var hasLeft = plan.kind == .removeNode && plan.outcome == .succeeded
    if plan.kind == .addNode, case .rolledBack = plan.outcome { hasLeft = true }
    guard hasLeft, let node = plan.subject.flatMap({ node($0) }) else { return }
    statistics.count(plan.kind == .addNode ? "node given up" : "node left")
    if node.disk.generations.contains(where: \.isEncrypted) {
      fail("\(node.name) has left although it has a keystore")
    } else if !node.disk.generations.isEmpty || node.disk.current != nil {
      fail("\(node.name) has left although it has files")
    } else if node.process?.member != nil {
      fail("\(node.name) has left and still takes part")
    }
  }

  /// An entry that changes the members changes one voter at most.
  func checkChange(_ entry: LogEntry, by member: SimulatedMember) {
    guard entry.kind == .membership, let changed = try? Membership(decoding: entry.payload) else { return }
    let before = Set(member.core.memberships.membership(at: entry.position.index - 1).voters)
    if before.symmetricDifference(changed.voters).count > 1, changed.voters.count > 1 {
      fail("\(entry.position) changes several voters at once: \(before.sorted()) to \(changed.voters)")
    }
  }

  /// A primary commits what a majority of those that vote has on disk: looked at on the disks.
  func checkQuorum(of entry: LogEntry, by member: SimulatedMember) {
    // A disk that is lost has forgotten what it had acknowledged.
    guard member.core.role == .leader, !profile.dataLoss, !profile.majorityLoss else { return }
    let voters = member.core.membership.voters
    let holding = voters.count { voter in
      guard let disk = node(voter)?.disk, let content = disk.current.flatMap(disk.files)?.store.durable else {
        return false
      }
      if content.base.index >= entry.position.index { return true }
      return content.entry(at: entry.position.index)?.position == entry.position
    }
    if holding < member.core.membership.majority {
      fail("\(member.node.name) commits \(entry.position), which \(holding) of its \(voters.count) voters have on disk")
    }
  }

  /// What of nodes that do not belong to the cluster is not as it has to be in the end.
  var unsettledStrangers: String? {
    guard let cluster = storedCluster else { return nil }
    if let joining = cluster.joining { return "\(joining) has not joined" }
    if let leaving = cluster.leaving { return "\(leaving) has not left" }
    for node in nodes where !cluster.nodes.contains(node.name) && !node.isAway {
      if node.process?.member != nil { return "\(node.name) does not belong to the cluster and takes part" }
      if !node.disk.generations.isEmpty { return "\(node.name) does not belong to the cluster and has data of it" }
    }
    return nil
  }
}
