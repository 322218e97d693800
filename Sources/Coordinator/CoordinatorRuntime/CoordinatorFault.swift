// SPDX-License-Identifier: GPL-3.0-or-later

/// Why a coordinator cannot start or cannot go on; it ends, and the next start goes on from what is on disk.
public struct CoordinatorFault: Error, Sendable, CustomStringConvertible {
  /// What it is about.
  public enum Code: Sendable, Equatable {
    /// The data directory cannot be used.
    case directory
    /// Another coordinator uses the data directory.
    case inUse
    /// What was remembered cannot be read or written.
    case storage
    /// The address cannot be listened on, or a key cannot be used.
    case transport
  }

  /// What it is about.
  public let code: Code
  /// What happened, where, and what to do next.
  public let description: String
  /// The error below, if there is one.
  public let underlying: (any Error)?

  /// Makes a fault of its parts; the error below is appended to the sentence.
  public init(_ code: Code, _ sentence: String, underlying: (any Error)? = nil) {
    self.code = code
    self.underlying = underlying
    description = underlying.map { "\(sentence): \($0)" } ?? sentence
  }
}
