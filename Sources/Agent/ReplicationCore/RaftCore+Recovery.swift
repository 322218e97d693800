// SPDX-License-Identifier: GPL-3.0-or-later

/// Why a member can't be made its shard's only voter.
public enum RecoveryRefusal: Error, Sendable, Equatable {
  /// It leads, or hears a leader: a majority is there, and nothing has to be given up.
  case hasMajority
  /// Its log does not end where it was said to: somebody decided on something else.
  case movedOn(lastIndex: UInt64)
  /// Its data is a copy that is not yet of one moment.
  case notWhole
}

/// The one operation that gives something up: a shard goes on from one member's log, without asking the others.
extension RaftCore {
  /// How far the term rises at least: whoever the others elected or may yet elect among themselves by the old
  /// membership steps down when it hears of this member. Without a majority terms hardly rise, because of the pre-vote.
  static let recoveryTermLead: UInt64 = 1024
  /// How far the terms lie apart in which two members of one shard go on: if both are made to, because the first one
  /// fell silent, no entry of one may look like one of the other.
  static let recoveryTermStep: UInt64 = 128

  /// Makes this member the shard's only voter, and leader at once; all others follow as learners.
  ///
  /// **Unsafe**: entries that only others have are lost, also acknowledged ones, and if enough others still run by the
  /// old membership and cannot hear this member, there are two leaders. Whoever calls it has an operator's word and
  /// keeps the others from opening what they have. Members whose log contradicts this one's have to copy everything
  /// anew; the rest catch up. A member that lost what it had acknowledged is given that up with the rest: where every
  /// disk of a shard is an older copy there is nothing better. `lastIndex` is where the operator was shown that this
  /// member's log ends.
  public mutating func onForceSoleVoter(lastIndex: UInt64, now: Duration) -> Result<[RaftDirective], RecoveryRefusal> {
    advance(to: now)
    if membership.voters == [me], role == .leader { return .success([]) }
    guard role != .leader, leader == nil else { return .failure(.hasMajority) }
    guard isOfOneMoment else { return .failure(.notWhole) }
    guard log.lastIndex == lastIndex, term < LogPosition.maximum - 3 * Self.recoveryTermLead,
      let sole = try? Membership(voters: [me], learners: membership.everyone.filter { $0 != me })
    else { return .failure(.movedOn(lastIndex: log.lastIndex)) }
    let place = UInt64(membership.everyone.sorted().firstIndex(of: me) ?? 0)
    let start = (term / Self.recoveryTermLead + 2) * Self.recoveryTermLead
    hardState = HardState(
      term: start + place * Self.recoveryTermStep % Self.recoveryTermLead, vote: me)
    let wasRecovering = mode != .full
    mode = .full
    lead()
    memberships.append(sole, at: log.lastIndex + 1)
    updatePeers()
    appendAsLeader(.membership, [sole.encoded()])
    emit(.membershipChanged(sole))
    // Last: until it leads alone, it takes no part in what others elect.
    if wasRecovering { emit(.recoveryFinished) }
    return .success(drain())
  }

  /// A learner of these that may vote again: it has caught up, and no other change is under way. One at a time.
  public func promotable(among members: Set<MemberID>, now: Duration) -> MemberID? {
    guard acceptsProposals, isMembershipCommitted else { return nil }
    return membership.learners.first { members.contains($0) && isReadyToVote($0, now: now) }
  }

  /// Whether a learner has caught up and holds an entry of this leader's own term: one that recovers from a loss can't
  /// vote before, and as a voter that can't it could keep the shard without a leader for good.
  func isReadyToVote(_ learner: MemberID, now: Duration) -> Bool {
    guard let leading, let peer = leading.peers[learner] else { return false }
    return peer.match >= leading.firstIndex && isCaughtUp(learner, now: now)
  }
}
