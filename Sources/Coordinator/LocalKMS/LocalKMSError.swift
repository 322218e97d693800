// SPDX-License-Identifier: GPL-3.0-or-later

/// A local KMS that cannot start or go on, or an operator's call to it that failed.
public struct LocalKMSError: Error, Sendable, CustomStringConvertible {
  /// The kinds of failure a caller may tell apart.
  public enum Code: Sendable, Equatable {
    /// The configuration cannot be used.
    case settings
    /// The state folder cannot be read or written.
    case storage
    /// The state was altered, or belongs to another root key.
    case damaged
    /// Another process serves this folder.
    case inUse
    /// The address cannot be listened on.
    case listening
    /// OpenSSL, memory or random numbers failed.
    case cryptography
    /// The server could not be reached.
    case unreachable
    /// The server refused, for the state that things are in or for what the caller may do.
    case refused
    /// The server does not have what was named.
    case notFound
    /// There is one of that name already.
    case alreadyExists
    /// The file that was to be written is there already.
    case fileExists
    /// The server can't make sense of what was asked.
    case invalid
  }

  /// Which failure it is.
  public let code: Code
  /// What happened, where, and what to do next.
  public let description: String
  /// The error below, if there is one.
  public let underlying: (any Error)?

  /// Makes an error of its parts; the error below is appended to the sentence.
  public init(_ code: Code, _ sentence: String, underlying: (any Error)? = nil) {
    self.code = code
    self.underlying = underlying
    description = underlying.map { "\(sentence): \($0)" } ?? sentence
  }
}
