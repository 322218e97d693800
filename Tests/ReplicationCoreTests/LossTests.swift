// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import ReplicationCore
import Simulator
import Testing

@Suite("What a member acknowledged") struct LossTests {
  private func found(
    _ log: [UInt64], term: UInt64? = nil, vote: MemberID? = nil, base: LogPosition = .origin
  ) throws -> RestoredState {
    var outline = LogOutline(base: base)
    for term in log { try outline.append(at(term, outline.lastIndex + 1)) }
    return RestoredState(
      hardState: HardState(term: term ?? outline.last.term, vote: vote), log: outline, appliedIndex: base.index,
      memberships: MembershipHistory(base: try Membership(voters: [a, b, c])))
  }

  @Test("is compared at a start: a log that ends below it, another entry in its place, a term or vote that is gone")
  func judges() throws {
    var floor = AcknowledgedFloor(hardState: HardState(term: 3, vote: b), end: at(3, 4))
    let whole = floor
    #expect(floor.judge(try found([1, 1, 3, 3, 3], vote: b)).loss == nil)
    #expect(floor.judge(try found([1, 1, 3, 3], term: 4)).loss == nil)
    #expect(floor.judge(try found([], term: 4, base: at(4, 9))).loss == nil)
    #expect(floor == whole)
    let losses: [RestoredState] = [
      try found([1, 1, 3], vote: b), try found([1, 1, 3, 4], term: 4), try found([1, 1, 3, 3], vote: nil),
      try found([1, 1, 3, 3], vote: c), try found([1, 1, 2, 2], term: 2), try found([]),
    ]
    for loss in losses {
      floor = whole
      let (state, sentence) = floor.judge(loss)
      let lostTerm = max(3, loss.hardState.term)
      #expect(sentence != nil && state.mode == .recovering(lostTerm: lostTerm) && floor.lostTerm == lostTerm)
      // It stays so over further starts, without being a new loss.
      let again = floor.judge(loss)
      #expect(again.loss == nil && again.state.mode == .recovering(lostTerm: lostTerm))
    }
  }

  @Test("includes what it told others, where its floor is as old as its log")
  func judgesOlderCopies() throws {
    let generation = GenerationID.random()
    func held(_ index: UInt64, term: UInt64 = 3) -> HeldPosition {
      HeldPosition(generation: generation, index: index, term: term)
    }
    let copy = AcknowledgedFloor(hardState: HardState(term: 3, vote: b), end: at(3, 4))
    var floor = copy
    #expect(floor.judge(try found([1, 1, 3, 3], vote: b), held: held(4)).loss == nil && floor == copy)
    let older = floor.judge(try found([1, 1, 3, 3], vote: b), held: held(5, term: 4))
    #expect(older.loss?.contains("said that it held 5") == true)
    #expect(older.state.mode == .recovering(lostTerm: 4) && floor.lostTerm == 4)
    // A claim beyond belief leaves it a state to start from.
    floor = copy
    let state = floor.judge(try found([1, 1, 3, 3], vote: b), held: held(.max, term: .max)).state
    _ = try RaftCore(me: a, settings: RaftSettings(), restored: state, seed: 1, now: .zero)
  }

  @Test("comes back from its file as it was; anything else is refused")
  func encodes() throws {
    let floors = [
      AcknowledgedFloor(hardState: .initial, end: .origin),
      AcknowledgedFloor(hardState: HardState(term: 7, vote: a), end: at(6, 1234), lostTerm: 6),
    ]
    for floor in floors {
      let bytes = floor.encoded()
      #expect(try AcknowledgedFloor(decoding: bytes) == floor)
      for place in bytes.indices {
        var garbled = bytes
        garbled[place] ^= 1
        #expect(throws: ReplicationError.self) { try AcknowledgedFloor(decoding: garbled) }
        #expect(throws: ReplicationError.self) { try AcknowledgedFloor(decoding: Array(bytes[..<place])) }
      }
    }
    #expect(throws: ReplicationError.self) { try AcknowledgedFloor(decoding: [UInt8](repeating: 10, count: 5000)) }
  }

  /// A leader of term 5 with entries up to 5.6, all of which b acknowledged and c only up to 5.4.
  private func leader() throws -> (core: RaftCore, won: Duration) {
    var core = try core(log: [2, 4, 4])
    let won = core.win()
    core.becomeReady(now: won)
    guard case .accepted(_, _, let directives) = core.onPropose([[1], [2]], now: won) else {
      throw BrokenPromise(sentence: "the leader is not ready")
    }
    let round = try #require(directives.entryRound(to: b))
    _ = core.onPersisted(upTo: core.lastPosition, now: won)
    _ = core.answer(.matched(index: 6), from: b, round: round, now: won)
    #expect(core.commitIndex == 6)
    return (core, won)
  }

