// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import ReplicationCore
import Testing

@Suite("Hostile input")
struct StrictnessTests {
  @Test("drops what breaks a rule of its own, and counts it")
  func malformed() throws {
    let last = LogPosition.maximum
    let messages: [RaftMessage] = [
      vote(0), vote(last + 1), vote(2, last: at(2, 1)), vote(2, last: at(0, 1)), vote(2, preVote: true, handOver: true),
      ballot(3, true, electionTerm: 2), response(0, .outdated), response(1, .matched(index: .max)),
      response(1, .conflict(hint: at(0, 7))), .timeoutNow(TimeoutNow(term: 0)),
      .needSync(SyncDemand(term: 1, base: at(2, 2), round: 1)),
      request(1, after: at(2, 1), []), request(1, after: .origin, [data(1, 2)]),
      request(1, after: .origin, [data(2, 1)]),
      request(3, after: at(3, 1), [data(2, 2)]), request(1, after: .origin, [data(0, 1)]),
      request(last, after: at(1, last), [data(1, last + 1)]),
      request(1, after: .origin, [LogEntry(position: at(1, 1), kind: .noop, payload: [1])]),
      request(1, after: .origin, [LogEntry(position: at(1, 1), kind: .membership, payload: [1, 2, 3])]),
      request(1, after: .origin, (1...17).map { data(1, $0) }),
    ]
    var core = try core()
    for (count, message) in messages.enumerated() {
      #expect(core.onMessage(message, from: b, now: .zero) == [], "\(message)")
      #expect(core.ignored.malformed == UInt64(count + 1), "\(message)")
    }
    #expect(core.onMessage(vote(1), from: a, now: .zero) == [] && core.ignored.fromStrangers == 1)
    #expect(core.term == 0)
  }

  private func request(_ term: UInt64, after previous: LogPosition, _ entries: [LogEntry]) -> RaftMessage {
    .appendEntries(AppendRequest(term: term, previous: previous, entries: entries, commit: 0, round: 1))
  }

  @Test("survives any sequence of messages without a crash or a step back", arguments: 0..<40)
  func fuzz(_ seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var core = try core(voters: seed % 2 == 0 ? [a, b, c] : [a, b], learners: [d], log: [1, 1, 2])
    var term = core.term
    var commit = core.commitIndex
    for step in 0..<800 {
      let now = ms(step * Int(random.next() % 40))
      let sender = [a, b, c, d, e][Int(random.next() % 5)]
      let directives: [RaftDirective] =
        switch random.next() % 8 {
        case 0: core.onTick(now: now)
        case 1: core.onPersisted(upTo: position(&random), now: now)
        case 2: core.onApplied(number(&random), now: now)
        case 3: core.onPeerDisconnected(sender, now: now)
        default: core.onMessage(message(&random, core), from: sender, now: now)
        }
      for case .truncateLog(let index) in directives { #expect(index >= commit) }
      #expect(core.term >= term && core.commitIndex >= commit && core.commitIndex <= core.lastPosition.index)
      (term, commit) = (core.term, core.commitIndex)
    }
  }

  private func number(_ random: inout SplitMix64) -> UInt64 {
    switch random.next() % 12 {
    case 0: random.next()
    case 1: LogPosition.maximum - random.next() % 2
    default: random.next() % 9
    }
  }

  private func position(_ random: inout SplitMix64) -> LogPosition { at(number(&random), number(&random)) }

  private func message(_ random: inout SplitMix64, _ core: RaftCore) -> RaftMessage {
    let term = random.next() % 3 == 0 ? number(&random) : core.term + random.next() % 2
    let round = random.next() % 6
    let coin = random.next() % 2 == 0
    switch random.next() % 8 {
    case 0: return vote(term, last: position(&random), preVote: coin, handOver: random.next() % 5 == 0)
    case 1, 2: return ballot(term, true, preVote: coin, electionTerm: coin ? core.term + 1 : core.term)
    case 3: return response(term, .matched(index: number(&random)), round: round)
    case 4: return response(term, .conflict(hint: position(&random)), round: round)
    case 5: return .timeoutNow(TimeoutNow(term: term))
    case 6: return .needSync(SyncDemand(term: term, base: position(&random), round: round))
    default:
      let known = core.lastPosition
      let previous = coin ? known : position(&random)
      let entries = (0..<random.next() % 4).map { data(max(previous.term, term), previous.index &+ 1 &+ $0) }
      return .appendEntries(
        AppendRequest(term: term, previous: previous, entries: entries, commit: number(&random), round: round))
    }
  }
}
