// SPDX-License-Identifier: GPL-3.0-or-later

internal import CCrypto
internal import ClusterModel
internal import Secrets

/// What Azure wraps: the key, behind a fingerprint of what it is bound to, because Azure takes no context of its own.
///
/// Layout: `KFW1`, SHA-256 of the context's pairs as JSON, sorted by name, and the key. RSA-OAEP with the smallest key,
/// 2048 bits, takes 190 bytes. Whoever has the public key can make a blob that unwraps; that a node's blob is the one
/// the node made is what its keystore's own authentication and the coordinator's record are for.
enum AzurePayload {
  private static let mark = Array("KFW1".utf8)
  private static let headBytes = mark.count + SigningHash.byteCount
  /// The largest key that fits, in bytes.
  static let maximumKeyBytes = 190 - headBytes

  /// The payload of a key.
  static func make(_ key: borrowing SecretBytes, _ context: KeyContext) throws(SecretsError) -> SecretBytes {
    let head = mark + fingerprint(context)
    return try key.withBytes { (key) throws(SecretsError) in
      try SecretBytes(capacity: headBytes + key.byteCount) { (span) throws(SecretsError) in
        for byte in head { span.append(byte) }
        for offset in key.byteOffsets { span.append(unsafe key.unsafeLoad(fromByteOffset: offset, as: UInt8.self)) }
      }
    }
  }

  /// The key of a payload; nil if it is none, or was made for another context.
  static func open(_ payload: borrowing SecretBytes, _ context: KeyContext) throws(SecretsError) -> SecretBytes? {
    guard payload.count > headBytes else { return nil }
    let head = mark + fingerprint(context)
    return try payload.withBytes { (bytes) throws(SecretsError) -> SecretBytes? in
      let isOurs = unsafe bytes.withUnsafeBytes { unsafe CRYPTO_memcmp($0.baseAddress, head, headBytes) == 0 }
      guard isOurs else { return nil }
      return try SecretBytes(copying: bytes.extracting(headBytes..<bytes.byteCount))
    }
  }

  private static func fingerprint(_ context: KeyContext) -> [UInt8] {
    SigningHash.sha256(String(decoding: JSONValue.texts(context.pairs).encoded(), as: UTF8.self))
  }
}
