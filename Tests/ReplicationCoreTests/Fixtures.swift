// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import ReplicationCore

let (a, b, c, d, e) = (
  MemberID(checked: "a"), MemberID(checked: "b"), MemberID(checked: "c"), MemberID(checked: "d"), MemberID(checked: "e")
)

func ms(_ milliseconds: Int) -> Duration { .milliseconds(milliseconds) }

func noop(_ term: UInt64, _ index: UInt64) -> LogEntry {
  LogEntry(position: at(term, index), kind: .noop, payload: [])
}

func data(_ term: UInt64, _ index: UInt64, _ byte: UInt8 = 7) -> LogEntry {
  LogEntry(position: at(term, index), kind: .data, payload: [byte])
}

func at(_ term: UInt64, _ index: UInt64) -> LogPosition { LogPosition(term: term, index: index) }

/// A member as it starts with a log of the given terms, one entry each.
func core(
  _ me: MemberID = a, voters: [MemberID] = [a, b, c], learners: [MemberID] = [], term: UInt64? = nil,
  vote: MemberID? = nil, log terms: [UInt64] = [], base: LogPosition = .origin, applied: UInt64? = nil,
  mode: MemberMode = .full, electableFrom: UInt64 = 0, settings: RaftSettings = SimulationPlan.settings
) throws -> RaftCore {
  var log = LogOutline(base: base)
  for term in terms { try log.append(at(term, log.lastIndex + 1)) }
  let membership = try Membership(voters: voters, learners: learners)
  return try RaftCore(
    me: me, settings: settings,
    restored: RestoredState(
      hardState: HardState(term: term ?? log.last.term, vote: vote), log: log, appliedIndex: applied ?? base.index,
      memberships: MembershipHistory(base: membership), mode: mode, electableFrom: electableFrom),
    seed: 1, now: .zero)
}

extension RaftCore {
  /// A message from a leader.
  mutating func append(
    _ term: UInt64, after previous: LogPosition, _ entries: [LogEntry] = [], commit: UInt64 = 0,
    from leader: MemberID = b,
    round: UInt64 = 1, now: Duration = .zero
  ) -> [RaftDirective] {
    onMessage(
      .appendEntries(AppendRequest(term: term, previous: previous, entries: entries, commit: commit, round: round)),
      from: leader, now: now)
  }

  mutating func answer(
    _ outcome: AppendResponse.Outcome, from member: MemberID, round: UInt64, term: UInt64? = nil, now: Duration
  ) -> [RaftDirective] {
    let response = AppendResponse(term: term ?? self.term, outcome: outcome, round: round)
    return onMessage(.appendResponse(response), from: member, now: now)
  }

  /// Lets this member win its next election with the votes of `voters`; returns the moment.
  mutating func win(with voters: [MemberID] = [b], from start: Duration = ms(700)) -> Duration {
    _ = onTick(now: start)
    for preVote in [true, false] {
      let asked = preVote ? term + 1 : term
      for voter in voters {
        let response = VoteResponse(
          term: preVote ? term : asked, electionTerm: asked, preVote: preVote, granted: true)
        _ = onMessage(.voteResponse(response), from: voter, now: start)
      }
    }
    return start
  }

  /// Makes a new leader ready: its first entry durable here, matched by `voters`, applied.
  mutating func becomeReady(with voters: [MemberID] = [b], now: Duration) {
    _ = onPersisted(upTo: lastPosition, now: now)
    for voter in voters { _ = answer(.matched(index: lastPosition.index), from: voter, round: 1, now: now) }
    _ = onApplied(commitIndex, now: now)
  }
}

func vote(_ term: UInt64, last: LogPosition = .origin, preVote: Bool = false, handOver: Bool = false) -> RaftMessage {
  .requestVote(VoteRequest(term: term, last: last, preVote: preVote, handOver: handOver))
}

func ballot(_ term: UInt64, _ granted: Bool, preVote: Bool = false, electionTerm: UInt64? = nil) -> RaftMessage {
  .voteResponse(
    VoteResponse(term: term, electionTerm: electionTerm ?? term, preVote: preVote, granted: granted))
}

func response(_ term: UInt64, _ outcome: AppendResponse.Outcome, round: UInt64 = 1) -> RaftMessage {
  .appendResponse(AppendResponse(term: term, outcome: outcome, round: round))
}
