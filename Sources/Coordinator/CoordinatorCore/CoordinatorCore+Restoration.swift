// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// A coordinator whose store may be older than what its nodes have seen.
///
/// It commands no cluster before a majority of the cluster's nodes has said hello in this life, so that no epoch which
/// a later copy of the store gave out is missed: what that commanded, a majority has seen. (A node's process remembers
/// the highest epoch for as long as it lives.) The shell begins an epoch above every one it is told of before the hello
/// is heard. Lock-outs and checks are exempt: they destroy nothing, and a revocation must not wait.
///
/// A node that follows an epoch this store never gave out proves that the store was restored from an older copy. The
/// nodes then may have keystores that the copy does not know. Those serve on, but nothing is believed of them by
/// itself: whoever has one disk and one identity could claim the same. One operator's command adopts all of them at
/// once, and only those whose processes have run since before the restore: a process started from a disk knows no
/// epoch.
extension CoordinatorCore {
  /// Why a cluster is not commanded yet, nil if it is.
  func unlearned(_ cluster: ClusterRecord) -> String? {
    let said = cluster.nodes.count { contacts[$0]?.helloAt != nil }
    guard said <= cluster.nodes.count / 2, !taughtClusters.contains(cluster.name) else { return nil }
    return "waiting for a majority of its nodes to say hello to this coordinator: \(said) of \(cluster.nodes.count) did"
  }

  mutating func noteWitness(_ node: NodeName, now: Instant) {
    guard var found = restoration, !found.witnesses.contains(node) else { return }
    found.witnesses.append(node)
    put(found)
    tellRestored(now: now)
  }

  /// A node follows an epoch that this store never gave out; `own` is the highest it did.
  public mutating func onEpochAhead(_ seen: Epoch, own: Epoch, now: Instant) -> [CoordinatorDirective] {
    var found = restoration ?? RestorationRecord(seen: seen, own: own, since: now, witnesses: [])
    if seen.number > found.seen.number { found.seen = seen }
    put(found)
    tellRestored(now: now)
    return flush()
  }

  /// Whether an epoch that a node follows was never given out by this store: by what is remembered of the restore, or
  /// because it is above this life's.
  public func isAheadOfStore(_ seen: Epoch) -> Bool {
    if seen.number > epoch.number || (seen.number == epoch.number && seen != epoch) { return true }
    guard let restoration else { return false }
    return seen.number > restoration.own.number && seen.number <= restoration.seen.number
  }

  private mutating func put(_ found: RestorationRecord?) {
    guard restoration != found else { return }
    // What is told of a lock-out may depend on it.
    if (restoration == nil) != (found == nil) { staleAssignments.formUnion(clusterRecords.keys) }
    restoration = found
    dirty.insert(RecordKey(kind: .restoration, id: StateRecord.restorationID))
  }

  private mutating func tellRestored(now: Instant) {
    openAlert(
      .storeRestored, subject: "coordinator",
      text:
        "The coordinator was restored from an older copy: nodes follow epochs it never gave out. What is open is in: "
        + "keyfold coordinator show", now: now)
  }

  /// Nodes whose keystores this store does not know although they may be newer than it.
  var nodesAhead: [NodeRecord] { nodes.filter { $0.distrust != nil && $0.isAhead == true } }

  /// Whether a node's process has run since before the restore and still says so.
  func isProvenAhead(_ node: NodeName, now: Instant) -> Bool {
    guard let contact = contacts[node], contact.isHeard(now: now), contact.helloAt != nil else { return false }
    return contact.isAheadOfStore || contact.report?.phase == .serving
  }

  /// An operator knows that the store was restored: every node that is ahead of it, and has run since before that, is
  /// taken as it is, but for those that have to be approved by themselves. `withoutMajority` also lets clusters be
  /// commanded of which no majority has been heard.
  ///
  /// Throws `CoordinatorError` if there is nothing to adopt.
  public mutating func adopt(
    withoutMajority: Bool, except strangers: Set<NodeName> = [], by admin: OperatorName, now: Instant
  ) throws(CoordinatorError) -> Decision<[NodeName]> {
    let waiting = withoutMajority ? clusters.filter { unlearned($0) != nil }.map(\.name) : []
    guard restoration != nil || !waiting.isEmpty || isAuditContradicted else {
      throw CoordinatorError(
        .refused, "There is nothing to adopt.",
        why: "No node has shown that this coordinator was restored from an older copy or that its record was changed.",
        next: "See a node that is not approved with: keyfold node list")
    }
    var adopted: [NodeName] = []
    for node in nodesAhead where restoration != nil && isProvenAhead(node.name, now: now) {
      if strangers.contains(node.name) { continue }
      acceptKeystore(of: node.name, command: "coordinator adopt", by: admin, now: now)
      adopted.append(node.name)
    }
    noteEncrypted(now: now)
    adoptAuditRecord(by: admin, now: now)
    for name in waiting {
      taughtClusters.insert(name)
      audit("coordinator adopt", by: admin, on: name.text, "may be commanded without a majority of its nodes", now: now)
    }
    if restoration != nil {
      let left = nodesAhead.map(\.name.text).joined(separator: ", ")
      audit(
        "coordinator adopt", by: admin, on: "coordinator",
        "restored from an older copy: \(adopted.count) nodes adopted" + (left.isEmpty ? "" : ", left out: \(left)"),
        now: now)
      put(nil)
      closeAlert(.storeRestored, subject: "coordinator", now: now)
    }
    for cluster in clusterRecords.keys.sorted() { advance(cluster, now: now) }
    return Decision(adopted, flush())
  }

  /// Why a plan to decrypt is not carried out: the order stands in an older copy of the store, and was perhaps carried
  /// out, or taken back, long ago. Whoever wants it still says so again.
  func doubt(on plan: PlanRecord) -> String? {
    guard plan.kind == .decrypt, let restoration, plan.createdAt <= restoration.since else { return nil }
    return "the coordinator was restored from an older copy, so nobody knows whether this is still wanted; "
      + "see: keyfold coordinator show"
  }

  /// A copy from before a cluster's encryption does not know of it; one from before the end of its decryption is not
  /// believed that it is still wanted.
  private mutating func noteEncrypted(now: Instant) {
    for var cluster in clusters {
      let kinds = cluster.nodes.map { nodeRecords[$0]?.generation?.encrypted == true }
      let doubted = openPlans(of: cluster.name).filter { doubt(on: $0) != nil }
      for plan in doubted {
        end(plan.id, .superseded(reason: "the coordinator was restored from an older copy; order it again"), now: now)
      }
      cluster = clusterRecords[cluster.name] ?? cluster
      let isDecrypting = openPlans(of: cluster.name).contains { $0.kind == .decrypt }
      if kinds.contains(true), !isDecrypting { cluster.encryptionWanted = true }
      if !kinds.isEmpty, kinds.allSatisfy(\.self), openPlans(of: cluster.name).allSatisfy({ $0.kind != .encrypt }) {
        cluster.encrypted = true
      }
      put(cluster)
    }
  }
}
