// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import Logging
internal import Messages
internal import Transport

/// The node as a witness of the coordinator's audit record, and what it has to say for it.
extension AgentShell {
  /// Keeps what the coordinator says of its record, and answers with what is kept.
  func onAuditHead(_ message: AuditHeadMessage) {
    do {
      if try !auditMemo.take(message.head, replacing: message.replacing) {
        logger.critical(
          "the coordinator's audit record does not go on from what this node was told",
          metadata: ["told": "\(auditMemo.head)", "now": "\(message.head)"])
      }
    } catch {
      logger.error("the end of the audit record was not kept", metadata: ["reason": "\(error)"])
    }
    send(.auditHead(AuditHeadMessage(auditMemo.head)))
  }

  /// Tells the coordinator which uses of KMS keys it has not taken yet.
  func reportKeyUses() {
    guard let link, link.isConnected, let report = keyUses.due(now: now) else { return }
    send(.keyUses(report))
  }

  /// The coordinator has uses on disk: the next ones follow at once.
  func onKeyUsesTaken(_ mark: KeyUseMark) {
    keyUses.onTaken(mark)
    reportKeyUses()
  }
}
