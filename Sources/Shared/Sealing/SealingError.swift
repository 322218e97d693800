// SPDX-License-Identifier: GPL-3.0-or-later
public import Secrets

/// What went wrong while sealing, opening, wrapping or unwrapping; never says anything of keys or plaintext.
public struct SealingError: Error, Sendable, CustomStringConvertible {
  /// The kinds of failure a caller may tell apart.
  public enum Code: Sendable, Equatable {
    /// The tag doesn't fit: altered, cut, swapped, or sealed under another key or context.
    case forged
    /// The key at hand is not the one that wrapped, by its check value.
    case wrongKey
    /// The bytes are no wrapped key of this format.
    case malformed
    /// A newer program wrote the format.
    case futureFormat
    /// The key was taken away.
    case revoked
    /// A key, input or output has a size that can't be right.
    case size
    /// OpenSSL failed, for want of memory or random numbers.
    case library
    /// No room for the secret in the secure heap.
    case secrets
  }

  /// Which failure it is.
  public let code: Code
  /// What happened and to what.
  public let description: String
  /// The failure of the secure heap, where that is the cause.
  public let underlying: SecretsError?

  /// Makes an error of its parts.
  public init(_ code: Code, _ sentence: String, underlying: SecretsError? = nil) {
    self.code = code
    self.underlying = underlying
    self.description = underlying.map { "\(sentence): \($0)" } ?? sentence
  }

  static func secrets(_ cause: SecretsError) -> SealingError {
    SealingError(.secrets, "no room for a key", underlying: cause)
  }
}
