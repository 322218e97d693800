// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Whom a shard has, where this store may be older than that.
///
/// Who belongs to a shard is an entry of its oplog, so that its members know it whatever became of the store. A copy
/// from before a node joined or left says otherwise: it would cut members off from one another, count on some that
/// left, and have a member destroy what it holds. So after a restore nothing is done at a cluster whose shard is
/// another than its record says, and nobody is told of a list that leaves a member out. By the operator's word to adopt
/// the record becomes what the shard is; what nobody could say by then, or whoever was not enrolled, follows later.
extension CoordinatorCore {
  /// The members of a shard, and those among them that vote.
  struct ShardWord: Equatable {
    var members: [NodeName]
    var voters: [NodeName]
  }

  /// The newest committed word of a member that is heard, also of one that this store knows of no cluster; nil if
  /// nobody says.
  func shardWord(of cluster: ClusterRecord, now: Instant) -> ShardWord? {
    var best: ReplicationReport?
    for node in cluster.everyone + strays(of: cluster.name) where isServing(node, now: now) {
      guard let place = contacts[node]?.report?.replication, place.members?.contains(node) == true else { continue }
      if let best, (best.term, best.commitIndex) >= (place.term, place.commitIndex) { continue }
      best = place
    }
    guard let best, let members = best.members else { return nil }
    return ShardWord(members: members, voters: (best.voters ?? members).filter(members.contains))
  }

  /// Nodes that say they belong to a cluster that this store has without them.
  private func strays(of name: ClusterName) -> [NodeName] {
    guard let cluster = clusterRecords[name], mayBeOlder(than: cluster) else { return [] }
    return nodes.filter { $0.revokedAt == nil && isStranded($0.name) }.map(\.name).filter {
      contacts[$0]?.report?.membership?.cluster == name
    }
  }

  private func mayBeOlder(than cluster: ClusterRecord) -> Bool { restoration != nil || cluster.doubtfulSince != nil }

  /// Why nothing is done at a cluster: its shard has others than its record says.
  func doubt(onMembersOf cluster: ClusterRecord, now: Instant) -> String? {
    guard mayBeOlder(than: cluster), let word = shardWord(of: cluster, now: now) else { return nil }
    let since = "the coordinator was restored from an older copy; see: keyfold coordinator show"
    if let node = word.members.first(where: { !cluster.members.contains($0) }) {
      guard nodeRecords[node] != nil else {
        return "\(node) belongs to the shard and is not enrolled here: "
          + "keyfold node enroll \(node) --cluster \(cluster.name) --key KEY (\(since))"
      }
      return "\(node) belongs to the shard, but not to the cluster as it is recorded here: \(since)"
    }
    guard let node = cluster.nodes.first(where: { !word.members.contains($0) }) else { return nil }
    return "\(node) belongs to the cluster as it is recorded here, but not to the shard: \(since)"
  }

  /// Whether the list of a cluster's members would cut one off that its shard has.
  func leavesOut(_ cluster: ClusterRecord, now: Instant) -> Bool {
    guard mayBeOlder(than: cluster), let word = shardWord(of: cluster, now: now) else { return false }
    return !word.members.allSatisfy(cluster.members.contains)
  }

  /// Whether the primary says that a node is not in the shard.
  func isOutside(_ node: NodeName, of cluster: ClusterRecord, now: Instant) -> Bool {
    guard let primary = primary(of: cluster, now: now), primary != node,
      let members = contacts[primary]?.report?.replication?.members, members.contains(primary)
    else { return false }
    return !members.contains(node)
  }

  /// Why a node must not destroy what it has: it belongs to the shard, whatever the plan says.
  func hindranceToLeave(of node: NodeName, in cluster: ClusterRecord, now: Instant) -> String? {
    guard let word = shardWord(of: cluster, now: now), word.members.contains(node) else { return nil }
    return "\(node) still belongs to its shard"
  }

  /// A node that is taken for unused holds data of a cluster, and that cluster's shard has it: this store is older.
  mutating func noteStray(_ node: NodeName, now: Instant) {
    guard restoration == nil, nodeRecords[node]?.cluster == nil, isStranded(node),
      let name = contacts[node]?.report?.membership?.cluster, let cluster = clusterRecords[name],
      let word = shardWord(of: cluster, now: now), word.members.contains(node)
    else { return }
    noteOlder(than: RestorationRecord(seen: epoch, own: epoch, since: now, witnesses: []), now: now)
  }

