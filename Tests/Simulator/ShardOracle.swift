// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
package import ReplicationCore

/// A promise that was broken, with the moment in virtual time.
package struct BrokenPromise: Error, CustomStringConvertible {
  package var sentence: String
  package init(sentence: String) { self.sentence = sentence }
  package var description: String { sentence }
}

/// Knows everything that ever happened in a simulated shard and checks each step against Raft's promises.
package struct ShardOracle {
  package init() {}

  package struct Committed {
    package var position: LogPosition
    package var chain: UInt64
    /// The term of the member that reported the commit first.
    var byTerm: UInt64
  }
  struct Ballot: Hashable { var voter: MemberID; var term: UInt64 }
  struct Written { var digest: UInt64; var previous: LogPosition }

  package private(set) var committed: [Committed] = []
  package private(set) var acknowledged: [LogPosition] = []
  /// The last membership that was committed, nil before the first change.
  package private(set) var membership: Membership?
  private var leaders: [UInt64: MemberID] = [:]
  private var votes: [Ballot: MemberID] = [:]
  private var written: [LogPosition: Written] = [:]
  private var revealed: [MemberID: UInt64] = [:]
  /// How far readers saw each member.
  private var shown: [MemberID: UInt64] = [:]
  /// Members built anew after a loss that have not caught up with a primary elected without them.
  private var recovering: Set<MemberID> = []

  package static func chain(_ before: UInt64, _ entry: LogEntry) -> UInt64 {
    var hash = before ^ 0xCBF2_9CE4_8422_2325
    func mix(_ value: UInt64) { hash = (hash ^ value) &* 0x0000_0100_0000_01B3 ^ (hash >> 29) }
    mix(entry.position.term)
    mix(entry.position.index)
    mix(UInt64(entry.kind.rawValue))
    for byte in entry.payload { mix(UInt64(byte)) }
    return hash
  }

  /// Election safety and leader completeness.
  package mutating func becameLeader(_ member: MemberID, _ core: RaftCore) throws {
    let before = leaders.updateValue(member, forKey: core.term)
    try require((before ?? member) == member, "two leaders in term \(core.term): \(before?.text ?? "") and \(member)")
    for entry in committed where entry.byTerm < core.term && entry.position.index >= core.log.base.index {
      try require(
        core.term(at: entry.position.index) == entry.position.term,
        "\(member) leads term \(core.term) without the committed entry \(entry.position)")
    }
  }

  /// Who led was elected by a majority of those that vote by its own log; a node that was removed has no vote.
  package func checkElection(of member: MemberID, _ core: RaftCore) throws {
    let voters = core.membership.voters
    let granted = voters.count { voter in
      voter == member || votes[Ballot(voter: voter, term: core.term)] == member
    }
    try require(
      granted >= core.membership.majority,
      "\(member) leads term \(core.term) with the votes of \(granted) of \(voters.count)")
  }

  /// Log matching: one position has one content and one predecessor, in all logs that ever were.
  package mutating func wrote(_ member: MemberID, _ entry: LogEntry, after previous: LogPosition) throws {
    let digest = Self.chain(0, entry)
    if let known = written[entry.position] {
      try require(
        known.digest == digest && known.previous == previous, "\(member) has another entry at \(entry.position)")
    }
    written[entry.position] = Written(digest: digest, previous: previous)
    try require(entry.position.index == previous.index + 1, "\(member) writes \(entry.position) after \(previous)")
  }

  /// State machine safety: all apply the same at the same index. Returns the content after `entry`.
  package mutating func applied(_ member: MemberID, _ entry: LogEntry, on chain: UInt64, term: UInt64) throws -> UInt64
  {
    let after = Self.chain(chain, entry)
    let index = entry.position.index
    try require(index <= committed.count + 1, "\(member) applies \(entry.position) beyond what is committed")
    if index == committed.count + 1 {
      committed.append(Committed(position: entry.position, chain: after, byTerm: term))
      if entry.kind == .membership { membership = try? Membership(decoding: entry.payload) }
    }
    let known = committed[Int(index) - 1]
    try require(
      known.position == entry.position && known.chain == after,
      "\(member) applies \(entry.position), others have \(known.position)")
    return after
  }

  package mutating func acknowledged(_ position: LogPosition) throws {
    acknowledged.append(position)
    try require(holds(position), "the acknowledged entry \(position) is not the committed one")
  }

  /// The shard goes on from one member's log, by an operator's word: whatever only others have is given up. Returns how
  /// many acknowledged entries that is.
  package mutating func goesOn(from member: RaftCore) -> Int {
    var kept = committed.count
    while kept > 0, committed[kept - 1].position.index > member.log.base.index,
      !member.log.contains(committed[kept - 1].position)
    {
      kept -= 1
    }
    committed.removeLast(committed.count - kept)
    let before = acknowledged.count
    acknowledged.removeAll { $0.index > kept }
    return before - acknowledged.count
  }

  private func holds(_ position: LogPosition) -> Bool {
    position.index <= committed.count && committed[Int(position.index) - 1].position == position
  }

  /// Nothing that was acknowledged may be missing from the data of `member`.
  package func checkAcknowledged(_ member: MemberID, applied index: UInt64, chain: UInt64) throws {
    for position in acknowledged {
      try require(holds(position) && position.index <= index, "\(member) lacks the acknowledged entry \(position)")
    }
    let expected = index == 0 ? 0 : committed[Int(index) - 1].chain
    try require(chain == expected, "\(member) has other data at \(index)")
  }

  /// Terms never go back, a member votes once per term, over any restart.
  package mutating func sent(_ member: MemberID, _ message: RaftMessage, to receiver: MemberID) throws {
    let term: UInt64? =
      switch message {
      case .requestVote(let request): request.preVote ? nil : request.term
      case .voteResponse(let response): response.term
      case .appendEntries(let request): request.term
      case .appendResponse(let response): response.term
      case .timeoutNow(let request): request.term
      case .needSync(let demand): demand.term
      case .lossNotice(let notice): notice.term
      }
    if let term {
      try require(term >= revealed[member, default: 0], "\(member) went back to term \(term)")
      revealed[member] = term
    }
    if case .voteResponse(let response) = message, response.granted, !response.preVote {
      try vote(of: member, for: receiver, in: response.term)
    }
    if case .requestVote(let request) = message, !request.preVote {
      try vote(of: member, for: member, in: request.term)
    }
  }

  private mutating func vote(of voter: MemberID, for candidate: MemberID, in term: UInt64) throws {
    try require(!recovering.contains(voter), "\(voter) votes in term \(term) before it has recovered what it lost")
    let before = votes.updateValue(candidate, forKey: Ballot(voter: voter, term: term))
    try require(
      (before ?? candidate) == candidate, "\(voter) voted in term \(term) for \(before?.text ?? "") and \(candidate)")
  }

  /// The member lost its disk: what it said of its own term, and its votes for itself, died with it.
  package mutating func lostDisk(_ member: MemberID) {
    revealed[member] = nil
    votes = votes.filter { $0.key.voter != member || $0.value != member }
  }

  /// The member was built anew from a copy: what it acknowledged and whom it voted for, nobody knows.
  package mutating func wasBuiltAnew(_ member: MemberID) { recovering.insert(member) }

  package mutating func hasRecovered(_ member: MemberID) { recovering.remove(member) }

  /// What readers see of one member never goes back, over any restart or loss.
  package mutating func shows(_ member: MemberID, _ index: UInt64) throws {
    let before = shown[member, default: 0]
    try require(index >= before, "\(member) shows readers \(index), but had shown \(before)")
    shown[member] = index
  }

  private func require(_ condition: Bool, _ sentence: @autoclosure () -> String) throws {
    if !condition { throw BrokenPromise(sentence: sentence()) }
  }
}
