// SPDX-License-Identifier: GPL-3.0-or-later

/// What is wrong with a project's key: what was refused, by whom, since when, and what to do.
public struct KeyTroubleView: Sendable, Codable, Equatable {
  /// `revoked` or `unreachable`.
  public var verdict: String
  /// The reason, one of the verdict's.
  public var reason: String
  /// What was asked for and not given, in a sentence with the provider's own words and request id.
  public var refused: String
  /// Who refused it, or could not be asked: the provider, where, and with which credentials.
  public var by: String
  /// Who saw it first: `coordinator`, or a node.
  public var firstSeenBy: String
  /// When the first check that saw it began.
  public var firstSeenAt: OperatorTime?
  /// How many checks of the coordinator in a row have seen it.
  public var checks: Int
  /// What to do about it.
  public var next: String

  /// Makes a view of its parts.
  public init(
    verdict: String, reason: String, refused: String, by: String, firstSeenBy: String, firstSeenAt: OperatorTime?,
    checks: Int, next: String
  ) {
    self.verdict = verdict
    self.reason = reason
    self.refused = refused
    self.by = by
    self.firstSeenBy = firstSeenBy
    self.firstSeenAt = firstSeenAt
    self.checks = checks
    self.next = next
  }
}

/// The last check of one vantage point: the coordinator's, or one node's of its own stored key.
public struct VantagePointView: Sendable, Codable, Equatable {
  /// `coordinator`, or the node's name.
  public var name: String
  /// What it saw under the present settings, nil if it has not looked under them yet.
  public var check: CheckView?

  /// Makes a view of its parts.
  public init(name: String, check: CheckView?) {
    self.name = name
    self.check = check
  }
}
