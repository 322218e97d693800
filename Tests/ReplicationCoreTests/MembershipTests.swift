// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import ReplicationCore
import Testing

@Suite("Membership")
struct MembershipTests {
  private func leader(_ voters: [MemberID] = [a, b, c], learners: [MemberID] = []) throws -> (RaftCore, Duration) {
    var core = try core(voters: voters, learners: learners)
    let won = core.win()
    core.becomeReady(now: won)
    return (core, won)
  }

  private func refusal(_ outcome: ProposalOutcome) -> ProposalRefusal? {
    if case .refused(let refusal) = outcome { refusal } else { nil }
  }

  @Test("one change at a time, in force from the moment it is in the log")
  func oneAtATime() throws {
    var (core, now) = try leader()
    let changed = try Membership(voters: [a, b, c], learners: [d])
    guard case .accepted(_, let last, let directives) = core.onProposeMembership(.addLearner(d), now: now) else {
      Issue.record("not accepted")
      return
    }
    let entry = LogEntry(position: last, kind: .membership, payload: changed.encoded())
    #expect(directives.first == .appendEntries([entry]) && directives.last == .membershipChanged(changed))
    #expect(core.membership == changed && !core.isMembershipCommitted)
    #expect(refusal(core.onProposeMembership(.addLearner(e), now: now)) == .changeInProgress)
    _ = core.onPersisted(upTo: last, now: now)
    _ = core.answer(.matched(index: last.index), from: b, round: 2, now: now)
    #expect(core.isMembershipCommitted)
    #expect(refusal(core.onProposeMembership(.addLearner(e), now: now)) == nil)
  }

  @Test("refuses changes that can't be")
  func refusals() throws {
    var (core, now) = try leader([a, b], learners: [d])
    #expect(refusal(core.onProposeMembership(.addLearner(b), now: now)) == .alreadyMember)
    #expect(refusal(core.onProposeMembership(.promoteLearner(c), now: now)) == .notMember)
    #expect(refusal(core.onProposeMembership(.promoteLearner(d), now: now)) == .notCaughtUp)
    #expect(refusal(core.onProposeMembership(.remove(e), now: now)) == .notMember)
    var (alone, later) = try leader([a])
    #expect(refusal(alone.onProposeMembership(.remove(a), now: later)) == .lastVoter)
    #expect(refusal(alone.onProposeMembership(.demoteVoter(a), now: later)) == .lastVoter)
    var follower = try ReplicationCoreTests.core()
    #expect(refusal(follower.onProposeMembership(.addLearner(d), now: .zero)) == .notLeader(known: nil))
    _ = now
    _ = later
  }

  @Test("a learner does not count for a commit, and is promoted once it has caught up")
  func learners() throws {
    var (core, now) = try leader(learners: [d])
    guard case .accepted(_, let last, _) = core.onPropose([[1]], now: now) else { return }
    _ = core.onPersisted(upTo: last, now: now)
    _ = core.answer(.matched(index: last.index), from: d, round: 1, now: now)
    #expect(core.commitIndex == 1)
    #expect(refusal(core.onProposeMembership(.promoteLearner(d), now: now)) == nil)
    #expect(core.membership.voters == [a, b, c, d])
  }

  @Test("a learner that holds nothing of the leader's own term yet is not promoted, however near its log is")
  func recoveringLearner() throws {
    var core = try core(learners: [d], log: [1, 1])
    let now = core.win()
    core.becomeReady(now: now)
    _ = core.answer(.matched(index: 2), from: d, round: 1, now: now)
    #expect(core.isCaughtUp(d, now: now))
    #expect(core.promotable(among: [d], now: now) == nil)
    #expect(refusal(core.onProposeMembership(.promoteLearner(d), now: now)) == .notCaughtUp)
    _ = core.answer(.matched(index: 3), from: d, round: 2, now: now)
    #expect(core.promotable(among: [d], now: now) == d)
  }

