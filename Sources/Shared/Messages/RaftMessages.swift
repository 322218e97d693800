// SPDX-License-Identifier: GPL-3.0-or-later

// Who sends is known from the key of the connection and never stands in these messages.

/// A candidate asks for a vote, or, before it raises its term, whether it would get one.
public struct RequestVote: Sendable, Equatable {
  /// The candidate's term; in a pre-vote the term it would go to.
  public var term: UInt64
  /// The term of the candidate's last oplog entry.
  public var lastTerm: UInt64
  /// The index of the candidate's last oplog entry.
  public var lastIndex: UInt64
  /// Whether it only asks.
  public var preVote: Bool
  /// Whether the primary itself handed over, so that the vote counts even while it is heard.
  public var transfer: Bool

  /// Makes a request of its parts.
  public init(
    term: UInt64, lastTerm: UInt64, lastIndex: UInt64, preVote: Bool, transfer: Bool = false
  ) {
    self.term = term
    self.lastTerm = lastTerm
    self.lastIndex = lastIndex
    self.preVote = preVote
    self.transfer = transfer
  }
}

/// A member's answer to a request for its vote.
public struct VoteResponse: Sendable, Equatable {
  /// The voter's term.
  public var term: UInt64
  /// The term of the request, so that an answer counts only for its own election.
  public var electionTerm: UInt64
  /// Whether the vote is given.
  public var granted: Bool
  /// Whether it answers a pre-vote.
  public var preVote: Bool

  /// Makes a response of its parts.
  public init(term: UInt64, electionTerm: UInt64, granted: Bool, preVote: Bool) {
    self.term = term
    self.electionTerm = electionTerm
    self.granted = granted
    self.preVote = preVote
  }
}

/// What an entry of the oplog is, without its bytes; they stand in the payload frame, one behind the other.
public struct EntryHeader: Sendable, Equatable {
  /// The term in which it was made.
  public var term: UInt64
  /// What the payload is; the numbers are replication's.
  public var kind: UInt32
  /// How many bytes of the payload frame are its.
  public var payloadLength: UInt32
  /// When the primary made it, milliseconds since 1970; 0 if not known.
  public var timeMilliseconds: Int64

  /// Makes a header of its parts.
  public init(term: UInt64, kind: UInt32, payloadLength: UInt32, timeMilliseconds: Int64 = 0) {
    self.term = term
    self.kind = kind
    self.payloadLength = payloadLength
    self.timeMilliseconds = timeMilliseconds
  }
}

/// The primary ships entries of the oplog; without entries it is a heartbeat.
public struct AppendEntries: Sendable, Equatable {
  /// The most entries in one message; a longer one is refused by the decoder.
  public static let maximumEntries = 65_536

  /// The primary's term.
  public var term: UInt64
  /// The term of the entry before the first one.
  public var previousTerm: UInt64
  /// The index of the entry before the first one.
  public var previousIndex: UInt64
  /// The last index the primary knows to be committed.
  public var commitIndex: UInt64
  /// The entries, following `previousIndex`.
  public var entries: [EntryHeader]
  /// Counts the primary's rounds, echoed in the response: a response of the newest round proves that it still leads.
  public var round: UInt64

  /// Makes a message of its parts.
  public init(
    term: UInt64, previousTerm: UInt64, previousIndex: UInt64, commitIndex: UInt64, entries: [EntryHeader],
    round: UInt64
  ) {
    self.term = term
    self.previousTerm = previousTerm
    self.previousIndex = previousIndex
    self.commitIndex = commitIndex
    self.entries = entries
    self.round = round
  }

  /// Cuts the payload frame into one slice per entry; throws if the lengths don't add up to it exactly.
  public func slices(of payload: [UInt8]) throws(MessageError) -> [ArraySlice<UInt8>] {
    var start = 0
    var slices: [ArraySlice<UInt8>] = []
    slices.reserveCapacity(entries.count)
    for entry in entries {
      guard Int(entry.payloadLength) <= payload.count - start else { throw Self.lengthMismatch }
      let end = start + Int(entry.payloadLength)
      slices.append(payload[start..<end])
      start = end
    }
    guard start == payload.count else { throw Self.lengthMismatch }
    return slices
  }

  private static var lengthMismatch: MessageError {
    MessageError(.outOfRange, field: "payload_length", "the entries' lengths don't add up to the payload frame")
  }
}

/// A member's answer to shipped entries.
public struct AppendResponse: Sendable, Equatable {
  /// The member's term.
  public var term: UInt64
  /// Whether the entries fitted.
  public var success: Bool
  /// The last index known to equal the primary's, on disk.
  public var matchIndex: UInt64
  /// Where the primary should go back to, if they didn't fit.
  public var conflictIndex: UInt64
  /// The term of the entry in the way, 0 if there is none.
  public var conflictTerm: UInt64
  /// The round of the message it answers.
  public var round: UInt64
  /// Whether the message was of an older term; then the rest says nothing of the log.
  public var outdated: Bool

  /// Makes a response of its parts.
  public init(
    term: UInt64, success: Bool, matchIndex: UInt64, conflictIndex: UInt64, conflictTerm: UInt64,
    round: UInt64, outdated: Bool = false
  ) {
    self.outdated = outdated
    self.term = term
    self.success = success
    self.matchIndex = matchIndex
    self.conflictIndex = conflictIndex
    self.conflictTerm = conflictTerm
    self.round = round
  }
}

/// The primary hands over: stand for election now.
public struct TimeoutNow: Sendable, Equatable {
  /// The primary's term.
  public var term: UInt64

  /// Makes a message of its term.
  public init(term: UInt64) { self.term = term }
}

/// The primary can't bring a member up by its oplog: that starts too late for it, and it needs an initial sync; or the
/// member does not hold what it had acknowledged.
public struct NeedSync: Sendable, Equatable {
  /// The primary's term.
  public var term: UInt64
  /// The term of the entry before the primary's first.
  public var baseTerm: UInt64
  /// The index of the entry before the primary's first.
  public var baseIndex: UInt64
  /// As in `AppendEntries`; an `AppendResponse` answers it.
  public var round: UInt64
  /// The term of the last entry the member had acknowledged, if it lost that; else 0.
  public var lostTerm: UInt64
  /// The index of that entry; 0 if it is about the oplog's start.
  public var lostIndex: UInt64

  /// Makes a message of its parts.
  public init(
    term: UInt64, baseTerm: UInt64, baseIndex: UInt64, round: UInt64, lostTerm: UInt64 = 0, lostIndex: UInt64 = 0
  ) {
    self.term = term
    self.baseTerm = baseTerm
    self.baseIndex = baseIndex
    self.round = round
    self.lostTerm = lostTerm
    self.lostIndex = lostIndex
  }
}
