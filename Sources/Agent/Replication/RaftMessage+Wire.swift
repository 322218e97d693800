// SPDX-License-Identifier: GPL-3.0-or-later
internal import Messages
internal import ReplicationCore

/// Raft's messages as they travel; the entries' payloads lie one after the other in the payload frame.
extension RaftMessage {
  var wire: (body: MessageBody, payload: [UInt8]) {
    switch self {
    case .requestVote(let vote):
      (
        .requestVote(
          RequestVote(
            term: vote.term, lastTerm: vote.last.term, lastIndex: vote.last.index, preVote: vote.preVote,
            transfer: vote.handOver)), []
      )
    case .voteResponse(let vote):
      (
        .voteResponse(
          Messages.VoteResponse(
            term: vote.term, electionTerm: vote.electionTerm, granted: vote.granted, preVote: vote.preVote)), []
      )
    case .appendEntries(let append): append.wire
    case .appendResponse(let response): (.appendResponse(response.wireResponse), [])
    case .timeoutNow(let timeout): (.timeoutNow(Messages.TimeoutNow(term: timeout.term)), [])
    case .needSync(let demand):
      (
        .needSync(
          NeedSync(
            term: demand.term, baseTerm: demand.base.term, baseIndex: demand.base.index, round: demand.round)), []
      )
    case .lossNotice(let notice):
      (
        .needSync(
          NeedSync(
            term: notice.term, baseTerm: 0, baseIndex: 0, round: notice.round,
            lostTerm: notice.acknowledged.term, lostIndex: notice.acknowledged.index)), []
      )
    }
  }

  init?(wire body: MessageBody, payload: [UInt8]) {
    switch body {
    case .requestVote(let vote):
      self = .requestVote(
        VoteRequest(
          term: vote.term, last: LogPosition(term: vote.lastTerm, index: vote.lastIndex), preVote: vote.preVote,
          handOver: vote.transfer))
    case .voteResponse(let vote):
      self = .voteResponse(
        ReplicationCore.VoteResponse(
          term: vote.term, electionTerm: vote.electionTerm, preVote: vote.preVote, granted: vote.granted))
    case .appendEntries(let append):
      guard let request = AppendRequest(wire: append, payload: payload) else { return nil }
      self = .appendEntries(request)
    case .appendResponse(let response): self = .appendResponse(ReplicationCore.AppendResponse(wire: response))
    case .timeoutNow(let timeout): self = .timeoutNow(ReplicationCore.TimeoutNow(term: timeout.term))
    case .needSync(let demand) where demand.lostIndex > 0:
      self = .lossNotice(
        LossNotice(
          term: demand.term, acknowledged: LogPosition(term: demand.lostTerm, index: demand.lostIndex),
          round: demand.round))
    case .needSync(let demand):
      self = .needSync(
        SyncDemand(
          term: demand.term, base: LogPosition(term: demand.baseTerm, index: demand.baseIndex), round: demand.round))
    default: return nil
    }
  }
}

extension AppendRequest {
  fileprivate var wire: (body: MessageBody, payload: [UInt8]) {
    let headers = entries.map {
      EntryHeader(
        term: $0.position.term, kind: UInt32($0.kind.rawValue), payloadLength: UInt32($0.payload.count),
        timeMilliseconds: $0.time)
    }
    var payload: [UInt8] = []
    payload.reserveCapacity(entries.reduce(0) { $0 + $1.payload.count })
    for entry in entries { payload += entry.payload }
    return (
      .appendEntries(
        AppendEntries(
          term: term, previousTerm: previous.term, previousIndex: previous.index, commitIndex: commit,
          entries: headers, round: round)), payload
    )
  }

  fileprivate init?(wire append: AppendEntries, payload: [UInt8]) {
    guard let slices = try? append.slices(of: payload), append.previousIndex < LogPosition.maximum else { return nil }
    var entries: [LogEntry] = []
    entries.reserveCapacity(slices.count)
    for (header, slice) in zip(append.entries, slices) {
      guard let kind = UInt8(exactly: header.kind).flatMap(EntryKind.init(rawValue:)) else { return nil }
      let index = append.previousIndex + UInt64(entries.count) + 1
      entries.append(
        LogEntry(
          position: LogPosition(term: header.term, index: index), kind: kind, payload: Array(slice),
          time: max(0, header.timeMilliseconds)))
    }
    self.init(
      term: append.term, previous: LogPosition(term: append.previousTerm, index: append.previousIndex),
      entries: entries, commit: append.commitIndex, round: append.round)
  }
}

extension ReplicationCore.AppendResponse {
  fileprivate var wireResponse: Messages.AppendResponse {
    switch outcome {
    case .matched(let index):
      Messages.AppendResponse(
        term: term, success: true, matchIndex: index, conflictIndex: 0, conflictTerm: 0, round: round)
    case .conflict(let hint):
      Messages.AppendResponse(
        term: term, success: false, matchIndex: 0, conflictIndex: hint.index, conflictTerm: hint.term, round: round)
    case .outdated:
      Messages.AppendResponse(
        term: term, success: false, matchIndex: 0, conflictIndex: 0, conflictTerm: 0, round: round, outdated: true)
    }
  }

  fileprivate init(wire response: Messages.AppendResponse) {
    let outcome: Outcome =
      if response.outdated {
        .outdated
      } else if response.success {
        .matched(index: response.matchIndex)
      } else {
        .conflict(hint: LogPosition(term: response.conflictTerm, index: response.conflictIndex))
      }
    self.init(term: response.term, outcome: outcome, round: response.round)
  }
}