  @Test("a leader that leaves goes on until that is committed, without counting itself, then lets another campaign")
  func leaves() throws {
    var (core, now) = try leader()
    guard case .accepted(_, let last, _) = core.onProposeMembership(.remove(a), now: now) else { return }
    _ = core.onPersisted(upTo: last, now: now)
    _ = core.answer(.matched(index: last.index), from: b, round: 2, now: now)
    #expect(core.role == .leader && core.commitIndex == 1)
    let directives = core.answer(.matched(index: last.index), from: c, round: 1, now: now)
    #expect(directives.first == .commitAdvanced(to: last.index))
    #expect(
      directives.suffix(2) == [.send(.timeoutNow(TimeoutNow(term: 1)), to: b), .becameFollower(term: 1, leader: nil)])
    #expect(core.onTick(now: now + ms(5000)) == [])
  }

  @Test("a truncated change is undone")
  func undone() throws {
    var core = try core()
    let changed = try Membership(voters: [a, b], learners: [c])
    let entry = LogEntry(position: at(1, 1), kind: .membership, payload: changed.encoded())
    #expect(core.append(1, after: .origin, [entry]).contains(.membershipChanged(changed)))
    let directives = core.append(2, after: .origin, [data(2, 1)], from: c)
    let before = try Membership(voters: [a, b, c])
    #expect(directives.contains(.truncateLog(after: 0)) && directives.contains(.membershipChanged(before)))
  }

  @Test("its encoding is strict", arguments: 0..<64)
  func encoding(_ seed: UInt64) throws {
    let membership = try Membership(voters: [a, b], learners: [c])
    let bytes = membership.encoded()
    #expect(try Membership(decoding: bytes) == membership)
    for end in 0..<bytes.count {
      #expect(throws: ReplicationError.self) { try Membership(decoding: Array(bytes[..<end])) }
    }
    #expect(throws: ReplicationError.self) { try Membership(decoding: bytes + [0]) }
    var random = SplitMix64(seed: seed)
    for _ in 0..<50 {
      var garbled = bytes
      garbled[Int.random(in: 0..<garbled.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      guard let decoded = try? Membership(decoding: garbled) else { continue }
      #expect(decoded.encoded() == garbled)
    }
    #expect(throws: ReplicationError.self) { try Membership(voters: [a, a]) }
    #expect(throws: ReplicationError.self) { try Membership(voters: []) }
  }
}

@Suite("Recovering from lost data")
struct RecoveryTests {
  @Test("it neither votes nor campaigns, and unseats whoever may lead with its lost vote")
  func silent() throws {
    var core = try core(mode: .recovering(lostTerm: 4))
    #expect(core.onTick(now: ms(5000)) == [.persistHardState(HardState(term: 5, vote: a))])
    #expect(core.append(4, after: .origin) == [.send(response(5, .outdated), to: b)])
    #expect(core.onMessage(vote(6), from: c, now: ms(5000)).last == .send(ballot(6, false), to: c))
    #expect(
      core.onMessage(vote(7, preVote: true), from: c, now: ms(5000)).last
        == .send(ballot(6, false, preVote: true, electionTerm: 7), to: c))
    #expect(core.onMessage(.timeoutNow(TimeoutNow(term: 6)), from: b, now: ms(5000)) == [])
    #expect(core.isRecovering)
  }

  @Test("it is whole again once an entry of a later leader is durable here, whether that is committed or not")
  func durable() throws {
    var running = try core(mode: .recovering(lostTerm: 4))
    #expect(!running.append(7, after: .origin, [data(3, 1), data(7, 2)]).contains(.recoveryFinished))
    #expect(!running.onPersisted(upTo: at(3, 1), now: .zero).contains(.recoveryFinished) && running.isRecovering)
    #expect(running.onPersisted(upTo: at(7, 2), now: .zero) == [.recoveryFinished])
    #expect(running.onMessage(vote(8, last: at(7, 2)), from: c, now: ms(5000)).last == .send(ballot(8, true), to: c))
    // It died before it could hear of a commit, which nobody can tell it without its vote.
    var restored = try core(term: 7, log: [3, 7], mode: .recovering(lostTerm: 4))
    #expect(restored.onTick(now: .zero) == [.recoveryFinished] && !restored.isRecovering)
    var behind = try core(term: 7, log: [3, 4], mode: .recovering(lostTerm: 4))
    #expect(behind.onTick(now: .zero).isEmpty && behind.isRecovering)
  }

  @Test("it is whole again once an entry of a later leader is committed here, not before")
  func whole() throws {
    var core = try core(mode: .recovering(lostTerm: 4))
    #expect(!core.append(7, after: .origin, [data(3, 1), data(7, 2)], commit: 1).contains(.recoveryFinished))
    #expect(core.isRecovering)
    #expect(core.append(7, after: at(7, 2), commit: 2).suffix(3).first == .commitAdvanced(to: 2))
    #expect(!core.isRecovering)
    #expect(core.onMessage(vote(8, last: at(7, 2)), from: c, now: ms(5000)).last == .send(ballot(8, true), to: c))
  }

  @Test("a copy of a later leader's state makes it whole too")
  func copied() throws {
    var core = try core(mode: .recovering(lostTerm: 4))
    let directives = try core.onBaseInstalled(at(6, 30), membership: core.membership, now: .zero)
    #expect(directives.contains(.recoveryFinished) && !core.isRecovering)
  }
}
