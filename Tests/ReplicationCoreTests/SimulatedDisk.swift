// SPDX-License-Identifier: GPL-3.0-or-later
import ReplicationCore

/// A disk with a cache: what was written is readable at once, and survives a crash only once it was synced, or by luck
/// as a prefix of what was written since.
struct SimulatedDisk {
  /// All that a member keeps.
  struct Content {
    var hardState = HardState.initial
    var base = LogPosition.origin
    var baseMembership: Membership
    var entries: [LogEntry] = []
    /// The checkpoint: the data has applied up to this index, and its content then.
    var appliedIndex: UInt64 = 0
    var appliedChain: UInt64 = 0
    var mode = MemberMode.full

    var last: LogPosition { entries.last?.position ?? base }

    func entry(at index: UInt64) -> LogEntry? {
      index > base.index && index <= last.index ? entries[Int(index - base.index - 1)] : nil
    }

    mutating func perform(_ write: Write) {
      switch write {
      case .hardState(let state): hardState = state
      case .truncate(let index): entries.removeLast(Int(last.index - max(base.index, min(index, last.index))))
      case .append(let entry): entries.append(entry)
      }
    }
  }

  enum Write {
    case hardState(HardState)
    case truncate(after: UInt64)
    case append(LogEntry)

    var isAppend: Bool { if case .append = self { true } else { false } }
  }

  private(set) var current: Content
  private(set) var durable: Content
  private var unsynced: [Write] = []

  init(_ content: Content) {
    current = content
    durable = content
  }

  var isSynced: Bool { unsynced.isEmpty }

  mutating func write(_ write: Write) {
    current.perform(write)
    unsynced.append(write)
  }

  mutating func sync() {
    for write in unsynced { durable.perform(write) }
    unsynced = []
  }

  /// Syncs all but the entries written last.
  mutating func syncStates() {
    guard let last = unsynced.lastIndex(where: { !$0.isAppend }) else { return }
    for write in unsynced[...last] { durable.perform(write) }
    unsynced.removeFirst(last + 1)
  }

  /// The power goes: of what was not synced only a prefix survives.
  mutating func crash(_ random: inout SplitMix64) {
    for write in unsynced.prefix(Int.random(in: 0...unsynced.count, using: &random)) { durable.perform(write) }
    lose()
  }

  /// All that was not synced is gone.
  mutating func lose() {
    unsynced = []
    current = durable
  }

  /// Changes what is durable at once, as a checkpoint or a new generation does.
  mutating func replace(_ change: (inout Content) -> Void) {
    sync()
    change(&durable)
    current = durable
  }

  /// What a member restores itself from.
  func restored() throws -> RestoredState {
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
      memberships: MembershipHistory(base: durable.baseMembership, changes: changes), mode: durable.mode)
  }
}
