// SPDX-License-Identifier: GPL-3.0-or-later

extension RaftCore {
  /// Takes the lead of the current term and adds the entry through which earlier ones commit (dissertation, 3.6.2).
  mutating func lead() {
    let first = log.lastIndex + 1
    state = .leader(Leading(firstIndex: first, nextHeartbeat: clock + settings.heartbeatInterval))
    updatePeers()
    emit(.becameLeader(term: term))
    appendAsLeader(.noop, [[]])
  }

  /// Adds entries to the leader's own log and sends them to everyone who waits for none.
  mutating func appendAsLeader(_ kind: EntryKind, _ payloads: [[UInt8]]) {
    let entries = payloads.enumerated().map { offset, payload in
      LogEntry(
        position: LogPosition(term: term, index: log.lastIndex + 1 + UInt64(offset)), kind: kind, payload: payload)
    }
    for entry in entries { log.extend(to: entry.position) }
    emit(.appendEntries(entries))
    sendToAll()
  }

  /// Peers as the membership says; new ones start as if they had everything.
  mutating func updatePeers() {
    guard var leading else { return }
    let members = membership.everyone.filter { $0 != me }
    leading.peers = leading.peers.filter { members.contains($0.key) }
    for member in members where leading.peers[member] == nil {
      leading.peers[member] = PeerProgress(next: log.lastIndex + 1, lastHeard: clock)
    }
    self.leading = leading
  }

  private mutating func sendToAll() {
    for member in membership.everyone where member != me { sendNext(to: member) }
  }

  /// Sends what a peer misses, unless it has yet to answer for other entries: entries, else a new commit index.
  mutating func sendNext(to member: MemberID) {
    guard let peer = leading?.peers[member], !peer.needsSync, peer.lost == nil else { return }
    if peer.awaitsEntries(now: clock, retry: settings.appendRetryInterval) { return }
    if peer.next <= log.lastIndex {
      sendEntries(to: member)
    } else if peer.commitSent < min(commitIndex, peer.match) {
      show(to: member, after: peer.match)
    }
  }

  private mutating func sendEntries(to member: MemberID) {
    guard var peer = leading?.peers[member] else { return }
    guard let previous = log.position(at: peer.next - 1) else { return demandSync(of: member) }
    let round = peer.nextRound()
    peer.awaitAnswer(previous: previous.index, hasEntries: true, now: clock)
    peer.commitSent = max(peer.commitSent, min(commitIndex, previous.index))
    leading?.peers[member] = peer
    let last = min(log.lastIndex, previous.index + UInt64(settings.maximumEntriesPerMessage))
    emit(
      .sendEntries(
        EntriesToSend(to: member, after: previous, upTo: last, term: term, commit: commitIndex, round: round)))
  }

  /// A message without entries that follows `index`; it is awaited only if no entries are.
  private mutating func show(to member: MemberID, after index: UInt64) {
    guard var peer = leading?.peers[member] else { return }
    let previous = log.position(at: index) ?? log.base
    let round = peer.nextRound()
    if !peer.awaitsEntries(now: clock, retry: settings.appendRetryInterval) {
      peer.awaitAnswer(previous: previous.index, hasEntries: false, now: clock)
    }
    peer.commitSent = max(peer.commitSent, min(commitIndex, previous.index))
    leading?.peers[member] = peer
    let request = AppendRequest(term: term, previous: previous, entries: [], commit: commitIndex, round: round)
    emit(.send(.appendEntries(request), to: member))
  }

  private mutating func demandSync(of member: MemberID) {
    guard var peer = leading?.peers[member] else { return }
    let isNew = !peer.needsSync
    peer.needsSync = true
    let round = peer.nextRound()
    peer.awaitAnswer(previous: log.base.index, hasEntries: false, now: clock)
    leading?.peers[member] = peer
    if isNew { emit(.peerNeedsInitialSync(member)) }
    emit(.send(.needSync(SyncDemand(term: term, base: log.base, round: round)), to: member))
  }

  mutating func tickLeader() {
    guard let before = leading else { return }
    if !hearsMajority { return follow(term: term, leader: nil) }
    if let handOver = before.handOver, clock >= handOver.deadline { leading?.handOver = nil }
    guard clock >= before.nextHeartbeat else { return retryUnanswered() }
    let nextHeartbeat = clock + settings.heartbeatInterval
    leading?.nextHeartbeat = nextHeartbeat
    for member in membership.everyone where member != me { heartbeat(to: member) }
    continueHandOver()
  }

