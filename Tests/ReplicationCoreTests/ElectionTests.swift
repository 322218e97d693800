// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import ReplicationCore
import Testing

@Suite("Elections")
struct ElectionTests {
  @Test("a single voter elects itself at the first tick, the vote durable first")
  func singleVoter() throws {
    var core = try core(voters: [a])
    #expect(
      core.onTick(now: .zero) == [
        .persistHardState(HardState(term: 1, vote: a)), .becameLeader(term: 1), .appendEntries([noop(1, 1)]),
      ])
    #expect(core.onPersisted(upTo: at(1, 1), now: .zero) == [.commitAdvanced(to: 1)])
    #expect(core.onApplied(1, now: .zero) == [.leaderReady(term: 1)])
    #expect(core.acceptsProposals)
  }

  @Test("a follower asks with a pre-vote that changes no term, then campaigns, then leads")
  func campaign() throws {
    var core = try core()
    #expect(core.onTick(now: ms(299)) == [])
    let ask = VoteRequest(term: 1, last: .origin, preVote: true, handOver: false)
    #expect(core.onTick(now: ms(700)) == [.send(.requestVote(ask), to: b), .send(.requestVote(ask), to: c)])
    #expect(core.term == 0 && core.role == .preCandidate)
    let stand = vote(1)
    #expect(
      core.onMessage(ballot(0, true, preVote: true, electionTerm: 1), from: c, now: ms(701)) == [
        .persistHardState(HardState(term: 1, vote: a)), .send(stand, to: b), .send(stand, to: c),
      ])
    let directives = core.onMessage(ballot(1, true), from: b, now: ms(702))
    #expect(directives.prefix(2) == [.becameLeader(term: 1), .appendEntries([noop(1, 1)])])
    #expect(core.leader == a)
  }

  @Test("votes once per term, persists the vote before the answer, and remembers it over a restart")
  func votesOnce() throws {
    var core = try core()
    #expect(
      core.onMessage(vote(3), from: b, now: .zero) == [
        .becameFollower(term: 3, leader: nil), .persistHardState(HardState(term: 3, vote: b)),
        .send(ballot(3, true), to: b),
      ])
    #expect(core.onMessage(vote(3), from: c, now: .zero) == [.send(ballot(3, false), to: c)])
    #expect(core.onMessage(vote(3), from: b, now: .zero) == [.send(ballot(3, true), to: b)])
    var heardOf = try ReplicationCoreTests.core(term: 3)
    #expect(
      heardOf.onMessage(vote(3), from: c, now: .zero) == [
        .persistHardState(HardState(term: 3, vote: c)), .send(ballot(3, true), to: c),
      ])
    var restarted = try ReplicationCoreTests.core(term: 3, vote: b)
    #expect(restarted.onMessage(vote(3), from: c, now: .zero) == [.send(ballot(3, false), to: c)])
  }

  @Test("refuses a candidate whose log is behind: by term, then by length")
  func upToDate() throws {
    for (last, granted) in [(at(1, 9), false), (at(2, 1), false), (at(2, 2), true), (at(3, 1), true)] {
      var core = try core(log: [1, 2])
      let directives = core.onMessage(vote(5, last: last), from: b, now: .zero)
      #expect(directives.last == .send(ballot(5, granted), to: b))
    }
  }

  @Test("does not count a repeated, foreign, old or refused answer")
  func countsVotes() throws {
    var core = try core(voters: [a, b, c, d, e])
    _ = core.onTick(now: ms(700))
    for _ in 0..<3 { _ = core.onMessage(ballot(0, true, preVote: true, electionTerm: 1), from: b, now: ms(700)) }
    #expect(core.role == .preCandidate)
    _ = core.onMessage(ballot(0, true, preVote: true, electionTerm: 1), from: c, now: ms(700))
    #expect(core.role == .candidate)
    _ = core.onMessage(ballot(1, true), from: b, now: ms(700))
    _ = core.onMessage(ballot(1, true), from: MemberIDs.stranger, now: ms(700))
    _ = core.onMessage(ballot(1, false), from: c, now: ms(700))
    _ = core.onMessage(ballot(0, true, preVote: true, electionTerm: 1), from: d, now: ms(700))
    #expect(core.role == .candidate)
    #expect(core.ignored.fromStrangers == 1)
    _ = core.onMessage(ballot(1, true), from: e, now: ms(700))
    #expect(core.role == .leader)
  }

  @Test("does not count a vote of an earlier election")
  func oldVotes() throws {
    var core = try core()
    _ = core.onTick(now: ms(700))
    _ = core.onMessage(ballot(0, true, preVote: true, electionTerm: 1), from: b, now: ms(700))
    _ = core.onTick(now: ms(1100))
    _ = core.onMessage(ballot(1, true, preVote: true, electionTerm: 2), from: b, now: ms(1100))
    #expect(core.role == .candidate && core.term == 2)
    _ = core.onMessage(ballot(1, true), from: c, now: ms(1100))
    #expect(core.role == .candidate)
  }

  @Test("ignores candidates while it hears the leader, unless the leader hands over")
  func stickiness() throws {
    var core = try core()
    _ = core.append(1, after: .origin, now: ms(10))
    #expect(core.onMessage(vote(2), from: c, now: ms(300)) == [])
    #expect(
      core.onMessage(vote(2, preVote: true), from: c, now: ms(300))
        == [.send(ballot(1, false, preVote: true, electionTerm: 2), to: c)])
    #expect(core.term == 1 && core.leader == b && core.ignored.votesWhileLed == 2)
    #expect(core.onMessage(vote(2, handOver: true), from: c, now: ms(300)).last == .send(ballot(2, true), to: c))
    var later = try ReplicationCoreTests.core()
    _ = later.append(1, after: .origin, now: ms(10))
    #expect(later.onMessage(vote(2), from: c, now: ms(310)).last == .send(ballot(2, true), to: c))
  }

  @Test("a leader without a majority steps down within the election timeout")
  func checkQuorum() throws {
    var core = try core()
    let won = core.win()
    _ = core.answer(.matched(index: 1), from: b, round: 1, now: won + ms(100))
    _ = core.onTick(now: won + ms(399))
    #expect(core.role == .leader)
    #expect(core.onTick(now: won + ms(400)) == [.becameFollower(term: 1, leader: nil)])
  }

  @Test("a higher term unseats a leader, and is durable before anything else is said")
  func higherTerm() throws {
    var core = try core()
    let won = core.win()
    #expect(
      core.answer(.outdated, from: b, round: 1, term: 9, now: won) == [
        .becameFollower(term: 9, leader: nil), .persistHardState(HardState(term: 9, vote: nil)),
      ])
    #expect(core.role == .follower)
  }

  @Test("neither a learner nor a copy that has not caught up campaigns")
  func whoMayNot() throws {
    var learner = try core(voters: [b, c], learners: [a])
    #expect(learner.onTick(now: ms(5000)) == [])
    var copy = try core(base: at(1, 5), electableFrom: 7)
    #expect(copy.onTick(now: ms(5000)) == [])
    _ = copy.append(2, after: at(1, 5), [data(2, 6), data(2, 7)], commit: 7, now: ms(5000))
    #expect(!copy.onTick(now: ms(9000)).isEmpty)
  }

  @Test("a voter campaigns although an uncommitted change removes it, as its log may be the only complete one")
  func removedButNeeded() throws {
    var core = try core(voters: [a, b])
    let removal = LogEntry(position: at(1, 1), kind: .membership, payload: try Membership(voters: [b]).encoded())
    _ = core.append(1, after: .origin, [removal])
    #expect(
      core.onTick(now: ms(700)) == [
        .becameFollower(term: 1, leader: nil), .send(vote(2, last: at(1, 1), preVote: true), to: b),
      ])
    _ = core.append(1, after: at(1, 1), commit: 1, now: ms(700))
    #expect(core.onTick(now: ms(5000)) == [.becameFollower(term: 1, leader: nil)])
  }

  @Test("a broken link to the leader starts an election soon; stickiness does not block it")
  func disconnected() throws {
    var core = try core()
    _ = core.append(1, after: .origin, now: ms(10))
    #expect(core.onPeerDisconnected(c, now: ms(20)) == [])
    #expect(core.onPeerDisconnected(b, now: ms(20)) == [.becameFollower(term: 1, leader: nil)])
    #expect(!core.onTick(now: ms(170)).isEmpty)
    #expect(core.onMessage(vote(2), from: c, now: ms(171)).last == .send(ballot(2, true), to: c))
  }
}

enum MemberIDs { static let stranger = MemberID(checked: "stranger") }
