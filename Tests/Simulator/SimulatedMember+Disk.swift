// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import ReplicationCore

/// Checkpoints, trimming, and what a copy shows.
extension SimulatedMember {
  /// How many entries stay behind the checkpoint when the oplog is trimmed: twice as long as a copy takes at most.
  private var keptEntries: UInt64 { UInt64(max(30_000 / world.profile.writeInterval, 10)) }

  /// The data becomes durable; then the oplog may be trimmed to it.
  func checkpoint() throws {
    guard !isClosed, !isCopying else { return }
    let (index, chain, databases) = (core.appliedIndex, appliedChain, databases)
    try node.step("checkpoint")
    files.store.replace {
      ($0.appliedIndex, $0.appliedChain, $0.databases) = (index, chain, databases)
      $0.floor.end = $0.last
    }
    guard world.profile.trims, index > files.store.durable.base.index + 2 * keptEntries else { return }
    let base = index - keptEntries
    guard let entry = files.store.durable.entry(at: base), core.persistedIndex >= base else { return }
    try node.step("trim the oplog")
    let membership = core.memberships.membership(at: base)
    files.store.replace {
      $0.entries.removeFirst(Int(base - $0.base.index))
      $0.base = entry.position
      $0.baseMembership = membership
    }
    try core.onLogTruncatedBefore(base: entry.position)
    world.statistics.count("trim")
  }

  /// What a copy that begins now shows; nil if there is nothing to show yet.
  var snapshot: CopySnapshot? {
    guard !isClosed, core.isOfOneMoment, let position = core.log.position(at: core.appliedIndex) else { return nil }
    return CopySnapshot(
      base: position, membership: core.memberships.membership(at: position.index), chain: appliedChain,
      databases: databases)
  }

  /// Goes over to a copy of a shard whose oplog starts too late for this member: term and vote stay.
  func install(_ copy: CopySnapshot, in fresh: GenerationFiles) throws -> [RaftDirective] {
    let directives = try core.onBaseInstalled(
      copy.base, membership: copy.membership, electableFrom: copy.base.index, now: now)
    let (hardState, mode) = (core.hardState, files.store.durable.mode)
    fresh.store.replace {
      ($0.base, $0.baseMembership, $0.hardState, $0.mode) = (copy.base, copy.membership, hardState, mode)
      ($0.appliedIndex, $0.appliedChain, $0.databases) = (copy.base.index, copy.chain, copy.databases)
    }
    (appliedChain, databases) = (copy.chain, copy.databases)
    return directives
  }
}

/// One moment of a member's data.
struct CopySnapshot {
  var base: LogPosition
  var membership: Membership
  var chain: UInt64
  var databases: UInt64
}
