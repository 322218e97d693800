// SPDX-License-Identifier: GPL-3.0-or-later

extension RaftCore {
  /// Adds data entries to the log; only a ready leader takes them. They are committed once `commitAdvanced` passes
  /// them.
  public mutating func onPropose(_ payloads: [[UInt8]], now: Duration) -> ProposalOutcome {
    advance(to: now)
    if let refusal = refusal(for: payloads) { return .refused(refusal) }
    return propose(.data, payloads)
  }

  /// Changes the membership; only a ready leader does, and only one change at a time.
  public mutating func onProposeMembership(_ change: MembershipChange, now: Duration) -> ProposalOutcome {
    advance(to: now)
    if let refusal = refusalOfRole { return .refused(refusal) }
    guard isMembershipCommitted else { return .refused(.changeInProgress) }
    switch membership.applying(change) {
    case .failure(let refusal): return .refused(refusal)
    case .success(let changed):
      if case .promoteLearner(let learner) = change, !isReadyToVote(learner, now: clock) {
        return .refused(.notCaughtUp)
      }
      memberships.append(changed, at: log.lastIndex + 1)
      updatePeers()
      let outcome = propose(.membership, [changed.encoded()])
      guard case .accepted(let first, let last, let directives) = outcome else { return outcome }
      return .accepted(first: first, last: last, directives: directives + [.membershipChanged(changed)])
    }
  }

  private mutating func propose(_ kind: EntryKind, _ payloads: [[UInt8]]) -> ProposalOutcome {
    let first = LogPosition(term: term, index: log.lastIndex + 1)
    appendAsLeader(kind, payloads)
    return .accepted(first: first, last: log.last, directives: drain())
  }

  private func refusal(for payloads: [[UInt8]]) -> ProposalRefusal? {
    if let refusal = refusalOfRole { return refusal }
    guard !payloads.isEmpty, payloads.allSatisfy({ $0.count <= settings.maximumPayloadBytes }) else {
      return .badPayload
    }
    guard UInt64(payloads.count) <= settings.maximumUncommittedEntries,
      log.lastIndex - commitIndex <= settings.maximumUncommittedEntries - UInt64(payloads.count)
    else { return .overloaded }
    return log.lastIndex < LogPosition.maximum - UInt64(payloads.count) ? nil : .overloaded
  }

  private var refusalOfRole: ProposalRefusal? {
    guard let leading else { return .notLeader(known: leader) }
    guard leading.isReady else { return .notReady }
    return leading.handOver == nil ? nil : .handingOver
  }

  /// Hands leadership over to `target`, or to the voter that is furthest; proposals are refused until it is done, for
  /// at most one election timeout (dissertation, 3.10). The refusal says why it can't be, nil that it has begun.
  public mutating func onTransferLeadership(to target: MemberID?, now: Duration)
    -> (refusal: ProposalRefusal?, directives: [RaftDirective])
  {
    advance(to: now)
    if let refusal = refusalOfRole { return (refusal, []) }
    if let target, target == me || !membership.isVoter(target) { return (.notMember, []) }
    guard let heir = target ?? bestSuccessor, isCaughtUp(heir, now: clock) else { return (.notCaughtUp, []) }
    let handOver = HandOver(target: heir, deadline: clock + settings.electionTimeout)
    leading?.handOver = handOver
    continueHandOver()
    return (nil, drain())
  }

  /// The voter with the most of the log; of equals the first of the membership.
  private var bestSuccessor: MemberID? {
    var best: (member: MemberID, match: UInt64)?
    for voter in membership.voters where voter != me && isCaughtUp(voter, now: clock) {
      let match = leading?.peers[voter]?.match ?? 0
      if best.map({ match > $0.match }) ?? true { best = (voter, match) }
    }
    return best?.member
  }

  /// Tells the heir to campaign as soon as it has the whole log; repeated at each heartbeat, as the message may be
  /// lost.
  mutating func continueHandOver() {
    guard let leading, let handOver = leading.handOver else { return }
    guard membership.isVoter(handOver.target), let peer = leading.peers[handOver.target] else {
      self.leading?.handOver = nil
      return
    }
    if peer.match == log.lastIndex { emit(.send(.timeoutNow(TimeoutNow(term: term)), to: handOver.target)) }
  }

  /// A leader that is no voter any more, once that is committed: it lets the furthest voter campaign at once.
  mutating func leaveOffice() {
    for member in membership.everyone where member != me { sendNext(to: member) }
    if let heir = bestSuccessor { emit(.send(.timeoutNow(TimeoutNow(term: term)), to: heir)) }
    follow(term: term, leader: nil)
  }
}
