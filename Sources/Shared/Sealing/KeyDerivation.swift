// SPDX-License-Identifier: GPL-3.0-or-later
public import Secrets

/// Keys derived from keys, one per purpose, so that no key serves two algorithms.
public enum KeyDerivation {
  /// The 32-byte subkey of a random key for the purpose `label` names: HKDF-Expand with SHA-256
  /// (RFC 5869, section 2.3).
  ///
  /// Random keys need no HKDF-Extract (section 3.3). Throws `library` and `secrets`.
  public static func subkey(of key: borrowing SecretBytes, label: String) throws(SealingError) -> SecretBytes {
    try subkey(of: key, information: Array(label.utf8))
  }

  static func subkey(of key: borrowing SecretBytes, information: [UInt8]) throws(SealingError) -> SecretBytes {
    // One block of output: T(1) = HMAC(key, information | 0x01).
    try MessageAuthentication.secretHMACSHA256(key: key, information + [1])
  }
}
