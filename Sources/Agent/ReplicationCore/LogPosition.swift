// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// A member of a shard, known by its node's name.
public typealias MemberID = NodeName

/// The place of an entry in the log: the term of the leader that made it, and its index.
///
/// Ordered as Raft orders logs when it asks which is more up to date: by term, then by index (dissertation, 3.6.1).
public struct LogPosition: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// The position before the first entry.
  public static let origin = LogPosition(term: 0, index: 0)
  /// The highest term and the highest index anything may carry, so that counting up never overflows.
  public static let maximum: UInt64 = UInt64.max / 4

  /// The term of the leader that made the entry; 0 only at the origin.
  public var term: UInt64
  /// The index of the entry; the first entry has 1.
  public var index: UInt64

  /// Makes a position of its parts.
  public init(term: UInt64, index: UInt64) {
    self.term = term
    self.index = index
  }

  /// Orders by term, then by index.
  public static func < (left: LogPosition, right: LogPosition) -> Bool {
    (left.term, left.index) < (right.term, right.index)
  }

  /// The position as `term.index`.
  public var description: String { "\(term).\(index)" }

  /// Whether term and index are below the limit and both are zero or none is.
  var isPlausible: Bool { term <= Self.maximum && index <= Self.maximum && (term == 0) == (index == 0) }
}

/// What an entry of the log is for.
public enum EntryKind: UInt8, Sendable, CaseIterable {
  /// The first entry of a leader's term; carries nothing.
  case noop = 0
  /// Operations on documents: an encoded `OplogRecord`, opaque to Raft.
  case data = 1
  /// An encoded `Membership`, in force from the moment it is in the log.
  case membership = 2
}

/// One entry of the log.
public struct LogEntry: Sendable, Equatable {
  /// Its place in the log.
  public var position: LogPosition
  /// What it is for.
  public var kind: EntryKind
  /// Its content; opaque for `data`, empty for `noop`.
  public var payload: [UInt8]
  /// When it was made by the clock of the leader that made it, milliseconds since 1970; 0 if that is not known. Raft
  /// passes it on and decides nothing by it; the leader's shell fills it in.
  public var time: Int64

  /// Makes an entry of its parts.
  public init(position: LogPosition, kind: EntryKind, payload: [UInt8], time: Int64 = 0) {
    self.position = position
    self.kind = kind
    self.payload = payload
    self.time = time
  }
}

/// What a member must never forget: it is durable before the member answers anything that follows from it.
public struct HardState: Sendable, Equatable {
  /// The state of a member that never took part.
  public static let initial = HardState(term: 0, vote: nil)
  /// The highest term the member has seen.
  public var term: UInt64
  /// Whom it voted for in that term.
  public var vote: MemberID?

  /// Makes a state of its parts.
  public init(term: UInt64, vote: MemberID?) {
    self.term = term
    self.vote = vote
  }
}