  /// The primary says for a while that the shard does not have a member, and no plan took it out: this store is older.
  /// A late word of a primary says so for moments only.
  mutating func noteOutsiders(of name: ClusterName, now: Instant) {
    guard let cluster = clusterRecords[name], !mayBeOlder(than: cluster) else { return }
    for node in cluster.nodes {
      guard isOutside(node, of: cluster, now: now) else {
        contacts[node]?.outsideSince = nil
        continue
      }
      let since = contacts[node]?.outsideSince ?? now
      contacts[node]?.outsideSince = since
      guard now - since > CoordinatorLimits.outsidePatience else { continue }
      return noteOlder(than: RestorationRecord(seen: epoch, own: epoch, since: now, witnesses: []), now: now)
    }
  }

  // MARK: Adopting

  /// The operator's word to adopt holds for who belongs to the clusters, too.
  mutating func adoptShards(now: Instant) {
    for var cluster in clusters where !openPlans(of: cluster.name).contains(where: { $0.kind == .create }) {
      cluster.doubtfulSince = now
      put(cluster)
      settleMembers(of: cluster.name, now: now)
    }
  }

  /// Makes a cluster what its shard is, as far as somebody says it, and ends the doubt.
  mutating func settleMembers(of name: ClusterName, now: Instant) {
    guard restoration == nil, let cluster = clusterRecords[name], cluster.doubtfulSince != nil,
      let word = shardWord(of: cluster, now: now), word.members.allSatisfy({ mayTake($0, into: name) })
    else { return }
    let strays = strays(of: name).filter { !word.members.contains($0) }
    if doubt(onMembersOf: cluster, now: now) != nil || cluster.joining != nil || cluster.leaving != nil
      || cluster.wantedNodes != nil || !strays.isEmpty || openPlans(of: name).contains(where: isOld)
    {
      make(cluster, as: word, strays: strays, now: now)
    }
    guard var settled = clusterRecords[name] else { return }
    settled.doubtfulSince = nil
    put(settled)
    staleAssignments.insert(name)
    refreshAddresses(now: now)
  }

  /// Whether a plan to add or remove a node stands in an older copy of the store.
  func isOld(_ plan: PlanRecord) -> Bool {
    guard plan.kind == .addNode || plan.kind == .removeNode,
      let since = restoration?.since ?? clusterRecords[plan.cluster]?.doubtfulSince
    else { return false }
    return plan.createdAt <= since
  }

  private func mayTake(_ node: NodeName, into name: ClusterName) -> Bool {
    nodeRecords[node].map { $0.cluster == nil || $0.cluster == name } ?? false
  }

  /// Orders of the copy to add or remove nodes end: the shard shows what became of them. Whoever belongs to the shard
  /// belongs to the cluster, a learner without data by a plan to add it; whoever does not leaves it.
  private mutating func make(_ before: ClusterRecord, as word: ShardWord, strays: [NodeName], now: Instant) {
    let name = before.name
    for plan in openPlans(of: name) where isOld(plan) {
      end(plan.id, .superseded(reason: "the coordinator was restored from an older copy; order it again"), now: now)
    }
    guard var cluster = clusterRecords[name] else { return }
    (cluster.joining, cluster.leaving, cluster.wantedNodes) = (nil, nil, nil)
    let learner = word.members.first { node in
      !cluster.nodes.contains(node) && !word.voters.contains(node) && contacts[node]?.report?.phase != .serving
    }
    for node in word.members where !cluster.nodes.contains(node) && node != learner {
      cluster.nodes.append(node)
      give(node, to: name)
    }
    let outside = cluster.nodes.filter { !word.members.contains($0) }
    let leaves = ([before.leaving, before.joining].compactMap { $0 } + strays).first { !word.members.contains($0) }
    for node in outside {
      guard let plan = syncPlan(of: node, in: name) else { continue }
      end(plan.id, .superseded(reason: "\(node) does not belong to the shard any more"), now: now)
    }
    if !outside.isEmpty { cluster.wantedNodes = word.members }
    put(cluster)
    audit(
      "cluster adopted", on: name.text,
      "its shard is \(word.members.map(\.text).joined(separator: ", ")), by its own word; recorded here: "
        + before.everyone.map(\.text).joined(separator: ", "), now: now)
    if let learner { _ = planToAdd(learner, to: cluster, deadline: CoordinatorLimits.addNodeDeadline, now: now) }
    guard let leaves, var present = clusterRecords[name] else { return }
    // It is out of the shard already, and has still to show that it destroyed what it had.
    present.leaving = leaves
    put(present)
    give(leaves, to: name)
    _ = planToRemove(leaves, from: name, now: now)
  }

  private mutating func give(_ node: NodeName, to name: ClusterName) {
    guard var record = nodeRecords[node] else { return }
    record.cluster = name
    record.intendedCluster = name
    put(record)
  }
}
