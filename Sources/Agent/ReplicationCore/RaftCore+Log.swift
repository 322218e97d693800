// SPDX-License-Identifier: GPL-3.0-or-later

extension RaftCore {
  /// The own log is durable up to `position`; a leader counts itself only for what was reported here.
  public mutating func onPersisted(upTo position: LogPosition, now: Duration) -> [RaftDirective] {
    advance(to: now)
    // A position that was truncated meanwhile says nothing.
    guard log.contains(position), position.index > persistedIndex else { return drain() }
    persistedIndex = position.index
    finishRecoveryIfDone()
    advanceCommit()
    return drain()
  }

  /// The data has applied the log up to `index`.
  public mutating func onApplied(_ index: UInt64, now: Duration) -> [RaftDirective] {
    advance(to: now)
    appliedIndex = max(appliedIndex, min(index, commitIndex))
    if let leading, !leading.isReady, appliedIndex >= leading.firstIndex {
      self.leading?.isReady = true
      emit(.leaderReady(term: term))
    }
    return drain()
  }

  /// The shell has removed the log's entries up to and with `base`, which the data covers durably. Throws
  /// `inconsistentState` if the log has no such entry or it was not applied.
  public mutating func onLogTruncatedBefore(base: LogPosition) throws(ReplicationError) {
    guard base.index <= appliedIndex, base.index <= persistedIndex else {
      throw ReplicationError(.inconsistentState, "trimming the log to \(base): applied is only \(appliedIndex)")
    }
    guard base.index >= log.base.index else { return }
    guard log.contains(base) else {
      throw ReplicationError(.inconsistentState, "trimming the log to \(base): it has no such entry")
    }
    memberships.trim(to: base.index)
    log.trim(to: base)
  }

  /// An initial sync has replaced data and log: the data covers everything up to `base`, in whose place `membership` is
  /// in force. Entries behind it are kept if the log held `base` (the shell has to carry them over), else the log is
  /// empty. The member does not campaign before its commit index has reached `electableFrom`. Throws
  /// `inconsistentState` on a leader, and if that would go back behind what is committed.
  public mutating func onBaseInstalled(
    _ base: LogPosition, membership installed: Membership, electableFrom: UInt64 = 0, now: Duration
  ) throws(ReplicationError) -> [RaftDirective] {
    advance(to: now)
    guard base.isPlausible, base.index >= commitIndex, role != .leader else {
      throw ReplicationError(
        .inconsistentState, "installing a copy of \(base): the member leads, or has committed \(commitIndex)")
    }
    let before = membership
    if log.contains(base) {
      memberships.trim(to: base.index)
      log.trim(to: base)
    } else {
      // An entry that contradicts what is committed, and those behind it, were never shown.
      readableFrom = min(readableFrom, base.index)
      log = LogOutline(base: base)
      memberships = MembershipHistory(base: installed)
      persistedIndex = base.index
    }
    if base.term > term { follow(term: base.term, leader: nil) }
    commitIndex = base.index
    appliedIndex = base.index
    persistedIndex = max(persistedIndex, base.index)
    syncAskedAt = nil
    self.electableFrom = electableFrom
    if membership != before { emit(.membershipChanged(membership)) }
    finishRecoveryIfDone()
    return drain()
  }

  /// The link to a member broke. A follower that loses its leader asks for a pre-vote soon; a leader sends again at
  /// once when it can.
  public mutating func onPeerDisconnected(_ member: MemberID, now: Duration) -> [RaftDirective] {
    advance(to: now)
    switch state {
    case .leader:
      leading?.peers[member]?.outstanding = nil
    case .follower(let following) where following.leader == member:
      let soon = clock + random.duration(from: settings.electionTimeout / 8, to: settings.electionTimeout / 2)
      state = .follower(Following(leader: nil, lastContact: nil, deadline: min(following.deadline, soon)))
      emit(.becameFollower(term: term, leader: nil))
    case .follower, .preCandidate, .candidate: break
    }
    return drain()
  }
}
