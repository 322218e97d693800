// SPDX-License-Identifier: GPL-3.0-or-later

/// What a leader knows of another member, for a status.
public struct PeerStatus: Sendable, Equatable {
  /// The member.
  public let member: MemberID
  /// Whether it votes.
  public let isVoter: Bool
  /// Its log is durable and equal to the leader's up to this index.
  public let match: UInt64
  /// How long ago it was heard; nil if never in this term.
  public let silence: Duration?
  /// Whether it has to copy everything anew.
  public let needsSync: Bool
  /// Whether it was heard within the election timeout and is at most `caughtUpLag` entries behind.
  public let isCaughtUp: Bool
}

extension RaftCore {
  /// The part this member plays.
  public var role: RaftRole {
    switch state {
    case .follower: .follower
    case .preCandidate: .preCandidate
    case .candidate: .candidate
    case .leader: .leader
    }
  }

  /// The leader of the current term, as far as this member knows.
  public var leader: MemberID? {
    switch state {
    case .follower(let following): following.leader
    case .preCandidate, .candidate: nil
    case .leader: me
    }
  }

  /// The last position of the log.
  public var lastPosition: LogPosition { log.last }
  /// The term of the entry at `index`; nil before the log's base and after its end.
  public func term(at index: UInt64) -> UInt64? { log.term(at: index) }
  /// Whether this member leads and takes writes now.
  public var acceptsProposals: Bool { leading?.isReady == true && leading?.handOver == nil }
  /// Whether the membership in force is committed.
  public var isMembershipCommitted: Bool { (memberships.currentIndex ?? 0) <= commitIndex }
  /// Whether the leader's log starts too late for this member, as far as it was told since entries followed last.
  public var needsInitialSync: Bool { syncAskedAt != nil }
  /// Whether the data has passed the position at the end of the copy it was made from; before that it is of no one
  /// moment, and nobody may read or copy it.
  public var isOfOneMoment: Bool { appliedIndex >= electableFrom }
  /// Whether drivers may read here: the data is of one moment, and not older than what this member showed before it
  /// started or lost what it had.
  ///
  /// A member applies only what is in its own log durably, so it never showed more than its log held when it started.
  /// It has applied that, or it is gone from the log, once the entries of any leader are committed here. A shard that
  /// has no majority does not get there; its members wait for it as candidates, which nobody reads either. A shard's
  /// only voter that lost something gets it back from nobody: what is left there can be read.
  public var isReadable: Bool {
    guard mode == .full else { return isOfOneMoment && membership.voters == [me] }
    return isOfOneMoment && appliedIndex >= readableFrom
  }
  /// Whether this member neither votes nor campaigns because it lost what it had acknowledged.
  public var isRecovering: Bool { mode != .full }

  /// What the leader knows of the others, in the membership's order; empty on any other member.
  public func peers(now: Duration) -> [PeerStatus] {
    guard let leading else { return [] }
    return membership.everyone.compactMap { member in
      guard let peer = leading.peers[member] else { return nil }
      return PeerStatus(
        member: member, isVoter: membership.isVoter(member), match: peer.match,
        silence: peer.wasHeard ? max(.zero, now - peer.lastHeard) : nil, needsSync: peer.needsSync,
        isCaughtUp: isCaughtUp(member, now: now))
    }
  }

  /// Whether the leader has heard `member` within the election timeout and its log is nearly complete; on any other
  /// member false.
  public func isCaughtUp(_ member: MemberID, now: Duration) -> Bool {
    guard let leading else { return false }
    guard member != me else { return true }
    guard let peer = leading.peers[member], peer.wasHeard, !peer.needsSync, peer.lost == nil else { return false }
    return now - peer.lastHeard < settings.electionTimeout && peer.match + settings.caughtUpLag >= log.lastIndex
  }

  /// The leader's state; setting it has an effect only while this member leads.
  var leading: Leading? {
    get { if case .leader(let leading) = state { leading } else { nil } }
    set { if let newValue, case .leader = state { state = .leader(newValue) } }
  }
}
