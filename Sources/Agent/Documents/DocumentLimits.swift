// SPDX-License-Identifier: GPL-3.0-or-later

/// How large and how deep a document may be.
public struct DocumentLimits: Sendable, Equatable {
  /// The largest document, in bytes.
  public var maximumSize: Int
  /// The deepest nesting; a document without embedded documents or arrays has depth 1.
  public var maximumNesting: Int

  /// A document that is stored: 16 MiB as in MongoDB, 100 levels as MongoDB documents it.
  public static let stored = DocumentLimits(maximumSize: 16 * 1024 * 1024, maximumNesting: 100)

  /// Sets both limits.
  public init(maximumSize: Int, maximumNesting: Int) {
    self.maximumSize = maximumSize
    self.maximumNesting = maximumNesting
  }
}
