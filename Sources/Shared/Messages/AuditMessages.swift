// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// Where the audit record ends: the coordinator tells its nodes, and each answers with what it was told last.
public struct AuditHeadMessage: Sendable, Equatable {
  /// The end of the record; `AuditHead.empty` of a node that was told nothing yet.
  public var head: AuditHead
  /// To a node: take `head` in place of this one, which the store does not have; nil for the usual going on.
  public var replacing: AuditHead?

  /// Makes a message of its parts.
  public init(_ head: AuditHead, replacing: AuditHead? = nil) {
    self.head = head
    self.replacing = replacing
  }
}
