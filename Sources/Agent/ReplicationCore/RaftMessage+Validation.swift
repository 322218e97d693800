// SPDX-License-Identifier: GPL-3.0-or-later

extension RaftMessage {
  /// Whether the message keeps all rules that do not depend on the receiver; one that does not is dropped.
  func isWellFormed(_ settings: RaftSettings) -> Bool {
    let terms = 1...LogPosition.maximum
    return switch self {
    case .requestVote(let request):
      terms.contains(request.term) && request.last.isPlausible && request.last.term < request.term
        && !(request.preVote && request.handOver)
    case .voteResponse(let response):
      response.term <= LogPosition.maximum && terms.contains(response.electionTerm)
        && (response.preVote || !response.granted || response.term == response.electionTerm)
    case .appendEntries(let request):
      terms.contains(request.term) && request.commit <= LogPosition.maximum && request.isContiguous(settings)
    case .appendResponse(let response):
      terms.contains(response.term) && response.outcome.isPlausible
    case .timeoutNow(let request):
      terms.contains(request.term)
    case .needSync(let demand):
      terms.contains(demand.term) && demand.base.isPlausible && demand.base.term <= demand.term
    case .lossNotice(let notice):
      terms.contains(notice.term) && notice.acknowledged.isPlausible && notice.acknowledged.index > 0
        && notice.acknowledged.term <= notice.term
    }
  }
}

extension AppendResponse.Outcome {
  var isPlausible: Bool {
    switch self {
    case .matched(let index): index <= LogPosition.maximum
    case .conflict(let hint): hint.isPlausible
    case .outdated: true
    }
  }
}

extension AppendRequest {
  /// Whether the entries follow `previous` without a gap, their terms never fall, and none is newer than the leader.
  fileprivate func isContiguous(_ settings: RaftSettings) -> Bool {
    guard previous.isPlausible, entries.count <= settings.maximumEntriesPerMessage else { return false }
    var before = previous
    for entry in entries {
      guard entry.position.isPlausible, entry.position.index == before.index + 1,
        entry.position.term >= max(before.term, 1),
        entry.payload.count <= settings.maximumPayloadBytes, entry.kind != .noop || entry.payload.isEmpty
      else { return false }
      before = entry.position
    }
    return before.term <= term
  }
}
