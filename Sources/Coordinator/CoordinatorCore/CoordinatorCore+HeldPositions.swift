// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// What nodes said that they hold, so that none comes back with an older copy of its disk and counts as if it had it.
///
/// A node that opens its data is told what it said before: if its oplog ends earlier, it neither votes nor is elected
/// until it has caught up (design section 8). Disks that are older than that on most nodes at once have lost what was
/// acknowledged; then there is an alert.
extension CoordinatorCore {
  /// How far a node's data reaches by its own words.
  func held(by node: NodeName) -> HeldPosition? { contacts[node]?.held ?? nodeRecords[node]?.held }

  /// A new process of the node said hello: by what was said before, its disk is judged.
  mutating func noteOpening(of node: NodeName, boot: BootID) {
    guard contacts[node]?.openedBoot != boot else { return }
    contacts[node]?.openedBoot = boot
    let held = held(by: node)
    contacts[node]?.heldBefore = held
    persistHeld(of: node)
  }

  /// A node says how far it is. Within a generation that only rises, unless what it held is lost.
  mutating func noteHeld(by node: NodeName, report: NodeReport, now: Instant) {
    guard let generation = report.generation?.id, let replication = report.replication, let contact = contacts[node]
    else { return }
    var held = HeldPosition(generation: generation, index: replication.commitIndex, term: replication.term)
    if let before = contact.heldBefore, before.generation == generation, replication.lastIndex < before.index {
      guard !replication.isRecovering else { return }
      // It is behind, and its shard is not: it catches up.
      if let cluster = nodeRecords[node]?.cluster.flatMap({ clusterRecords[$0] }),
        let primary = primary(of: cluster, now: now), primary != node,
        contacts[primary]?.report?.replication?.commitIndex ?? 0 >= before.index
      {
        return
      }
      openAlert(
        .writesLost, subject: node.text,
        text: "Node \(node) had everything up to \(before.index) of the oplog; now its shard goes on from "
          + "\(replication.lastIndex), without what was acknowledged between. Disks of most of the nodes were lost, or "
          + "are older copies.",
        next: "Look for the newest disk of the shard; see the runbook's section on nodes that were lost.", now: now)
      contacts[node]?.heldBefore = nil
      contacts[node]?.heldPersistedAt = nil
    } else if let known = self.held(by: node), known.generation == generation {
      held.index = max(held.index, known.index)
      held.term = max(held.term, known.term)
    }
    contacts[node]?.held = held
    if let at = contacts[node]?.heldPersistedAt, now.isWithin(CoordinatorLimits.heldPersistence, after: at) { return }
    contacts[node]?.heldPersistedAt = now
    persistHeld(of: node)
  }

  /// Makes what a node said last durable with the next decision.
  mutating func persistHeld(of node: NodeName) {
    guard var record = nodeRecords[node], let held = contacts[node]?.held, record.held != held else { return }
    record.held = held
    put(record)
  }

  /// A loss of acknowledged writes can't be made good; its alert ends when it was to be seen for long enough.
  mutating func closeOldLosses(now: Instant) {
    for alert in alerts
    where alert.kind == .writesLost && alert.closedAt == nil
      && !now.isWithin(CoordinatorLimits.lossAlert, after: alert.openedAt)
    { closeAlert(.writesLost, subject: alert.subject, now: now) }
  }
}
