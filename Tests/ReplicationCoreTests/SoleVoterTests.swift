// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import ReplicationCore
import Testing

@Suite("A shard that goes on from one member")
struct SoleVoterTests {
  /// A leader by force and one other member, with what stands in the leader's log.
  private struct Pair {
    var leader: RaftCore
    var other: RaftCore
    var entries: [UInt64: LogEntry]

    /// Delivers what the leader wants sent to the other, and the answers, until nothing is left to say.
    mutating func exchange(_ first: [RaftDirective], now: Duration) {
      var queue = first
      var steps = 0
      while !queue.isEmpty {
        steps += 1
        guard steps < 200 else { return #expect(Bool(false), "they go round in circles") }
        let directive = queue.removeFirst()
        switch directive {
        case .appendEntries(let fresh):
          for entry in fresh { entries[entry.position.index] = entry }
          queue += leader.onPersisted(upTo: leader.lastPosition, now: now)
        case .commitAdvanced(let index): queue += leader.onApplied(index, now: now)
        case .send(let message, let member) where member == other.me: queue += tell(message, now: now)
        case .sendEntries(let order) where order.to == other.me:
          let sent = (order.after.index + 1...order.upTo).compactMap { entries[$0] }
          queue += tell(order.message(with: sent), now: now)
        default: break
        }
      }
    }

    private mutating func tell(_ message: RaftMessage, now: Duration) -> [RaftDirective] {
      var answers: [RaftDirective] = []
      for directive in other.onMessage(message, from: leader.me, now: now) {
        switch directive {
        case .appendEntries: _ = other.onPersisted(upTo: other.lastPosition, now: now)
        case .commitAdvanced(let index): _ = other.onApplied(index, now: now)
        case .send(let answer, let member) where member == leader.me:
          answers += leader.onMessage(answer, from: other.me, now: now)
        default: break
        }
      }
      return answers
    }
  }

  private func forced(log: [UInt64] = [1, 1, 2], other: [UInt64] = [1, 1], otherApplied: UInt64 = 0) throws -> Pair {
    var pair = Pair(
      leader: try core(a, log: log), other: try core(b, log: other, applied: otherApplied), entries: [:])
    for (offset, term) in log.enumerated() { pair.entries[UInt64(offset) + 1] = data(term, UInt64(offset) + 1) }
    let result = pair.leader.onForceSoleVoter(lastIndex: UInt64(log.count), now: .zero)
    pair.exchange(try result.get(), now: .zero)
    return pair
  }

  @Test("leads at once from its own log, keeps all of it, and takes writes alone")
  func alone() throws {
    var core = try core(log: [1, 1, 2], applied: 1)
    let directives = try core.onForceSoleVoter(lastIndex: 3, now: .zero).get()
    guard case .persistHardState(let state) = directives.first else {
      return #expect(Bool(false), "the vote is not durable first")
    }
    #expect(state.vote == a && state.term > 1000)
    #expect(core.membership.voters == [a] && Set(core.membership.learners) == [b, c])
    #expect(core.onPersisted(upTo: core.lastPosition, now: .zero).contains(.commitAdvanced(to: 5)))
    _ = core.onApplied(5, now: .zero)
    #expect(core.acceptsProposals && core.log.contains(at(2, 3)))
    #expect(try core.onForceSoleVoter(lastIndex: 3, now: .zero).get().isEmpty, "asked again it has nothing to do")
  }

  @Test("two members of one shard that are both made to go on never do in the same term")
  func apart() throws {
    var terms: Set<UInt64> = []
    for member in [a, b, c] {
      var core = try core(member, log: [1, 1, 2])
      _ = try core.onForceSoleVoter(lastIndex: 3, now: .zero).get()
      #expect(core.term >= 2 + 1024 && core.term <= 2 + 3 * 1024)
      terms.insert(core.term)
    }
    #expect(terms.count == 3)
  }

  @Test("refuses while a leader is heard, and from another position than shown")
  func refuses() throws {
    var led = try core(log: [1])
    _ = led.append(1, after: at(1, 1))
    #expect(led.onForceSoleVoter(lastIndex: 1, now: ms(1)) == .failure(.hasMajority))
    var moved = try core(log: [1, 1])
    #expect(moved.onForceSoleVoter(lastIndex: 1, now: .zero) == .failure(.movedOn(lastIndex: 2)))
    for core in [led, moved] { #expect(core.membership.voters == [a, b, c]) }
  }

  @Test("where a member lost what it had acknowledged that is given up too, once it leads alone and not before")
  func afterLoss() throws {
    var lost = try core(log: [1], mode: .recovering(lostTerm: 5))
    let directives = try lost.onForceSoleVoter(lastIndex: 1, now: .zero).get()
    #expect(directives.last == .recoveryFinished && !lost.isRecovering)
    #expect(lost.role == .leader && lost.term > 5 && lost.membership.voters == [a])
  }

  @Test("a member whose log is a beginning of it catches up, and votes again")
  func rejoins() throws {
    var pair = try forced()
    #expect(pair.other.lastPosition == pair.leader.lastPosition)
    #expect(pair.leader.promotable(among: [b, c], now: .zero) == b)
    #expect(pair.leader.promotable(among: [c], now: .zero) == nil, "nobody asked for it")
    guard case .accepted(_, _, let directives) = pair.leader.onProposeMembership(.promoteLearner(b), now: .zero) else {
      return #expect(Bool(false), "refused")
    }
    pair.exchange(directives, now: .zero)
    #expect(pair.leader.membership.voters == [a, b] && pair.leader.isMembershipCommitted)
    #expect(pair.leader.promotable(among: [b, c], now: .zero) == nil, "the third was not heard")
  }

  @Test("a member that committed something else never catches up: it has to copy everything anew")
  func contradiction() throws {
    let pair = try forced(other: [1, 1, 1, 1], otherApplied: 4)
    #expect(pair.leader.promotable(among: [b, c], now: .zero) == nil)
    #expect(pair.other.lastPosition == at(1, 4))
  }

  @Test("a leader that the others had elected steps down when it hears of it")
  func otherLeader() throws {
    var other = try core(b, log: [1, 1])
    _ = other.win(with: [c])
    #expect(other.role == .leader)
    let pair = try forced()
    _ = other.append(pair.leader.term, after: at(1, 1), from: a, now: ms(800))
    #expect(other.role == .follower && other.leader == a)
  }
}
