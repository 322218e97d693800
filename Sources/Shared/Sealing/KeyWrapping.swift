// SPDX-License-Identifier: GPL-3.0-or-later
internal import CCrypto
public import Secrets

/// Wraps keys with one parent key by AES-256-GCM with random 96-bit nonces; the expanded parent is wiped at the end.
///
/// A parent may wrap 2^32 keys (NIST SP 800-38D, section 8.3); a master key wraps some thousands in its life.
@safe public struct KeyWrapping: ~Copyable {
  private let context: OpaquePointer
  private let nonces = NonceSource()
  /// The id of the parent key.
  public let parentKeyID: String
  /// The check value of the parent key.
  public let parentCheckValue: KeyCheckValue

  /// Expands the 32-byte key `parent`. Throws `size`, `library`.
  public init(parent: borrowing SecretBytes, id: String) throws(SealingError) {
    guard parent.count == WrappedKey.keyBytes else {
      throw SealingError(.size, "the parent key has \(parent.count) bytes instead of \(WrappedKey.keyBytes)")
    }
    let check = try KeyCheckValue(of: parent)
    let made = unsafe parent.withBytes { bytes in
      unsafe bytes.withUnsafeBytes { unsafe kf_gcm_new($0.baseAddress?.assumingMemoryBound(to: UInt8.self)) }
    }
    guard let made = unsafe made else { throw Self.failure("can't expand a parent key") }
    unsafe self.context = made
    self.parentKeyID = id
    self.parentCheckValue = check
  }

  deinit { unsafe EVP_CIPHER_CTX_free(context) }

  /// Wraps a 32-byte key, bound to its ids, its creation time and the caller's context.
  ///
  /// Throws `size`, `library`.
  public borrowing func wrap(
    _ key: borrowing SecretBytes, id: String, createdAtMilliseconds: Int64, context bound: [UInt8]
  ) throws(SealingError) -> WrappedKey {
    guard key.count == WrappedKey.keyBytes else {
      throw SealingError(.size, "the key to wrap has \(key.count) bytes instead of \(WrappedKey.keyBytes)")
    }
    let (context, nonces) = unsafe (self.context, self.nonces)
    return try key.withBytes { (key) throws(SealingError) in
      try unsafe WrappedKey(
        keyID: id, parentKeyID: parentKeyID, createdAtMilliseconds: createdAtMilliseconds,
        parentCheckValue: parentCheckValue
      ) { (header, sealed) throws(SealingError) in
        let associated = header + bound
        guard let nonce = sealed.baseAddress else { throw Self.failure("got no room for a key") }
        try unsafe nonces.write(to: nonce)
        let result = unsafe key.withUnsafeBytes { key in
          unsafe kf_gcm_seal(
            context, nonce, associated, associated.count, key.baseAddress, key.count, nonce + WrappedKey.nonceBytes,
            nonce + WrappedKey.nonceBytes + WrappedKey.keyBytes)
        }
        guard result == KF_DONE else { throw Self.failure("can't wrap a key") }
      }
    }
  }

  /// Unwraps a key under the same context.
  ///
  /// Throws `wrongKey` if another parent wrapped it, `forged` if it or its context was altered, `library`, `secrets`.
  public borrowing func unwrap(_ wrapped: WrappedKey, context bound: [UInt8]) throws(SealingError) -> SecretBytes {
    guard wrapped.parentKeyID == parentKeyID, wrapped.parentCheckValue == parentCheckValue else {
      throw SealingError(
        .wrongKey,
        "key \(wrapped.keyID) was wrapped by key \(wrapped.parentKeyID) with check value \(wrapped.parentCheckValue), "
          + "not by \(parentKeyID) with \(parentCheckValue)")
    }
    let associated = wrapped.header + bound
    let context = unsafe self.context
    return try unsafe SecretBytes.filled(capacity: WrappedKey.keyBytes) { (target) throws(SealingError) in
      let result = unsafe associated.withUnsafeBytes { associated in
        unsafe wrapped.sealed.withUnsafeBufferPointer { sealed in
          guard let nonce = sealed.baseAddress else { return Int32(KF_FAILED) }
          return unsafe kf_gcm_open(
            context, nonce, associated.baseAddress, associated.count, nonce + WrappedKey.nonceBytes,
            WrappedKey.keyBytes, nonce + WrappedKey.nonceBytes + WrappedKey.keyBytes,
            target.baseAddress?.assumingMemoryBound(to: UInt8.self))
        }
      }
      switch Int(result) {
      case KF_DONE: return WrappedKey.keyBytes
      case KF_FORGED:
        throw SealingError(.forged, "key \(wrapped.keyID) was altered, or belongs to another node, cluster or database")
      default: throw Self.failure("can't unwrap a key")
      }
    }
  }

  private static func failure(_ what: String) -> SealingError {
    ERR_clear_error()
    return SealingError(.library, "OpenSSL \(what)")
  }
}
