// SPDX-License-Identifier: GPL-3.0-or-later

/// Bytes that are not a document, or a value that can't do what was asked of it.
public struct DocumentError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The kinds of fault.
  public enum Code: Sendable, Equatable {
    /// The bytes are not well-formed BSON.
    case malformed
    /// A string or key is not UTF-8.
    case invalidText
    /// The document is larger than allowed.
    case tooLarge
    /// Documents are nested deeper than allowed.
    case tooDeep
    /// The value can't be an `_id`.
    case invalidIdentifier
  }

  /// The kind of fault.
  public let code: Code
  /// What is wrong and at which byte; never holds values of the document.
  public let description: String

  /// Makes an error of a kind and a sentence.
  public init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}
