// SPDX-License-Identifier: GPL-3.0-or-later

extension RaftCore {
  /// Handles a message of another member. `sender` comes from the authenticated link.
  public mutating func onMessage(_ message: RaftMessage, from sender: MemberID, now: Duration) -> [RaftDirective] {
    advance(to: now)
    if sender == me {
      ignored.fromStrangers += 1
    } else if !message.isWellFormed(settings) {
      ignored.malformed += 1
    } else {
      switch message {
      case .requestVote(let request): receive(request, from: sender)
      case .voteResponse(let response): receive(response, from: sender)
      case .appendEntries(let request): receive(request, from: sender)
      case .appendResponse(let response): receive(response, from: sender)
      case .timeoutNow(let request): receive(request, from: sender)
      case .needSync(let demand): receive(demand, from: sender)
      case .lossNotice(let notice): receive(notice, from: sender)
      }
    }
    return drain()
  }

  /// A leader's message of `newTerm`: true if `sender` leads the current term now. It may be a stranger: this member's
  /// membership may be older than the leader's (4.1).
  mutating func accept(leader sender: MemberID, term newTerm: UInt64, round: UInt64) -> Bool {
    if newTerm < term {
      ignored.stale += 1
      respond(.outdated, round: round, to: sender)
      return false
    }
    if newTerm == term, role == .leader || (leader ?? sender) != sender {
      ignored.contradictions += 1
      return false
    }
    follow(term: newTerm, leader: sender)
    return true
  }

  mutating func respond(_ outcome: AppendResponse.Outcome, round: UInt64, to sender: MemberID) {
    emit(.send(.appendResponse(AppendResponse(term: term, outcome: outcome, round: round)), to: sender))
  }

  private mutating func receive(_ request: AppendRequest, from sender: MemberID) {
    guard let incoming = IncomingEntries(request) else { return ignored.malformed += 1 }
    guard accept(leader: sender, term: request.term, round: request.round) else { return }
    leaderCommit = max(leaderCommit, request.commit)
    guard let fresh = compare(incoming, from: sender, round: request.round) else { return }
    append(fresh, memberships: incoming.memberships)
    syncAskedAt = nil
    let matched = request.previous.index + UInt64(request.entries.count)
    commit(upTo: min(request.commit, matched))
    respond(.matched(index: matched), round: request.round, to: sender)
  }

  /// The entries that are new here, once what contradicts them is gone; nil if they do not follow (then answered).
  private mutating func compare(_ incoming: IncomingEntries, from sender: MemberID, round: UInt64) -> ArraySlice<
    LogEntry
  >? {
    let positions = [incoming.previous] + incoming.entries.map(\.position)
    for (offset, position) in positions.enumerated() where position.index >= log.base.index {
      if log.contains(position) { continue }
      if position.index <= commitIndex {
        ignored.contradictions += 1
        askForSync(.contradiction(leader: sender, at: position.index))
        respond(.conflict(hint: log.base), round: round, to: sender)
        return nil
      }
      if offset == 0 {
        let hint = log.last(notAfter: position.index - 1, termAtMost: position.term) ?? log.base
        respond(.conflict(hint: hint), round: round, to: sender)
        return nil
      }
      if position.index <= log.lastIndex { truncate(after: position.index - 1) }
      return incoming.entries[(offset - 1)...]
    }
    return []
  }

  private mutating func append(_ entries: ArraySlice<LogEntry>, memberships changes: [MembershipHistory.Change]) {
    guard let first = entries.first else { return }
    for entry in entries { log.extend(to: entry.position) }
    emit(.appendEntries(Array(entries)))
    let before = membership
    for change in changes where change.index >= first.position.index {
      memberships.append(change.membership, at: change.index)
    }
    if membership != before { emit(.membershipChanged(membership)) }
  }

  private mutating func truncate(after index: UInt64) {
    log.truncate(after: index)
    persistedIndex = min(persistedIndex, index)
    // What is removed was never committed, so never shown.
    readableFrom = min(readableFrom, index)
    emit(.truncateLog(after: index))
    let before = membership
    memberships.truncate(after: index)
    if membership != before { emit(.membershipChanged(membership)) }
  }

  private mutating func receive(_ demand: SyncDemand, from sender: MemberID) {
    guard accept(leader: sender, term: demand.term, round: demand.round) else { return }
    let mayFollow = log.base.index >= demand.base.index || log.contains(demand.base)
    if !mayFollow { askForSync(.behindLeader(leader: sender, base: demand.base)) }
    respond(.conflict(hint: mayFollow ? log.last : log.base), round: demand.round, to: sender)
  }

  private mutating func askForSync(_ reason: SyncReason) {
    if let syncAskedAt, clock - syncAskedAt < settings.electionTimeout { return }
    syncAskedAt = clock
    emit(.needsInitialSync(reason))
  }

  /// Raises the commit index, if it is higher; the log is durable and equal to the leader's up to it.
  mutating func commit(upTo index: UInt64) {
    guard index > commitIndex else { return }
    commitIndex = index
    emit(.commitAdvanced(to: index))
    finishRecoveryIfDone()
  }

  /// An entry made after the loss, by a leader elected without this member, proves once it is durable here that
  /// everything acknowledged before is here again: that leader had all that was ever committed, and what stands before
  /// its entry is equal to its log. Whether the entry itself is committed says nothing of that, and a member that
  /// waited to hear it could be the one whose vote is needed for anybody to be able to say so.
  mutating func finishRecoveryIfDone() {
    let end = max(commitIndex, persistedIndex)
    guard case .recovering(let lostTerm) = mode, let held = log.term(at: end), held > lostTerm else { return }
    mode = .full
    // What it had shown before the loss is among what stands before that entry.
    readableFrom = max(readableFrom, end)
    emit(.recoveryFinished)
  }
}

/// The entries of a message with their memberships decoded.
struct IncomingEntries {
  let previous: LogPosition
  let entries: [LogEntry]
  let memberships: [MembershipHistory.Change]

  /// Nil if a membership entry is none.
  init?(_ request: AppendRequest) {
    var changes: [MembershipHistory.Change] = []
    for entry in request.entries where entry.kind == .membership {
      guard let membership = try? Membership(decoding: entry.payload) else { return nil }
      changes.append(.init(index: entry.position.index, membership: membership))
    }
    previous = request.previous
    entries = request.entries
    memberships = changes
  }
}
