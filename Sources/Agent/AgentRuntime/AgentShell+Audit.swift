// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import Logging
internal import Messages
internal import Transport

/// The node as a witness of the coordinator's audit record, and what it has to say for it.
extension AgentShell {
  /// How many words of the coordinator on its record may wait for the disk; it repeats what gets no answer.
  private static let waitingAuditHeads = 64

  /// Keeps what the coordinator says of its record, in the order in which it came.
  func onAuditHead(_ message: AuditHeadMessage) {
    guard auditHeads.count < Self.waitingAuditHeads else { return }
    auditHeads.append(message)
    if auditHeads.count == 1 { jobQueue.yield(.keepAuditHeads) }
  }

  /// Writes what waits, and answers with what is kept.
  func keepAuditHeads() async {
    while let message = auditHeads.first {
      await keep(message)
      send(.auditHead(AuditHeadMessage(auditMemo.head)))
      auditHeads.removeFirst()
    }
  }

  private func keep(_ message: AuditHeadMessage) async {
    do {
      // Off the actor: a disk that hangs must not keep it from a lock-out.
      let (memo, follows) = try await workshop.run { [auditMemo] in
        var memo = auditMemo
        let follows = try memo.take(message.head, replacing: message.replacing)
        return (memo, follows)
      }
      auditMemo = memo
      if !follows {
        logger.critical(
          "the coordinator's audit record does not go on from what this node was told",
          metadata: ["told": "\(auditMemo.head)", "now": "\(message.head)"])
      }
    } catch {
      logger.error("the end of the audit record was not kept", metadata: ["reason": "\(error)"])
    }
  }

  /// Tells the coordinator which uses of KMS keys it has not taken yet.
  func reportKeyUses() {
    guard let link, link.isConnected, let report = keyUses.due(now: now) else { return }
    send(.keyUses(report))
  }

  /// The coordinator has uses on disk: the next ones follow at once.
  func onKeyUsesTaken(_ mark: KeyUseMark) {
    keyUses.onTaken(mark)
    jobQueue.yield(.keepKeyUses)
    reportKeyUses()
  }
}
