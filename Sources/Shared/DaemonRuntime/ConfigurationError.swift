// SPDX-License-Identifier: GPL-3.0-or-later

/// A setting or a file that a daemon cannot start with; the text says which, why and what to do.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What is wrong.
  public enum Code: Sendable, Equatable { case unreadable, notJSON, unknownKey, wrongType, invalidValue }

  /// What is wrong.
  public let code: Code
  /// What happened, where, and what to do next.
  public let description: String

  /// Makes an error of a kind and a sentence.
  public init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}
