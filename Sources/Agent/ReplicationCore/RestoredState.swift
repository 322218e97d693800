// SPDX-License-Identifier: GPL-3.0-or-later

/// How a member takes part.
public enum MemberMode: Sendable, Equatable {
  /// Fully, as the membership says.
  case full
  /// It lost entries it had acknowledged, or a vote: it neither votes nor campaigns until an entry of a leader elected
  /// after the loss, so without its vote, is durable here.
  ///
  /// `lostTerm` is the highest term in which this member may have voted or acknowledged before the loss. The shell
  /// keeps it durably until `.recoveryFinished`, and takes the highest of what it knows: its own hard state if that
  /// survived, else the highest term any other member of the shard reports (every one has to be asked: a candidate may
  /// be the only one that knows of the vote it got).
  case recovering(lostTerm: UInt64)
}

/// What a member finds on its disk when it starts; all of it durable.
public struct RestoredState: Sendable, Equatable {
  /// Term and vote.
  public var hardState: HardState
  /// The log's start, end and terms.
  public var log: LogOutline
  /// The index up to which the data has applied the log; known to be committed. At least the base's.
  public var appliedIndex: UInt64
  /// The memberships at the log's base and in its entries.
  public var memberships: MembershipHistory
  /// How the member takes part.
  public var mode: MemberMode
  /// The member does not campaign before its commit index has reached this: the source's position at the end of an
  /// initial sync. 0 for none.
  public var electableFrom: UInt64

  /// Makes a state of its parts.
  public init(
    hardState: HardState, log: LogOutline, appliedIndex: UInt64, memberships: MembershipHistory,
    mode: MemberMode = .full, electableFrom: UInt64 = 0
  ) {
    self.hardState = hardState
    self.log = log
    self.appliedIndex = appliedIndex
    self.memberships = memberships
    self.mode = mode
    self.electableFrom = electableFrom
  }

  /// The state of a member of a new shard: nothing yet but who belongs to it. Every founder starts with the same.
  public static func founding(_ membership: Membership) -> RestoredState {
    RestoredState(
      hardState: .initial, log: LogOutline(), appliedIndex: 0, memberships: MembershipHistory(base: membership))
  }

  /// Throws `inconsistentState` if the parts contradict each other.
  func check() throws(ReplicationError) {
    func require(_ condition: Bool, _ sentence: String) throws(ReplicationError) {
      if !condition { throw ReplicationError(.inconsistentState, "restoring a member: " + sentence) }
    }
    try require(hardState.term <= LogPosition.maximum, "its term \(hardState.term) cannot be")
    try require(
      appliedIndex >= log.base.index && appliedIndex <= log.lastIndex,
      "its data has applied up to \(appliedIndex), its log reaches from \(log.base) to \(log.last)")
    try require(
      memberships.changes.allSatisfy { $0.index > log.base.index && $0.index <= log.lastIndex },
      "a membership stands outside its log")
    if case .recovering(let lostTerm) = mode {
      try require(lostTerm < LogPosition.maximum, "the term of its loss cannot be")
    } else {
      try require(hardState.term >= log.last.term, "its term \(hardState.term) is older than its log's end \(log.last)")
    }
  }
}
