// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import ReplicationCore
import Testing

@Suite("Following a leader")
struct FollowingTests {
  @Test("adds entries, applies what is committed, and answers last")
  func appends() throws {
    var core = try core()
    #expect(
      core.append(2, after: .origin, [data(1, 1), data(2, 2)], commit: 1) == [
        .becameFollower(term: 2, leader: b), .persistHardState(HardState(term: 2, vote: nil)),
        .appendEntries([data(1, 1), data(2, 2)]), .commitAdvanced(to: 1), .send(response(2, .matched(index: 2)), to: b),
      ])
    // The same again changes nothing.
    #expect(
      core.append(2, after: .origin, [data(1, 1), data(2, 2)], commit: 1) == [
        .send(response(2, .matched(index: 2)), to: b)
      ])
    // An older, shorter message does not cut the log.
    #expect(
      core.append(2, after: .origin, [data(1, 1)], round: 9) == [
        .send(response(2, .matched(index: 1), round: 9), to: b)
      ])
    #expect(core.lastPosition == at(2, 2))
  }

  @Test("commits no further than what the message proves to be equal")
  func commitBound() throws {
    var core = try core(log: [1, 1, 1])
    #expect(core.append(2, after: at(1, 1), commit: 3).contains(.commitAdvanced(to: 1)))
    #expect(core.commitIndex == 1)
  }

  @Test("replaces what contradicts the leader")
  func conflict() throws {
    var core = try core(log: [1, 1, 1], applied: 1)
    #expect(
      core.append(3, after: at(1, 1), [data(1, 2), data(3, 3), data(3, 4)]).suffix(3) == [
        .truncateLog(after: 2), .appendEntries([data(3, 3), data(3, 4)]), .send(response(3, .matched(index: 4)), to: b),
      ])
  }

  @Test("what was truncated is not durable any more")
  func truncatedIsNotDurable() throws {
    var core = try core(log: [1, 1, 1])
    #expect(core.persistedIndex == 3)
    _ = core.append(2, after: at(1, 1), [data(2, 2)])
    #expect(core.persistedIndex == 1)
    _ = core.onPersisted(upTo: at(1, 2), now: .zero)
    #expect(core.persistedIndex == 1)
    _ = core.onPersisted(upTo: at(2, 2), now: .zero)
    #expect(core.persistedIndex == 2)
  }

  @Test("tells the leader where the logs may agree")
  func hints() throws {
    var core = try core(log: [1, 1, 4, 4, 4])
    #expect(core.append(6, after: at(6, 9)).last == .send(response(6, .conflict(hint: at(4, 5))), to: b))
    #expect(core.append(6, after: at(2, 5)).last == .send(response(6, .conflict(hint: at(1, 2))), to: b))
    #expect(core.lastPosition == at(4, 5))
  }

  @Test("never gives up what is committed, whatever a leader says")
  func contradiction() throws {
    var core = try core(log: [1, 1], applied: 2)
    let directives = core.append(3, after: .origin, [data(2, 1)])
    #expect(directives.contains(.needsInitialSync(.contradiction(leader: b, at: 1))))
    #expect(core.lastPosition == at(1, 2) && core.ignored.contradictions == 1)
  }

  @Test("takes messages that begin before its log's base")
  func beforeBase() throws {
    var core = try core(log: [2], base: at(1, 4))
    #expect(core.append(2, after: at(1, 2), [data(1, 3)]).last == .send(response(2, .matched(index: 3)), to: b))
    #expect(
      core.append(2, after: at(1, 3), [data(1, 4), data(2, 5), data(2, 6)]) == [
        .appendEntries([data(2, 6)]), .send(response(2, .matched(index: 6)), to: b),
      ])
    _ = core.append(2, after: at(1, 3), [data(2, 4)])
    #expect(core.ignored.contradictions == 1)
  }

  @Test("answers an older leader with its term and nothing of its log")
  func outdated() throws {
    var core = try core(term: 5)
    #expect(core.append(4, after: .origin, round: 3) == [.send(response(5, .outdated, round: 3), to: b)])
  }

  @Test("a second leader of one term is ignored")
  func twoLeaders() throws {
    var core = try core()
    _ = core.append(1, after: .origin)
    #expect(core.append(1, after: .origin, [data(1, 1)], from: c) == [])
    #expect(core.leader == b && core.ignored.contradictions == 1)
  }

  @Test("a leader whose log starts too late makes it ask for a copy, once per election timeout")
  func sync() throws {
    var core = try core(log: [1])
    let demand = RaftMessage.needSync(SyncDemand(term: 2, base: at(2, 50), round: 4))
    #expect(
      core.onMessage(demand, from: b, now: .zero).suffix(2) == [
        .needsInitialSync(.behindLeader(leader: b, base: at(2, 50))),
        .send(response(2, .conflict(hint: .origin), round: 4), to: b),
      ])
    #expect(core.onMessage(demand, from: b, now: ms(200)).count == 1)
    #expect(core.onMessage(demand, from: b, now: ms(300)).count == 2)
    let membership = try Membership(voters: [a, b, c], learners: [d])
    #expect(
      try core.onBaseInstalled(at(2, 60), membership: membership, now: ms(400)) == [.membershipChanged(membership)])
    #expect(core.commitIndex == 60 && core.lastPosition == at(2, 60))
    #expect(
      core.onMessage(demand, from: b, now: ms(900)) == [.send(response(2, .conflict(hint: at(2, 60)), round: 4), to: b)]
    )
  }

  @Test("a copy never goes back behind what is committed, and keeps the tail it follows")
  func installing() throws {
    var core = try core(log: [1, 1, 1, 1], applied: 2)
    #expect(throws: ReplicationError.self) {
      try core.onBaseInstalled(at(1, 1), membership: core.membership, now: .zero)
    }
    _ = try core.onBaseInstalled(at(1, 3), membership: core.membership, now: .zero)
    #expect(core.lastPosition == at(1, 4) && core.log.base == at(1, 3) && core.commitIndex == 3)
  }

  @Test("trimming keeps terms and memberships of what stays, and refuses what was not applied")
  func trimming() throws {
    var core = try core()
    let more = try Membership(voters: [a, b, c], learners: [d])
    let entry = LogEntry(position: at(1, 2), kind: .membership, payload: more.encoded())
    _ = core.append(1, after: .origin, [data(1, 1), entry, data(1, 3)], commit: 3)
    #expect(throws: ReplicationError.self) { try core.onLogTruncatedBefore(base: at(1, 2)) }
    _ = core.onPersisted(upTo: at(1, 3), now: .zero)
    _ = core.onApplied(3, now: .zero)
    #expect(throws: ReplicationError.self) { try core.onLogTruncatedBefore(base: at(2, 2)) }
    try core.onLogTruncatedBefore(base: at(1, 2))
    #expect(core.memberships.base == more && core.membership == more)
    #expect(core.term(at: 1) == nil && core.term(at: 2) == 1 && core.lastPosition == at(1, 3))
  }

  @Test("refuses state that contradicts itself as damage")
  func damage() throws {
    #expect(throws: ReplicationError.self) { try core(term: 1, log: [1, 2]) }
    #expect(throws: ReplicationError.self) { try core(log: [1], applied: 2) }
    #expect(throws: ReplicationError.self) { try core(base: at(1, 5), applied: 4) }
    #expect(throws: ReplicationError.self) { try LogOutline(base: .origin, runs: [], lastIndex: 3) }
    #expect(throws: ReplicationError.self) {
      try LogOutline(base: .origin, runs: [.init(firstIndex: 2, term: 1)], lastIndex: 3)
    }
    var settings = RaftSettings()
    settings.heartbeatInterval = settings.electionTimeout
    #expect(throws: ReplicationError.self) { try core(settings: settings) }
  }
}
