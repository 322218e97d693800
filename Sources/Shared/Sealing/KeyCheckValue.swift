// SPDX-License-Identifier: GPL-3.0-or-later
public import Secrets

/// Tells whether a key is the one meant without giving anything of it away.
///
/// It is HMAC-SHA256(key, "keyfold key check v1"), the first 16 bytes; for random keys only, which can't be guessed.
public struct KeyCheckValue: Hashable, Sendable, CustomStringConvertible {
  /// Bytes of a check value.
  public static let byteCount = 16
  private static let label = Array("keyfold key check v1".utf8)

  /// The 16 bytes.
  public let bytes: [UInt8]

  /// Computes a key's check value. Throws `library` if OpenSSL has no memory.
  public init(of key: borrowing SecretBytes) throws(SealingError) {
    self.bytes = Array(try MessageAuthentication.hmacSHA256(key: key, Self.label).prefix(Self.byteCount))
  }

  /// Takes over stored bytes; nil unless there are 16.
  public init?(bytes: [UInt8]) {
    guard bytes.count == Self.byteCount else { return nil }
    self.bytes = bytes
  }

  /// Takes over stored text; nil unless it is 32 hexadecimal digits.
  public init?(text: String) {
    guard let bytes = Hexadecimal.bytes(of: text) else { return nil }
    self.init(bytes: bytes)
  }

  /// The 16 bytes as 32 hexadecimal digits.
  public var text: String { Hexadecimal.text(of: bytes) }
  /// The same as `text`.
  public var description: String { text }
}
