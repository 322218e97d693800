// SPDX-License-Identifier: GPL-3.0-or-later

extension RaftCore {
  /// Lets time pass: deadlines of elections, heartbeats, retries, check-quorum. Call it at least every quarter of the
  /// heartbeat interval, and once at the start.
  public mutating func onTick(now: Duration) -> [RaftDirective] {
    advance(to: now)
    switch state {
    case .follower(let following):
      if mayCampaign && membership.voters == [me] {
        campaign(handOver: false)
      } else if clock >= following.deadline {
        waitIsOver(following)
      }
    case .preCandidate(let candidacy), .candidate(let candidacy):
      if clock >= candidacy.deadline { askPreVote() }
    case .leader:
      tickLeader()
    }
    return drain()
  }

  /// Whether this member may stand for election at all.
  var mayCampaign: Bool {
    mode == .full && mayBeNeeded && commitIndex >= electableFrom && term < LogPosition.maximum - 1
  }

  /// Whether this member votes, or did before a change that may never be committed without it: its log may be the only
  /// one that is complete (dissertation, 4.2.2).
  private var mayBeNeeded: Bool {
    if membership.isVoter(me) { return true }
    guard !isMembershipCommitted, let index = memberships.currentIndex else { return false }
    return memberships.membership(at: index - 1).isVoter(me)
  }

  private mutating func waitIsOver(_ following: Following) {
    if mayCampaign { return askPreVote() }
    state = .follower(Following(leader: nil, lastContact: nil, deadline: electionDeadline()))
    if following.leader != nil { emit(.becameFollower(term: term, leader: nil)) }
  }

  /// Asks whether an election could be won, without changing any term (dissertation, 9.6).
  private mutating func askPreVote() {
    let hadLeader = leader != nil
    let wait = random.duration(from: settings.electionTimeout / 4, to: settings.electionTimeout / 2)
    state = .preCandidate(Candidacy(term: term + 1, granted: [me], deadline: clock + wait))
    if hadLeader { emit(.becameFollower(term: term, leader: nil)) }
    if hasMajority(of: [me]) { return campaign(handOver: false) }
    ask(VoteRequest(term: term + 1, last: log.last, preVote: true, handOver: false))
  }

  /// Stands for election in the next term, with its own vote.
  mutating func campaign(handOver: Bool) {
    hardState = HardState(term: term + 1, vote: me)
    let wait = random.duration(from: settings.electionTimeout / 6, to: settings.electionTimeout / 2)
    state = .candidate(Candidacy(term: term, granted: [me], deadline: clock + wait))
    if hasMajority(of: [me]) { return lead() }
    ask(VoteRequest(term: term, last: log.last, preVote: false, handOver: handOver))
  }

  private mutating func ask(_ request: VoteRequest) {
    for voter in membership.voters where voter != me { emit(.send(.requestVote(request), to: voter)) }
  }

  mutating func receive(_ request: VoteRequest, from sender: MemberID) {
    if !request.handOver, hearsLeader {
      // A member that lost touch must not unseat a leader the others hear (4.2.3). A pre-vote is answered, so that a
      // candidate learns a higher term.
      ignored.votesWhileLed += 1
      if request.preVote { answer(request, granted: false, to: sender) }
      return
    }
    let isUpToDate = request.last >= log.last && mode == .full
    if request.preVote { return answer(request, granted: isUpToDate && request.term > term, to: sender) }
    if request.term > term { follow(term: request.term, leader: nil) }
    var granted = false
    if case .follower(var following) = state, request.term == term {
      granted = isUpToDate && (hardState.vote ?? sender) == sender
      if granted {
        hardState.vote = sender
        following.deadline = electionDeadline()
        state = .follower(following)
      }
    }
    answer(request, granted: granted, to: sender)
  }

  private mutating func answer(_ request: VoteRequest, granted: Bool, to sender: MemberID) {
    let response = VoteResponse(
      term: term, electionTerm: request.term, preVote: request.preVote, granted: granted)
    emit(.send(.voteResponse(response), to: sender))
  }

  /// Whether a leader leads and was heard within the shortest election timeout.
  private var hearsLeader: Bool {
    switch state {
    case .leader: true
    case .follower(let following):
      following.leader != nil && following.lastContact.map { clock - $0 < settings.electionTimeout } ?? false
    case .preCandidate, .candidate: false
    }
  }

  mutating func receive(_ response: VoteResponse, from sender: MemberID) {
    guard membership.isVoter(sender) else { return ignored.fromStrangers += 1 }
    if response.term > term { return follow(term: response.term, leader: nil) }
    switch state {
    case .preCandidate(var candidacy) where response.preVote && response.electionTerm == candidacy.term:
      if count(response, of: sender, in: &candidacy) { return campaign(handOver: false) }
      state = .preCandidate(candidacy)
    case .candidate(var candidacy) where !response.preVote && response.electionTerm == candidacy.term:
      if count(response, of: sender, in: &candidacy) { return lead() }
      state = .candidate(candidacy)
    default:
      ignored.stale += 1
    }
  }

  /// Counts an answer; true once a majority of the voters in force has granted.
  private func count(_ response: VoteResponse, of voter: MemberID, in candidacy: inout Candidacy) -> Bool {
    if response.granted { candidacy.granted.insert(voter) }
    return hasMajority(of: candidacy.granted)
  }

  private func hasMajority(of members: Set<MemberID>) -> Bool {
    membership.voters.count { members.contains($0) } >= membership.majority
  }

  mutating func receive(_ request: TimeoutNow, from sender: MemberID) {
    guard case .follower(let following) = state, request.term == term, following.leader == sender, mayCampaign else {
      return ignored.stale += 1
    }
    emit(.becameFollower(term: term, leader: nil))
    campaign(handOver: true)
  }

  /// Follows in `term`, which is at least the current one; reports it if anything is new.
  mutating func follow(term newTerm: UInt64, leader newLeader: MemberID?) {
    let before = (term: term, leader: leader, role: role)
    if newTerm > term { hardState = HardState(term: newTerm, vote: freshVote) }
    let deadline =
      switch state {
      case _ where newLeader != nil: electionDeadline()
      case .follower(let following): following.deadline  // an election elsewhere does not put off one's own
      case .preCandidate(let candidacy), .candidate(let candidacy): candidacy.deadline
      case .leader: electionDeadline()
      }
    state = .follower(Following(leader: newLeader, lastContact: newLeader.map { _ in clock }, deadline: deadline))
    if before.term != term || before.leader != newLeader || before.role != .follower {
      emit(.becameFollower(term: term, leader: newLeader))
    }
  }
}
