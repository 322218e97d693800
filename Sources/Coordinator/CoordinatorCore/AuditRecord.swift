// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// A decision of an operator on whom to trust, for good: who, when, what.
public struct AuditRecord: Sendable, Codable, Equatable {
  /// Counts up over all of them, in 20 digits, so that texts are in order.
  public let id: String
  /// When it was decided.
  public let at: Instant
  /// Who decided.
  public let by: OperatorName
  /// The command.
  public let command: String
  /// Whom it is about: a node, a cluster, the coordinator.
  public let subject: String
  /// What was decided, with what was seen at that moment.
  public let what: String
}

/// That this store was found to be older than what nodes follow: it was restored from a copy.
public struct RestorationRecord: Sendable, Codable, Equatable {
  /// The highest epoch a node follows that this store never gave out.
  public var seen: Epoch
  /// The highest epoch of this store when that was noticed.
  public var own: Epoch
  /// When it was noticed first.
  public var since: Instant
  /// The nodes that follow such an epoch: their processes have run since before the copy was put in place.
  public var witnesses: [NodeName]
}
