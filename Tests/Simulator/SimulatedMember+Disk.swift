// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import ReplicationCore

/// Checkpoints, trimming, and what a copy shows.
extension SimulatedMember {
  /// How many entries stay behind the checkpoint when the oplog is trimmed.
  static let keptEntries: UInt64 = 30

  /// The data becomes durable; then the oplog may be trimmed to it.
  func checkpoint() throws {
    guard !isClosed, !isCopying else { return }
    let (index, chain, databases) = (core.appliedIndex, appliedChain, databases)
    try node.step("checkpoint")
    files.store.replace {
      ($0.appliedIndex, $0.appliedChain, $0.databases) = (index, chain, databases)
    }
    guard world.profile.trims, index > files.store.durable.base.index + 2 * Self.keptEntries else { return }
    let base = index - Self.keptEntries
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
    guard !isClosed, let position = core.log.position(at: core.appliedIndex) else { return nil }
    return CopySnapshot(
      base: position, membership: core.memberships.membership(at: position.index), chain: appliedChain,
      databases: databases)
  }

  /// Brings a copy into the place of data and oplog: the way back for a member that is too far behind.
  func install(_ copy: CopySnapshot, electableFrom: UInt64) throws {
    guard copy.base.index >= core.commitIndex, core.role != .leader, batch == nil else { return }
    let keepsTail = core.log.contains(copy.base)
    try node.step("install a copy")
    for database in 0..<4 where copy.databases & (1 << UInt64(database)) != 0 {
      try needKey(ofDatabase: database, keys)
    }
    files.store.replace {
      if keepsTail { $0.entries.removeFirst(Int(copy.base.index - $0.base.index)) } else { $0.entries = [] }
      $0.base = copy.base
      $0.baseMembership = copy.membership
      ($0.appliedIndex, $0.appliedChain, $0.databases) = (copy.base.index, copy.chain, copy.databases)
      $0.electableFrom = electableFrom
      if copy.base.term > $0.hardState.term { $0.hardState = HardState(term: copy.base.term, vote: nil) }
    }
    (appliedChain, databases) = (copy.chain, copy.databases)
    try perform(
      core.onBaseInstalled(copy.base, membership: copy.membership, electableFrom: electableFrom, now: now))
    world.note("\(node.name) has installed a copy at \(copy.base)")
    world.statistics.count("initial sync")
  }
}

/// One moment of a member's data.
struct CopySnapshot {
  var base: LogPosition
  var membership: Membership
  var chain: UInt64
  var databases: UInt64
}
