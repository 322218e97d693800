// SPDX-License-Identifier: GPL-3.0-or-later

/// What the replication core refuses: state that contradicts itself, or bytes that are not what they should be.
public struct ReplicationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The kind of the fault.
  public enum Code: Sendable, Equatable {
    /// What was restored or reported contradicts itself or what the core knows: damage, never to be guessed away.
    case inconsistentState
    /// Bytes that are no record of the oplog.
    case malformedRecord
    /// Bytes that are no membership, or a membership that breaks a rule.
    case malformedMembership
    /// Bytes that do not say what a member had acknowledged.
    case malformedFloor
    /// Settings that can't work.
    case invalidSettings
    /// Something is larger than its limit.
    case limitExceeded
  }

  /// The kind of the fault.
  public let code: Code
  /// What was being done and what is wrong; never a document's content.
  public let description: String
  /// The error below it, as text.
  public let underlying: String?

  /// Makes an error of its parts.
  public init(_ code: Code, _ description: String, underlying: String? = nil) {
    self.code = code
    self.description = description
    self.underlying = underlying
  }
}
