// SPDX-License-Identifier: GPL-3.0-or-later

/// The part a member plays at the moment.
public enum RaftRole: Sendable, Equatable { case follower, preCandidate, candidate, leader }

/// What a member is at the moment, with all that belongs only to that.
enum RaftState: Sendable {
  /// Follows a leader or waits for one. To preCandidate when the deadline passes, to candidate when a leader hands
  /// over.
  case follower(Following)
  /// Asks whether it could win, at its old term. To candidate with a majority, to follower when a leader shows itself.
  case preCandidate(Candidacy)
  /// Stands in an election of its own term. To leader with a majority, to preCandidate when the deadline passes, to
  /// follower when it sees a leader or a higher term.
  case candidate(Candidacy)
  /// Leads its term. To follower at a higher term, without a majority, or when it left the voters.
  case leader(Leading)
}

struct Following: Sendable {
  /// The leader of this term, nil while none has shown itself or its link broke.
  var leader: MemberID?
  /// When the leader was heard last.
  var lastContact: Duration?
  /// When the member campaigns if nothing happens.
  var deadline: Duration
}

struct Candidacy: Sendable {
  /// The term of the election; with a pre-vote the term it would have.
  var term: UInt64
  /// Who granted.
  var granted: Set<MemberID> = []
  /// When it counts as failed.
  var deadline: Duration
}

struct Leading: Sendable {
  /// What is known of the others, voters and learners.
  var peers: [MemberID: PeerProgress] = [:]
  /// The index of this leader's first entry.
  var firstIndex: UInt64
  /// Whether that entry is committed and applied.
  var isReady = false
  /// When the next heartbeat is due.
  var nextHeartbeat: Duration
  /// A hand-over under way.
  var handOver: HandOver?
}

struct HandOver: Sendable {
  var target: MemberID
  /// When the leader gives up and takes proposals again.
  var deadline: Duration
}

/// What a leader knows of one other member.
struct PeerProgress: Sendable {
  /// A message whose answer is awaited.
  struct Outstanding: Sendable {
    var round: UInt64
    var sentAt: Duration
    /// Whether it has entries; one without never holds up another.
    var hasEntries: Bool
    /// The index before its first entry.
    var previous: UInt64
    /// Whether the member had acknowledged that index before the message was sent.
    var wasMatched: Bool
  }

  /// The member's log is durable and equal to the leader's up to here.
  var match: UInt64 = 0
  /// The index of the next entry to send.
  var next: UInt64
  /// When the member was heard last; at first, when it became a peer.
  var lastHeard: Duration
  /// Whether it has answered at all.
  var wasHeard = false
  /// At most one message with entries is under way.
  var outstanding: Outstanding?
  /// The number of the last message.
  var round: UInt64 = 0
  /// The highest commit index the member can know of.
  var commitSent: UInt64 = 0
  /// Whether its log ends before the leader's starts.
  var needsSync = false
  /// What it had acknowledged in this term and does not hold any more: it counts for nothing until it says otherwise.
  var lost: LogPosition?

  mutating func nextRound() -> UInt64 {
    round += 1
    return round
  }

  /// Waits for the answer to the last message, sent now.
  mutating func awaitAnswer(previous: UInt64, hasEntries: Bool, now: Duration) {
    // The place before the first entry was acknowledged by nobody, and no loss of it can be told.
    outstanding = Outstanding(
      round: round, sentAt: now, hasEntries: hasEntries, previous: previous,
      wasMatched: previous > 0 && previous <= match)
  }

  /// Whether entries are under way that are not due to be sent again yet.
  func awaitsEntries(now: Duration, retry: Duration) -> Bool {
    guard let outstanding, outstanding.hasEntries else { return false }
    return now - outstanding.sentAt < retry
  }
}
