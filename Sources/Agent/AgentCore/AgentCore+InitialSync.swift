// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// The way back: a generation copied from other members.
extension AgentCore {
  /// Whether data is being copied although there is none to serve from. False also once the node was stopped meanwhile,
  /// or locked out: then the copy has to be given up.
  public var isRebuilding: Bool {
    guard case .rebuilding = life, let assignment, copyLockout == nil else { return false }
    return assignment.running && assignment.disabledReason == nil
  }

  mutating func onInitialSync(_ command: NodeCommand, _ order: InitialSyncOrder) -> [AgentDirective] {
    guard generation?.id == order.replacing else {
      let isAsWanted = generation?.encrypted == order.encrypted
      let found = generation.map { "\($0.id)" } ?? "none"
      return [
        reply(
          command,
          isAsWanted
            ? .done
            : .refused(reason: "the live generation is \(found), not \(order.replacing?.text ?? "none")"))
      ]
    }
    if order.encrypted, assignment?.kms == nil {
      return [.reply(result(command, .failed(reason: "the node has no KMS settings yet")))]
    }
    if let reason = assignment?.disabledReason {
      return [.reply(result(command, .failed(reason: "the node is locked out: \(reason)")))]
    }
    let failure: String?
    switch life {
    case .serving: return beginWork(command, .resync(command.id, encrypted: order.encrypted))
    case .failed(let reason), .notApproved(let reason): failure = reason
    case .empty: failure = nil
    default: return [.reply(result(command, .failed(reason: "the node is \(phase.name)")))]
    }
    let before = work
    let directives = beginWork(command, .rebuild(command.id, order))
    if work != before { life = .rebuilding(failure: failure) }
    return directives + [.report]
  }

  /// A generation was built anew, or that failed; `new` is on disk, closed, and named by `CURRENT`.
  public mutating func onRebuilt(
    _ id: CommandID, outcome: CommandOutcome, generation new: GenerationReport?
  ) -> [AgentDirective] {
    guard let running = work, running.command.id == id else { return [.report] }
    work = nil
    let answer = reply(running.command, outcome)
    if let new { generation = new }
    guard case .rebuilding(let failure) = life else { return [answer, .report] }
    if let reason = copyLockout {
      // What was copied lies in freed memory, and keys may.
      copyLockout = nil
      life = .disabled(reason: reason, recheckAt: .max)
      return [answer, .report, .replaceProcessImage]
    }
    guard new != nil else {
      life = failure.map { .failed(reason: $0) } ?? .empty
      return [answer, .report]
    }
    damage = []
    return [answer] + beginOpening(attempt: 0, now: nil) + [.report]
  }
}
