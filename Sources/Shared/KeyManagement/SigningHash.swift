// SPDX-License-Identifier: GPL-3.0-or-later

internal import CCrypto
package import Secrets

/// SHA-256 and HMAC-SHA256 as signatures use them.
package enum SigningHash {
  /// The size of a hash, in bytes.
  package static let byteCount = 32

  /// SHA-256 of a text's UTF-8.
  package static func sha256(_ text: String) -> [UInt8] { unsafe sha256(Array(text.utf8).span.bytes) }

  /// SHA-256 of bytes (FIPS 180-4).
  package static func sha256(_ bytes: RawSpan) -> [UInt8] {
    var hash = [UInt8](repeating: 0, count: byteCount)
    unsafe bytes.withUnsafeBytes { source in
      unsafe hash.withUnsafeMutableBufferPointer { target in
        _ = unsafe SHA256(source.baseAddress?.assumingMemoryBound(to: UInt8.self), source.count, target.baseAddress)
      }
    }
    return hash
  }

  /// HMAC-SHA256 (RFC 2104) of a text, itself a secret because signing keys are chains of them.
  package static func hmac(key: borrowing SecretBytes, _ text: String) throws(SecretsError) -> SecretBytes {
    let message = Array(text.utf8)
    return try key.withBytes { (key) throws(SecretsError) in
      try SecretBytes(capacity: byteCount) { (span) throws(SecretsError) in
        let isDone = unsafe span.withUnsafeMutableBytes { (target, filled) in
          filled = target.count
          return unsafe key.withUnsafeBytes { key in
            unsafe HMAC(
              EVP_sha256(), key.baseAddress, Int32(clamping: key.count), message, message.count,
              target.baseAddress?.assumingMemoryBound(to: UInt8.self), nil) != nil
          }
        }
        guard isDone else { throw SecretsError(.heapExhausted, "OpenSSL has no memory for a signature") }
      }
    }
  }
}
