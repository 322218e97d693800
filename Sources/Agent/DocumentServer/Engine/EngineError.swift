// SPDX-License-Identifier: GPL-3.0-or-later

/// Why an engine could not do what was asked.
public struct EngineError: Error, Sendable, CustomStringConvertible {
  /// The kinds of failure a driver has to tell apart.
  public enum Code: Sendable, Equatable {
    /// This node is not the primary; nothing was written.
    case notPrimary
    /// The node lost its primaryship while the write was on its way: whether it stands is unknown.
    case outcomeUnknown
    /// The engine is closed, disabled, recovering or shutting down; nothing was written.
    case unavailable
    /// Too much is under way; nothing was written, trying again later is right.
    case overloaded
    /// Storage failed; nothing was written.
    case storage
  }

  /// The kind of failure.
  public let code: Code
  /// What was being done and what went wrong, for an operator and for the driver's error message.
  public let description: String

  /// Makes an error of a kind and a sentence.
  public init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}
