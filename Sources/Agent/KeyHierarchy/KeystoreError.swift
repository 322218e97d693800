// SPDX-License-Identifier: GPL-3.0-or-later

/// What went wrong with a master key or a keystore; never says anything of key bytes.
public struct KeystoreError: Error, Sendable, CustomStringConvertible {
  /// The kinds of failure a caller may tell apart.
  public enum Code: Sendable, Equatable {
    /// There is no keystore file.
    case missing
    /// There is a keystore file already.
    case exists
    /// The file can't be read or written; nothing was changed.
    case storage
    /// A sync or rename failed: what is on disk is unknown, this keystore takes no more changes.
    case damaged
    /// The bytes are no keystore, or not any more.
    case corrupt
    /// Whole by its checksum, but not made by a holder of the master key.
    case forged
    /// A newer version wrote it.
    case futureFormat
    /// The keystore belongs to another cluster, node or generation.
    case foreign
    /// Another master key is needed.
    case wrongMasterKey
    /// What the KMS unwrapped is no master key, or one for other facts.
    case wrongPayload
    /// Somebody else changed the keystore in between.
    case versionConflict
    /// There is no key of that id.
    case unknownKey
    /// More or longer than the format holds.
    case limit
    /// The keys were wiped.
    case wiped
    /// OpenSSL failed or the secure heap is full.
    case cryptography
  }

  /// Which failure it is.
  public let code: Code
  /// What happened, where, and what an operator does next.
  public let description: String
  /// The cause, where there is one.
  public let underlying: (any Error)?

  /// Makes an error of its parts; the cause is appended to the sentence.
  public init(_ code: Code, _ sentence: String, underlying: (any Error)? = nil) {
    self.code = code
    self.underlying = underlying
    self.description = underlying.map { "\(sentence): \($0)" } ?? sentence
  }
}
