// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// What the shell has to do next; performed in order, one transaction for each `persist`.
///
/// If a `persist` fails, nothing after it may be performed and the core must not be used any longer: it is ahead of the
/// disk. The shell ends the process; the next start reads the disk.
public enum CoordinatorDirective: Sendable, Equatable {
  /// Write these changes in one transaction and wait until they are on disk.
  case persist([RecordChange])
  /// Send a command to a node; if it is not connected, drop it: the core sends again.
  case sendCommand(NodeName, NodeCommand)
  /// Send a node its assignment, together with the secret of the project's KMS credentials.
  case sendAssignment(NodeName, NodeAssignment)
  /// Tell one process of a node, which is not the one that may speak for it, that it is not approved.
  case refuse(NodeName, BootID, NodeAssignment)
  /// Send a node the IP list.
  case sendIPList(NodeName, IPList)
  /// Tell a node when it may make the call to the KMS that it asked for.
  case grantSlot(NodeName, StartSlot)
  /// Tell a node where the audit record ends; it takes that in place of `replacing` if that is what it was told last.
  case tellAuditHead(NodeName, replacing: AuditHead?)
  /// Tell a node up to where its uses of KMS keys are on disk.
  case tellKeyUsesTaken(NodeName, KeyUseMark)
  /// Unwrap the project's canary under the settings of this version and report with `onVerdict`; `renewing` with tokens
  /// and sessions that are fetched for it, none that were kept.
  case checkKMS(ProjectName, settingsVersion: UInt64, renewing: Bool)
  /// Hand a mail to the server for one recipient, and report with `onMail`.
  case sendMail(MailRecord, to: String, server: MailServerRecord)
  /// Something needs an operator's attention.
  case alertOpened(AlertRecord)
  /// It does no longer.
  case alertClosed(AlertRecord)
  /// `allowList` changed: hand it to the ZAP handler.
  case allowListChanged
}

/// What an operator's input gave, and what the shell has to do for it.
public struct Decision<Value: Sendable>: Sendable {
  /// The result for the operator.
  public let value: Value
  /// What to do, in order; the operator is answered after the last `persist`.
  public let directives: [CoordinatorDirective]

  init(_ value: Value, _ directives: [CoordinatorDirective]) {
    self.value = value
    self.directives = directives
  }
}
