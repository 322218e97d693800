// SPDX-License-Identifier: GPL-3.0-or-later
internal import CCrypto
public import Secrets

/// SHA-256 (FIPS 180-4), HMAC-SHA256 (RFC 2104) and comparison in constant time.
public enum MessageAuthentication {
  /// Bytes of a digest and of a code.
  public static let digestBytes = 32

  /// The SHA-256 digest, 32 bytes. Throws `library` if OpenSSL has no memory.
  public static func sha256(_ bytes: [UInt8]) throws(SealingError) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: digestBytes)
    let done = unsafe bytes.withUnsafeBufferPointer { bytes in
      unsafe digest.withUnsafeMutableBufferPointer { digest in
        unsafe kf_sha256(bytes.baseAddress, bytes.count, digest.baseAddress)
      }
    }
    guard done == 1 else { throw failure() }
    return digest
  }

  /// The HMAC-SHA256 of `bytes` under a key in the secure heap, 32 bytes. Throws `library` if OpenSSL has no memory.
  public static func hmacSHA256(key: borrowing SecretBytes, _ bytes: [UInt8]) throws(SealingError) -> [UInt8] {
    var code = [UInt8](repeating: 0, count: digestBytes)
    let done = key.withBytes { key in
      unsafe code.withUnsafeMutableBytes { code in unsafe hmac(key, bytes, into: code) }
    }
    guard done else { throw failure() }
    return code
  }

  /// The HMAC-SHA256 of `bytes` under a key that is no secret of ours, or not in the secure heap.
  public static func hmacSHA256(key: [UInt8], _ bytes: [UInt8]) throws(SealingError) -> [UInt8] {
    var code = [UInt8](repeating: 0, count: digestBytes)
    let done = unsafe code.withUnsafeMutableBytes { code in unsafe hmac(key.span.bytes, bytes, into: code) }
    guard done else { throw failure() }
    return code
  }

  /// The HMAC-SHA256 of `bytes` as a secret itself: a derived key (AWS Signature Version 4, HKDF).
  public static func secretHMACSHA256(
    key: borrowing SecretBytes, _ bytes: [UInt8]
  ) throws(SealingError) -> SecretBytes {
    try key.withBytes { (key) throws(SealingError) in
      try unsafe SecretBytes.filled(capacity: digestBytes) { (target) throws(SealingError) in
        guard unsafe hmac(key, bytes, into: target) else { throw failure() }
        return digestBytes
      }
    }
  }

  /// Whether two codes are the same; takes the same time wherever they differ.
  public static func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    return unsafe left.withUnsafeBytes { left in
      unsafe right.withUnsafeBytes { right in
        unsafe CRYPTO_memcmp(left.baseAddress, right.baseAddress, left.count) == 0
      }
    }
  }

  private static func hmac(_ key: RawSpan, _ bytes: [UInt8], into code: UnsafeMutableRawBufferPointer) -> Bool {
    unsafe key.withUnsafeBytes { key in
      unsafe bytes.withUnsafeBufferPointer { bytes in
        unsafe HMAC(
          EVP_sha256(), key.baseAddress, Int32(clamping: key.count), bytes.baseAddress, bytes.count,
          code.baseAddress?.assumingMemoryBound(to: UInt8.self), nil) != nil
      }
    }
  }

  private static func failure() -> SealingError {
    ERR_clear_error()
    return SealingError(.library, "OpenSSL can't compute a digest")
  }
}
