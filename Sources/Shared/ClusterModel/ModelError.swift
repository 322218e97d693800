// SPDX-License-Identifier: GPL-3.0-or-later

/// A value that does not fit the model: which rule it breaks, and where.
public struct ModelError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The rule that was broken.
  public enum Code: Sendable, Equatable {
    case invalidName, invalidIdentifier, invalidAddress, invalidKeyReference, invalidSettings
  }

  /// Which rule was broken.
  public let code: Code
  /// What is wrong, with the offending place, for an operator.
  public let description: String

  /// Makes an error of a rule and a sentence.
  public init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}
