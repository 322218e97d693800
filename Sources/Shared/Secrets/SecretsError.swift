// SPDX-License-Identifier: GPL-3.0-or-later

/// What went wrong with secret memory, a secret file or the hardening of the process; says nothing of the secret.
public struct SecretsError: Error, Sendable, CustomStringConvertible {
  /// The kinds of failure a caller may tell apart.
  public enum Code: Sendable, Equatable {
    case heapUnavailable, heapNotLocked, heapTooSmall, heapExhausted, randomnessUnavailable
    case fileMissing, filePermissions, fileEmpty, fileTooLarge, fileExists, fileUnusable
    case hardeningFailed, executionFailed
  }

  /// Which failure it is.
  public let code: Code
  /// What happened, where, and what an operator does next.
  public let description: String
  /// The system's own error, where there is one.
  public let underlying: SystemFault?

  /// Makes an error of its parts; the system's error is appended to the sentence.
  public init(_ code: Code, _ sentence: String, underlying: SystemFault? = nil) {
    self.code = code
    self.underlying = underlying
    self.description = underlying.map { "\(sentence): \($0)" } ?? sentence
  }
}
