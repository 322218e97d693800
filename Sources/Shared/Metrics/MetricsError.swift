// SPDX-License-Identifier: GPL-3.0-or-later

/// Why metrics can't be shown.
public struct MetricsError: Error, Sendable, CustomStringConvertible {
  /// The kinds of failure.
  public enum Code: Sendable, Equatable {
    /// The address is not one of this machine only.
    case notLoopback
    /// The address can't be bound.
    case cannotBind
  }

  /// The kind of failure.
  public let code: Code
  /// What was being done, what went wrong and what to do.
  public let description: String
  /// What the network said.
  public let underlying: (any Error)?

  /// Makes an error of a kind and a sentence.
  public init(_ code: Code, _ description: String, underlying: (any Error)? = nil) {
    self.code = code
    self.description = description
    self.underlying = underlying
  }
}