  @Test("the primary knows of a member that is there again without it: it counts for nothing and is told")
  func primaryNotices() throws {
    var (core, won) = try leader()
    guard case .accepted(_, _, let directives) = core.onPropose([[3]], now: won) else { return }
    let round = try #require(directives.entryRound(to: b))
    _ = core.onPersisted(upTo: core.lastPosition, now: won)
    let told = core.answer(.conflict(hint: at(4, 3)), from: b, round: round, now: won)
    let notice = LossNotice(term: 5, acknowledged: at(5, 6), round: round + 1)
    #expect(told == [.peerLostAcknowledged(b, at(5, 6)), .send(.lossNotice(notice), to: b)])
    // Whatever it says it holds: only the answer to the notice counts.
    _ = core.answer(.matched(index: 7), from: b, round: round, now: won)
    #expect(core.commitIndex == 6 && !core.isCaughtUp(b, now: won))
    #expect(core.onTransferLeadership(to: b, now: won).refusal == .notCaughtUp)
    // It is reminded at each heartbeat, and gets no entries.
    let next = core.onTick(now: won + ms(70))
    #expect(next.contains { if case .send(.lossNotice, to: b) = $0 { true } else { false } })
    #expect(next.entryRound(to: b) == nil)
    // With b alone the leader has no majority.
    let later = won + ms(310)
    _ = core.answer(.conflict(hint: at(4, 3)), from: b, round: round + 2, now: later)
    #expect(core.onTick(now: later).contains(.becameFollower(term: 5, leader: nil)))
  }

  @Test("a member that is told makes the loss durable first, ends that leader's term, and gives no vote")
  func memberIsTold() throws {
    var member = try core(b, log: [2, 4, 4], applied: 2)
    let notice = LossNotice(term: 5, acknowledged: at(5, 6), round: 9)
    let directives = member.onMessage(.lossNotice(notice), from: a, now: .zero)
    #expect(
      directives == [
        .becameFollower(term: 5, leader: a), .persistHardState(HardState(term: 5, vote: nil)),
        .lostAcknowledged(lostTerm: 5), .becameFollower(term: 6, leader: nil),
        .persistHardState(HardState(term: 6, vote: b)),
        .send(response(6, .conflict(hint: at(4, 3)), round: 9), to: a),
      ])
    // The only other member may lack what both had committed: with this vote it would lead without it.
    let asked = member.onMessage(vote(7, last: at(5, 4)), from: c, now: ms(2000))
    #expect(asked.last == .send(ballot(7, false), to: c))
    #expect(asked.contains(.persistHardState(HardState(term: 7, vote: b))))
    #expect(member.onTick(now: ms(9000)).isEmpty && member.isRecovering)
    // A leader elected without it, and an entry of that one committed: it is whole, but its vote of that term is spent.
    let caught = member.append(
      8, after: at(4, 3), [data(5, 4), data(5, 5), data(5, 6), noop(8, 7)], commit: 7, from: a)
    #expect(caught.contains(.recoveryFinished) && !member.isRecovering)
    #expect(member.hardState == HardState(term: 8, vote: b))
    #expect(
      member.onMessage(vote(9, last: at(8, 7)), from: c, now: ms(20_000)).last == .send(ballot(9, true), to: c))
  }

  @Test("a member that holds it all the same says so, and counts again")
  func falseAlarm() throws {
    var member = try core(b, log: [2, 4, 4, 5, 5, 5])
    let notice = LossNotice(term: 5, acknowledged: at(5, 6), round: 9)
    let directives = member.onMessage(.lossNotice(notice), from: a, now: .zero)
    #expect(directives.last == .send(response(5, .matched(index: 6), round: 9), to: a))
    #expect(!member.isRecovering)
    var (core, won) = try leader()
    guard case .accepted(_, _, let sent) = core.onPropose([[3]], now: won) else { return }
    let round = try #require(sent.entryRound(to: b))
    _ = core.onPersisted(upTo: core.lastPosition, now: won)
    _ = core.answer(.conflict(hint: at(4, 3)), from: b, round: round, now: won)
    _ = core.answer(.matched(index: 6), from: b, round: round + 1, now: won)
    #expect(core.isCaughtUp(b, now: won))
    _ = core.answer(.matched(index: 7), from: b, round: round + 2, now: won)
    #expect(core.commitIndex == 7)
  }

  @Test("a member that contradicts the first entry has acknowledged nothing yet that it could have lost")
  func contradictsTheFirst() throws {
    var core = try core(log: [2, 2, 4])
    let won = core.win()
    let probed = core.answer(.conflict(hint: .origin), from: b, round: 1, now: won)
    let round = try #require(probed.entryRound(to: b))
    #expect(core.answer(.conflict(hint: .origin), from: b, round: round, now: won).isEmpty)
    #expect(core.ignored.contradictions == 0)
    // It is asked again at each heartbeat, and answers from what it has copied meanwhile.
    let later = won + ms(70)
    let again = try #require(core.onTick(now: later).entryRound(to: b))
    _ = core.answer(.matched(index: 4), from: b, round: again, now: later)
    #expect(core.isCaughtUp(b, now: later))
  }

  @Test("a conflict that is only older than an acknowledgement is no loss")
  func lateConflict() throws {
    var core = try core(log: [2, 2, 4])
    let won = core.win()
    _ = core.answer(.conflict(hint: at(2, 2)), from: b, round: 1, now: won)
    _ = core.answer(.matched(index: 4), from: b, round: 2, now: won)
    #expect(core.answer(.conflict(hint: at(2, 1)), from: b, round: 1, now: won).isEmpty)
    #expect(core.peers(now: won).first?.match == 4 && core.ignored.contradictions == 0)
  }
}

extension [RaftDirective] {
  /// The round of the message with entries to a member; its number is that of its answer.
  fileprivate func entryRound(to member: MemberID) -> UInt64? {
    for directive in self {
      guard case .sendEntries(let order) = directive, order.to == member,
        case .appendEntries(let request) = order.message(with: [])
      else { continue }
      return request.round
    }
    return nil
  }
}
