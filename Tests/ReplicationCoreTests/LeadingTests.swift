// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import ReplicationCore
import Testing

@Suite("Leading")
struct LeadingTests {
  @Test("commits entries of older terms only through one of its own")
  func ownTerm() throws {
    var core = try core(log: [1, 1])
    let won = core.win()
    #expect(core.term == 2 && core.lastPosition == at(2, 3))
    _ = core.onPersisted(upTo: at(2, 3), now: won)
    #expect(!core.answer(.matched(index: 2), from: b, round: 1, now: won).contains(.commitAdvanced(to: 2)))
    #expect(core.commitIndex == 0)
    #expect(core.answer(.matched(index: 3), from: b, round: 2, now: won).first == .commitAdvanced(to: 3))
  }

  @Test("counts itself only for what is durable, and commits nothing that is not durable here")
  func ownDisk() throws {
    var core = try core()
    let won = core.win()
    _ = core.answer(.matched(index: 1), from: b, round: 1, now: won)
    _ = core.answer(.matched(index: 1), from: c, round: 1, now: won)
    #expect(core.commitIndex == 0)
    #expect(core.onPersisted(upTo: at(9, 1), now: won) == [])
    #expect(core.onPersisted(upTo: at(1, 1), now: won).first == .commitAdvanced(to: 1))
  }

  @Test("takes proposals once its own entry is applied, and says who leads if it does not")
  func proposals() throws {
    var core = try core()
    #expect(core.onPropose([[1]], now: .zero) == .refused(.notLeader(known: nil)))
    let won = core.win()
    #expect(core.onPropose([[1]], now: won) == .refused(.notReady))
    core.becomeReady(now: won)
    #expect(core.onPropose([], now: won) == .refused(.badPayload))
    guard case .accepted(let first, let last, let directives) = core.onPropose([[1], [2]], now: won) else {
      Issue.record("not accepted")
      return
    }
    #expect(first == at(1, 2) && last == at(1, 3))
    #expect(directives.first == .appendEntries([data(1, 2, 1), data(1, 3, 2)]))
    #expect(
      core.onPropose(Array(repeating: [1], count: 63), now: won) == .refused(.overloaded),
      "64 may wait for their commit")
    _ = core.append(2, after: .origin, from: c, now: won)
    #expect(core.onPropose([[1]], now: won) == .refused(.notLeader(known: c)))
  }

  @Test("has one message with entries under way per member, and repeats it when it is due")
  func oneOutstanding() throws {
    var core = try core(voters: [a, b])
    let won = core.win()
    core.becomeReady(now: won)
    func sends(_ outcome: ProposalOutcome) -> [EntriesToSend] {
      guard case .accepted(_, _, let directives) = outcome else { return [] }
      return entries(directives)
    }
    func entries(_ directives: [RaftDirective]) -> [EntriesToSend] {
      directives.compactMap { if case .sendEntries(let order) = $0 { order } else { nil } }
    }
    let first = sends(core.onPropose([[1]], now: won))
    #expect(first.map(\.upTo) == [2])
    #expect(sends(core.onPropose([[2]], now: won)).isEmpty)
    #expect(entries(core.onTick(now: won + ms(119))).isEmpty)
    let again = entries(core.onTick(now: won + ms(120)))
    #expect(again.map(\.upTo) == [3])
    guard case .appendEntries(let request)? = again.first?.message(with: [data(1, 2), data(1, 3)]) else { return }
    #expect(request.previous == at(1, 1) && request.term == 1)
    // The answer brings the next; what it acknowledges is not sent again.
    let more = core.answer(.matched(index: 2), from: b, round: request.round, now: won + ms(130))
    #expect(entries(more).map(\.after) == [at(1, 2)])
  }

  @Test("goes back to where a follower's log may agree, and asks it to copy if that lies before its own log")
  func probing() throws {
    var core = try core(log: [2, 2, 4], base: at(1, 10), applied: 10)
    let won = core.win()
    let directives = core.answer(.conflict(hint: at(3, 12)), from: b, round: 1, now: won)
    guard case .sendEntries(let order)? = directives.first else {
      Issue.record("nothing is sent")
      return
    }
    #expect(order.after == at(2, 12) && order.upTo == 14)
    #expect(
      core.answer(.conflict(hint: at(1, 9)), from: b, round: 2, now: won) == [
        .peerNeedsInitialSync(b), .send(.needSync(SyncDemand(term: 5, base: at(1, 10), round: 3)), to: b),
      ])
    #expect(core.peers(now: won).first?.needsSync == true)
    // Once it has copied, it follows again.
    _ = core.answer(.conflict(hint: at(1, 10)), from: b, round: 3, now: won)
    #expect(core.peers(now: won).first?.needsSync == false)
  }

  @Test("an answer to an older leadership of the same member moves nothing")
  func staleAnswers() throws {
    var core = try core()
    let won = core.win()
    _ = core.answer(.outdated, from: b, round: 1, now: won)
    _ = core.answer(.matched(index: 1), from: b, round: 7, now: won)
    #expect(core.ignored.stale == 2 && core.peers(now: won).first?.match == 0)
    _ = core.answer(.matched(index: 99), from: b, round: 1, now: won)
    #expect(core.ignored.malformed == 1)
  }

  @Test("hands over to a caught-up voter and takes no proposals meanwhile, for at most an election timeout")
  func handOver() throws {
    var core = try core()
    #expect(core.onTransferLeadership(to: b, now: .zero).refusal == .notLeader(known: nil))
    let won = core.win()
    core.becomeReady(now: won)
    #expect(core.onTransferLeadership(to: d, now: won).refusal == .notMember)
    #expect(core.onTransferLeadership(to: c, now: won).refusal == .notCaughtUp)
    let (refusal, directives) = core.onTransferLeadership(to: nil, now: won)
    #expect(refusal == nil && directives == [.send(.timeoutNow(TimeoutNow(term: 1)), to: b)])
    #expect(core.onPropose([[1]], now: won) == .refused(.handingOver))
    _ = core.answer(.matched(index: 1), from: b, round: 1, now: won + ms(200))
    _ = core.onTick(now: won + ms(300))
    #expect(core.acceptsProposals)
  }

  @Test("the heir campaigns at once, and only for its own leader")
  func heir() throws {
    var core = try core()
    _ = core.append(1, after: .origin)
    let message = RaftMessage.timeoutNow(TimeoutNow(term: 1))
    #expect(core.onMessage(message, from: c, now: .zero) == [])
    #expect(
      core.onMessage(message, from: b, now: .zero) == [
        .becameFollower(term: 1, leader: nil), .persistHardState(HardState(term: 2, vote: a)),
        .send(vote(2, handOver: true), to: b), .send(vote(2, handOver: true), to: c),
      ])
  }
}