  private mutating func heartbeat(to member: MemberID) {
    guard let peer = leading?.peers[member] else { return }
    if let lost = peer.lost { return remind(member, of: lost) }
    if peer.needsSync { return demandSync(of: member) }
    if peer.awaitsEntries(now: clock, retry: settings.appendRetryInterval) {
      return show(to: member, after: peer.match)
    }
    if peer.next <= log.lastIndex { return sendEntries(to: member) }
    show(to: member, after: peer.next - 1)
  }

  private mutating func retryUnanswered() {
    for member in membership.everyone where member != me {
      guard let outstanding = leading?.peers[member]?.outstanding, outstanding.hasEntries else { continue }
      sendNext(to: member)
    }
  }

  /// Check-quorum: whether a majority of the voters was heard within the election timeout (6.2).
  private var hearsMajority: Bool {
    guard let leading else { return false }
    let heard = membership.voters.count { voter in
      guard voter != me else { return true }
      guard let peer = leading.peers[voter], peer.lost == nil else { return false }
      return clock - peer.lastHeard < settings.electionTimeout
    }
    return heard >= membership.majority
  }

  mutating func receive(_ response: AppendResponse, from sender: MemberID) {
    guard membership.contains(sender) else { return ignored.fromStrangers += 1 }
    if response.term > term { return follow(term: response.term, leader: nil) }
    guard response.term == term, response.outcome != .outdated, var peer = leading?.peers[sender],
      response.round <= peer.round
    else {
      return ignored.stale += 1
    }
    peer.lastHeard = clock
    peer.wasHeard = true
    let outstanding = peer.outstanding
    let isAwaited = outstanding?.round == response.round
    if isAwaited { peer.outstanding = nil }
    leading?.peers[sender] = peer
    if peer.lost != nil { return reconsider(sender, response.outcome, isAwaited: isAwaited) }
    switch response.outcome {
    case .matched(let index): matched(index, by: sender, isAwaited: isAwaited)
    case .conflict(let hint):
      guard isAwaited, let outstanding else { return ignored.stale += 1 }
      conflicted(hint, answering: outstanding, with: sender)
    case .outdated: break
    }
  }

  mutating func matched(_ index: UInt64, by member: MemberID, isAwaited: Bool) {
    guard var peer = leading?.peers[member], index <= log.lastIndex else { return ignored.malformed += 1 }
    peer.match = max(peer.match, index)
    peer.next = isAwaited ? peer.match + 1 : max(peer.next, peer.match + 1)
    peer.needsSync = false
    leading?.peers[member] = peer
    advanceCommit()
    sendNext(to: member)
    continueHandOver()
  }

  private mutating func conflicted(
    _ hint: LogPosition, answering message: PeerProgress.Outstanding, with member: MemberID
  ) {
    guard var peer = leading?.peers[member] else { return }
    // Each conflict moves further back, so that probing ends at the log's base at the latest; what could go round in
    // circles, because one of the two is damaged, waits for the next heartbeat.
    let wasSynced = peer.needsSync
    let limit = wasSynced ? hint.index : min(hint.index, max(message.previous, 1) - 1)
    guard let agreed = log.last(notAfter: limit, termAtMost: hint.term) else {
      // With nothing in common left, what it had acknowledged is gone all the more.
      if !wasSynced, message.wasMatched, peer.match > log.base.index { return doubt(member) }
      // While a copy is asked for, the next heartbeat repeats it.
      if !wasSynced { demandSync(of: member) }
      return
    }
    // It lost what it had acknowledged. Otherwise a hint below the match is only older than the match.
    if !wasSynced, message.wasMatched { return doubt(member) }
    peer.needsSync = false
    peer.next = max(agreed.index, peer.match) + 1
    leading?.peers[member] = peer
    // The same entries again would meet the same answer: a member that committed something else, at the log's base.
    let goesRound = peer.next == message.previous + 1
    if !wasSynced, !goesRound { sendNext(to: member) }
  }

  /// Commits what a majority has durably, but only through an entry of this leader's own term (3.6.2), and never more
  /// than is durable here.
  mutating func advanceCommit() {
    guard let leading else { return }
    let matches = membership.voters.map { voter in
      voter == me ? persistedIndex : leading.peers[voter].map { $0.lost == nil ? $0.match : 0 } ?? 0
    }.sorted()
    let index = min(matches[(matches.count - 1) / 2], persistedIndex)
    guard index > commitIndex, log.term(at: index) == term else { return }
    commit(upTo: index)
    if isMembershipCommitted, !membership.isVoter(me) { return leaveOffice() }
    sendToAll()
  }
}
