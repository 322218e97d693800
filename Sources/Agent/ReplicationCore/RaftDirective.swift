// SPDX-License-Identifier: GPL-3.0-or-later

/// What the core wants done. See `RaftCore` for the one rule of their order.
public enum RaftDirective: Sendable, Equatable {
  /// Replace the durable term and vote.
  case persistHardState(HardState)
  /// Remove the log's entries after an index.
  case truncateLog(after: UInt64)
  /// Add these entries to the log's end; once they are durable, report it with `onPersisted`.
  case appendEntries([LogEntry])
  /// Send a message to a member; it may get lost.
  case send(RaftMessage, to: MemberID)
  /// Read entries of the own log and send them to a member; it may get lost.
  case sendEntries(EntriesToSend)
  /// Everything up to this index is committed: apply it, then report it with `onApplied`.
  case commitAdvanced(to: UInt64)
  /// This member leads now, but takes no writes yet.
  case becameLeader(term: UInt64)
  /// This member follows; a leader's open transaction is to be rolled back. `leader` is nil while there is none known.
  case becameFollower(term: UInt64, leader: MemberID?)
  /// The leader's own first entry is committed and applied: it may take writes.
  case leaderReady(term: UInt64)
  /// This member can't catch up from the leader's log and has to copy everything anew. Repeated, at most once per
  /// election timeout, for as long as the leader says so; a shell that is copying already goes on with that.
  case needsInitialSync(SyncReason)
  /// A member can't catch up from this leader's log; reported once until it answers again.
  case peerNeedsInitialSync(MemberID)
  /// A member does not hold what it had acknowledged to this leader; reported once.
  case peerLostAcknowledged(MemberID, LogPosition)
  /// This member lost what it had acknowledged up to and in this term. To be durable before anything else is performed,
  /// and to be restored as `recovering` until `.recoveryFinished`.
  case lostAcknowledged(lostTerm: UInt64)
  /// Another membership is in force (not necessarily committed).
  case membershipChanged(Membership)
  /// A member that was `recovering` takes part fully again; from now on it may be restored as `full`.
  case recoveryFinished
}

/// Why a member has to copy everything anew.
public enum SyncReason: Sendable, Equatable {
  /// The leader's log starts after this member's end.
  case behindLeader(leader: MemberID, base: LogPosition)
  /// The leader contradicts what this member knows to be committed: one of the two is damaged.
  case contradiction(leader: MemberID, at: UInt64)
}

/// An order to read entries and send them: those after `after`, in order, at most up to `upTo`.
public struct EntriesToSend: Sendable, Equatable {
  /// Whom to send to.
  public let to: MemberID
  /// The position before the first entry.
  public let after: LogPosition
  /// The index of the last entry to send; at least one should go, as many as fit the budget.
  public let upTo: UInt64
  let term: UInt64
  let commit: UInt64
  let round: UInt64

  /// The message with the entries that were read; they have to follow `after` without a gap.
  public func message(with entries: [LogEntry]) -> RaftMessage {
    .appendEntries(AppendRequest(term: term, previous: after, entries: entries, commit: commit, round: round))
  }
}

/// What became of a proposal.
public enum ProposalOutcome: Sendable, Equatable {
  /// Taken, not committed: `first` and `last` are the positions of its entries.
  case accepted(first: LogPosition, last: LogPosition, directives: [RaftDirective])
  /// Not taken; nothing has changed.
  case refused(ProposalRefusal)
}

/// Why a proposal was not taken.
public enum ProposalRefusal: Error, Sendable, Equatable {
  /// This member does not lead; the leader it knows, if any.
  case notLeader(known: MemberID?)
  /// The leader has not committed and applied an entry of its own term yet.
  case notReady
  /// Leadership is being handed over; try again after at most one election timeout, maybe elsewhere.
  case handingOver
  /// Too many entries wait for their commit.
  case overloaded
  /// No payload, or one that is too large.
  case badPayload
  /// The last membership change is not committed yet.
  case changeInProgress
  /// The member has that place already.
  case alreadyMember
  /// The member does not belong to the shard, or not in the place the change needs.
  case notMember
  /// The learner has not caught up, so that as a voter it would only slow down commits; or the target of a hand-over.
  case notCaughtUp
  /// A shard needs a voter.
  case lastVoter
  /// The shard is full.
  case tooManyMembers
}
