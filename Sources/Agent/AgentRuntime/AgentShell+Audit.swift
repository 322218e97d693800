// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import Logging
internal import Messages

/// The node as a witness of the coordinator's audit record.
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
}
