// SPDX-License-Identifier: GPL-3.0-or-later
package import ClusterModel
package import ReplicationCore

/// A disk with a cache: what was written is readable at once, and survives a crash only once it was synced, or by luck
/// as a prefix of what was written since.
package struct SimulatedDisk {
  /// All that a member keeps.
  package struct Content {
    package var hardState = HardState.initial
    package var base = LogPosition.origin
    package var baseMembership: Membership
    package var entries: [LogEntry] = []
    /// The checkpoint: the data has applied up to this index, and its content then.
    package var appliedIndex: UInt64 = 0
    package var appliedChain: UInt64 = 0
    /// The databases the checkpoint holds, as bits.
    package var databases: UInt64 = 0
    package var mode = MemberMode.full
    package var electableFrom: UInt64 = 0
    /// Beside the log, and not lost with it.
    package var floor = AcknowledgedFloor(hardState: .initial, end: .origin)

    package init(baseMembership: Membership) { self.baseMembership = baseMembership }

    package var last: LogPosition { entries.last?.position ?? base }

    package func entry(at index: UInt64) -> LogEntry? {
      index > base.index && index <= last.index ? entries[Int(index - base.index - 1)] : nil
    }

    package mutating func perform(_ write: Write) {
      switch write {
      case .hardState(let state): hardState = state
      case .floor(let change): change(&floor)
      case .truncate(let index): entries.removeLast(Int(last.index - max(base.index, min(index, last.index))))
      case .append(let entry): entries.append(entry)
      }
    }
  }

  package enum Write {
    case hardState(HardState)
    case floor((inout AcknowledgedFloor) -> Void)
    case truncate(after: UInt64)
    case append(LogEntry)

    var isAppend: Bool { if case .append = self { true } else { false } }
  }

  package private(set) var current: Content
  package private(set) var durable: Content
  private var unsynced: [Write] = []

  package init(_ content: Content) {
    current = content
    durable = content
  }

  package var isSynced: Bool { unsynced.isEmpty }

  package mutating func write(_ write: Write) {
    current.perform(write)
    unsynced.append(write)
  }

  package mutating func sync() {
    for write in unsynced { durable.perform(write) }
    unsynced = []
  }

  /// Syncs all but the entries written last.
  package mutating func syncStates() {
    guard let last = unsynced.lastIndex(where: { !$0.isAppend }) else { return }
    for write in unsynced[...last] { durable.perform(write) }
    unsynced.removeFirst(last + 1)
  }

  /// The power goes: of what was not synced only a prefix survives.
  package mutating func crash(_ random: inout some RandomNumberGenerator) {
    for write in unsynced.prefix(Int.random(in: 0...unsynced.count, using: &random)) { durable.perform(write) }
    lose()
  }

  /// All that was not synced is gone.
  package mutating func lose() {
    unsynced = []
    current = durable
  }

  /// Changes what is durable at once, as a checkpoint or a new generation does.
  package mutating func replace(_ change: (inout Content) -> Void) {
    sync()
    change(&durable)
    current = durable
  }

  /// Whether a member that starts from it has all it acknowledged.
  package var isWhole: Bool {
    guard let found = try? restored() else { return false }
    var floor = durable.floor
    return floor.judge(found).state.mode == .full
  }

  /// What a member restores itself from, and how it takes part by what it had acknowledged.
  package mutating func restored(ignoringFloor: Bool, held: HeldPosition? = nil) throws -> RestoredState {
    let found = try restored()
    var floor = durable.floor
    let state = floor.judge(found, held: held).state
    if ignoringFloor { return found }
    replace { $0.floor = floor }
    return state
  }

  /// What a member restores itself from.
  package func restored() throws -> RestoredState {
    var log = LogOutline(base: durable.base)
    var changes: [MembershipHistory.Change] = []
    for entry in durable.entries {
      try log.append(entry.position)
      if entry.kind == .membership {
        changes.append(.init(index: entry.position.index, membership: try Membership(decoding: entry.payload)))
      }
    }
    return RestoredState(
      hardState: durable.hardState, log: log, appliedIndex: durable.appliedIndex,
      memberships: MembershipHistory(base: durable.baseMembership, changes: changes), mode: durable.mode,
      electableFrom: durable.electableFrom)
  }
}
