// SPDX-License-Identifier: GPL-3.0-or-later

/// Why a document server could not start.
public struct ServerError: Error, Sendable, CustomStringConvertible {
  /// The kinds of failure.
  public enum Code: Sendable, Equatable {
    /// A certificate, key or authority can't be used.
    case certificates
    /// The address can't be bound.
    case cannotBind
    /// The server ran before, or runs now.
    case alreadyStarted
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
