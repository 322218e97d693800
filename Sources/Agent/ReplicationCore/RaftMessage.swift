// SPDX-License-Identifier: GPL-3.0-or-later

/// What members tell each other. The sender is known from the authenticated link and never stands in the message.
public enum RaftMessage: Sendable, Equatable {
  /// A candidate asks for a vote, or whether it would get one.
  case requestVote(VoteRequest)
  /// The answer to a candidate.
  case voteResponse(VoteResponse)
  /// A leader shows itself and maybe brings entries.
  case appendEntries(AppendRequest)
  /// The answer to a leader.
  case appendResponse(AppendResponse)
  /// A leader asks a caught-up voter to campaign at once.
  case timeoutNow(TimeoutNow)
  /// A leader tells a member that its log starts too late for it.
  case needSync(SyncDemand)
  /// A leader tells a member what it had acknowledged and does not hold any more.
  case lossNotice(LossNotice)
}

/// A candidate's request.
public struct VoteRequest: Sendable, Equatable {
  /// The term of the election; with `preVote` the term it would have.
  public var term: UInt64
  /// The end of the candidate's log.
  public var last: LogPosition
  /// Only asks; neither side changes its term.
  public var preVote: Bool
  /// The leader itself wants this election: it counts even while the leader is heard.
  public var handOver: Bool

  /// Makes a request of its parts.
  public init(term: UInt64, last: LogPosition, preVote: Bool, handOver: Bool) {
    self.term = term
    self.last = last
    self.preVote = preVote
    self.handOver = handOver
  }
}

/// A voter's answer.
public struct VoteResponse: Sendable, Equatable {
  /// The voter's term after it has handled the request.
  public var term: UInt64
  /// The term of the request, so that an answer counts only for its own election.
  public var electionTerm: UInt64
  /// As in the request.
  public var preVote: Bool
  /// Whether the candidate has the vote.
  public var granted: Bool

  /// Makes an answer of its parts.
  public init(term: UInt64, electionTerm: UInt64, preVote: Bool, granted: Bool) {
    self.term = term
    self.electionTerm = electionTerm
    self.preVote = preVote
    self.granted = granted
  }
}

/// A leader's message; without entries it only shows the leader and its commit index.
public struct AppendRequest: Sendable, Equatable {
  /// The leader's term.
  public var term: UInt64
  /// The position before the first entry.
  public var previous: LogPosition
  /// The entries that follow `previous`, without gaps.
  public var entries: [LogEntry]
  /// The leader's commit index.
  public var commit: UInt64
  /// A number the leader counts up with each message to a member, so that it can tell which one was answered.
  public var round: UInt64

  /// Makes a message of its parts.
  public init(term: UInt64, previous: LogPosition, entries: [LogEntry], commit: UInt64, round: UInt64) {
    self.term = term
    self.previous = previous
    self.entries = entries
    self.commit = commit
    self.round = round
  }
}

/// A follower's answer.
public struct AppendResponse: Sendable, Equatable {
  /// Whether the entries fit, and what the leader learns from it.
  public enum Outcome: Sendable, Equatable {
    /// The follower's log is durable and equal to the leader's up to this index.
    case matched(index: UInt64)
    /// The entries do not follow; this is the last position of the follower that may be equal to the leader's.
    case conflict(hint: LogPosition)
    /// The message was of an older term; it says nothing of the log. (Rounds start anew with each term, so that an
    /// answer to an older leadership of the same member must not pass for one to this.)
    case outdated
  }

  /// The follower's term after it has handled the message.
  public var term: UInt64
  /// Whether the entries fit.
  public var outcome: Outcome
  /// The round of the message that is answered.
  public var round: UInt64

  /// Makes an answer of its parts.
  public init(term: UInt64, outcome: Outcome, round: UInt64) {
    self.term = term
    self.outcome = outcome
    self.round = round
  }
}

/// A leader's request to campaign at once.
public struct TimeoutNow: Sendable, Equatable {
  /// The leader's term.
  public var term: UInt64

  /// Makes a request of its term.
  public init(term: UInt64) { self.term = term }
}

/// A leader's word that its log starts after the end of the receiver's.
public struct SyncDemand: Sendable, Equatable {
  /// The leader's term.
  public var term: UInt64
  /// The base of the leader's log.
  public var base: LogPosition
  /// As in `AppendRequest`; answered by an `AppendResponse`.
  public var round: UInt64

  /// Makes a demand of its parts.
  public init(term: UInt64, base: LogPosition, round: UInt64) {
    self.term = term
    self.base = base
    self.round = round
  }
}

/// A leader's word that the receiver had acknowledged a position in this term and does not hold it any more.
public struct LossNotice: Sendable, Equatable {
  /// The leader's term.
  public var term: UInt64
  /// What the receiver had acknowledged, or a position of the log before that.
  public var acknowledged: LogPosition
  /// As in `AppendRequest`; answered by an `AppendResponse`.
  public var round: UInt64

  /// Makes a notice of its parts.
  public init(term: UInt64, acknowledged: LogPosition, round: UInt64) {
    self.term = term
    self.acknowledged = acknowledged
    self.round = round
  }
}
