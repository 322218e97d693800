// SPDX-License-Identifier: GPL-3.0-or-later

/// Why an agent can't start or can't go on.
public struct AgentError: Error, Sendable, CustomStringConvertible {
  /// The kinds of failure.
  public enum Code: Sendable, Equatable {
    /// A setting can't be used.
    case configuration
    /// A port or link can't be opened.
    case network
    /// The data directory can't be used.
    case data
    /// The keystore or the KMS refused.
    case keys
    /// The coordinator did not enrol the node.
    case enrolment
  }

  /// The kind of failure.
  public let code: Code
  /// What happened, where, and what to do.
  public let description: String

  /// Makes an error of a kind and a sentence.
  public init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}
