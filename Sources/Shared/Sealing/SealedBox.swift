// SPDX-License-Identifier: GPL-3.0-or-later
public import Secrets

/// A small secret at rest under a root key: the coordinator's KMS credentials in its store.
///
/// A format byte, then XAES-256-GCM; format, a label and the context are authenticated.
public enum SealedBox {
  /// The format this version writes and reads.
  public static let format: UInt8 = 1
  /// The largest secret, in bytes.
  public static let maximumBytes = 64 << 10
  private static let label = Array("keyfold sealed box".utf8)

  /// Seals a secret, bound to `context` (what it belongs to). Throws `size`, `library`, `secrets`.
  public static func seal(
    _ secret: borrowing SecretBytes, under root: borrowing SecretBytes, context: [UInt8]
  ) throws(SealingError) -> [UInt8] {
    guard secret.count <= maximumBytes else {
      throw SealingError(.size, "a secret of \(secret.count) bytes is too large to seal, \(maximumBytes) are possible")
    }
    return try [format] + PageCipher(key: root).seal(secret, authenticating: [format] + label + context)
  }

  /// Opens what `seal` made with the same root key and context.
  ///
  /// Throws `forged`, also for another root key; `futureFormat`, `size`, `library`, `secrets`.
  public static func open(
    _ sealed: [UInt8], under root: borrowing SecretBytes, context: [UInt8]
  ) throws(SealingError) -> SecretBytes {
    guard let first = sealed.first else { throw SealingError(.forged, "a sealed secret is empty") }
    guard first == format else {
      throw SealingError(.futureFormat, "a sealed secret has format \(first); this version knows \(format)")
    }
    guard sealed.count <= maximumBytes + PageCipher.overhead + 1 else {
      throw SealingError(.size, "a sealed secret has \(sealed.count) bytes, more than any has")
    }
    return try PageCipher(key: root).openSecret(
      Array(sealed.dropFirst()), authenticating: [format] + label + context)
  }
}
