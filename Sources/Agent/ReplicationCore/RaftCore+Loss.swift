// SPDX-License-Identifier: GPL-3.0-or-later

/// A member that lost what it had acknowledged: how a leader notices, and what the member does when it is told.
///
/// It takes part only as a learner would, until an entry of a leader that was elected without its vote is durable
/// here: such a leader was elected by a majority of the others, which holds all that was ever committed with the help
/// of the lost entries. While it recovers, every term it enters counts as voted for itself, so that a vote it gave
/// before the loss is never given twice.
extension RaftCore {
  /// The vote a member starts a new term with.
  var freshVote: MemberID? { mode == .full ? nil : me }

  /// A member does not hold what it had acknowledged to this leader, in this term: from now on it counts for nothing
  /// here, and is told so.
  mutating func doubt(_ member: MemberID) {
    ignored.contradictions += 1
    guard var peer = leading?.peers[member], peer.lost == nil, let lost = log.position(at: peer.match) else { return }
    peer.lost = lost
    leading?.peers[member] = peer
    if leading?.handOver?.target == member { leading?.handOver = nil }
    emit(.peerLostAcknowledged(member, lost))
    remind(member, of: lost)
  }

  /// Tells a member, again and again, what it had acknowledged.
  mutating func remind(_ member: MemberID, of lost: LogPosition) {
    guard var peer = leading?.peers[member] else { return }
    let round = peer.nextRound()
    peer.awaitAnswer(previous: lost.index, hasEntries: false, now: clock)
    leading?.peers[member] = peer
    emit(.send(.lossNotice(LossNotice(term: term, acknowledged: lost, round: round)), to: member))
  }

  /// The answer of a member that is in doubt: only that it does hold what it had acknowledged changes anything.
  mutating func reconsider(_ member: MemberID, _ outcome: AppendResponse.Outcome, isAwaited: Bool) {
    guard isAwaited, let lost = leading?.peers[member]?.lost, case .matched(let index) = outcome, index >= lost.index
    else { return }
    leading?.peers[member]?.lost = nil
    matched(index, by: member, isAwaited: true)
  }

  /// A leader says what this member had acknowledged to it. If that is gone, the loss is made durable before anything
  /// else, and this leader's term ends: it may have been won, or be lost, by a vote that this member forgot.
  mutating func receive(_ notice: LossNotice, from sender: MemberID) {
    guard accept(leader: sender, term: notice.term, round: notice.round) else { return }
    if log.contains(notice.acknowledged) || notice.acknowledged.index <= log.base.index {
      return respond(.matched(index: notice.acknowledged.index), round: notice.round, to: sender)
    }
    guard term < LogPosition.maximum - 1 else { return ignored.malformed += 1 }
    lose(in: term)
    respond(.conflict(hint: log.last), round: notice.round, to: sender)
  }

  private mutating func lose(in lostTerm: UInt64) {
    // While an earlier loss is being made good, only the later one counts.
    emit(.lostAcknowledged(lostTerm: lostTerm))
    mode = .recovering(lostTerm: lostTerm)
    hardState = HardState(term: lostTerm + 1, vote: me)
    state = .follower(Following(leader: nil, lastContact: nil, deadline: electionDeadline()))
    emit(.becameFollower(term: term, leader: nil))
  }
}
