// SPDX-License-Identifier: GPL-3.0-or-later

internal import CCertificates
internal import Secrets

/// RSA private keys as DER in secret memory; they are opened for one operation each.
enum RSAKey {
  /// The sizes that are made, in bits.
  static let sizes = [2048, 3072, 4096]

  /// The hash of RSA-OAEP.
  enum Padding: String, Sendable, CaseIterable {
    case oaep256 = "RSA-OAEP-256"
    case oaep = "RSA-OAEP"

    /// The bytes of its hash.
    var hashBytes: Int { self == .oaep ? 20 : 32 }
    fileprivate var code: Int32 { Int32(self == .oaep ? KF_OAEP_SHA1 : KF_OAEP_SHA256) }
  }

  /// The public half: modulus and exponent, big-endian.
  struct Numbers: Sendable {
    let modulus: [UInt8]
    let exponent: [UInt8]
  }

  /// Makes a key; a large one takes a second.
  static func make(bits: Int) throws(SecretsError) -> SecretBytes {
    try unsafe filled(Int(KF_RSA_PRIVATE_CAPACITY), "OpenSSL cannot make an RSA key") { out, count in
      unsafe kf_rsa_make(UInt32(clamping: bits), out.baseAddress, out.count, &count)
    }
  }

  /// The key as PEM.
  static func pem(_ key: borrowing SecretBytes) throws(SecretsError) -> SecretBytes {
    try unsafe withKey(key) { (bytes, length) throws(SecretsError) in
      try unsafe filled(2 * Int(KF_RSA_PRIVATE_CAPACITY), "OpenSSL cannot write an RSA key") { out, count in
        unsafe kf_rsa_pem(bytes, length, out.baseAddress, out.count, &count)
      }
    }
  }

  /// Modulus and exponent; nil if the key cannot be read.
  static func numbers(_ key: borrowing SecretBytes) -> Numbers? {
    unsafe withKey(key) { bytes, length in
      var modulus = [UInt8](repeating: 0, count: Int(KF_RSA_PUBLIC_CAPACITY))
      var exponent = modulus
      var (modulusCount, exponentCount) = (0, 0)
      guard unsafe kf_rsa_numbers(bytes, length, &modulus, &modulusCount, &exponent, &exponentCount) == 1 else {
        return nil
      }
      return Numbers(modulus: Array(modulus.prefix(modulusCount)), exponent: Array(exponent.prefix(exponentCount)))
    }
  }

  /// The public half as SubjectPublicKeyInfo; nil if the key cannot be read.
  static func publicKey(_ key: borrowing SecretBytes) -> [UInt8]? {
    unsafe withKey(key) { bytes, length in
      var out = [UInt8](repeating: 0, count: Int(KF_RSA_PUBLIC_CAPACITY))
      var count = 0
      return unsafe kf_rsa_public(bytes, length, &out, &count) == 1 ? Array(out.prefix(count)) : nil
    }
  }

  /// Encrypts; nil if the text does not fit the key.
  static func encrypt(_ plaintext: borrowing SecretBytes, _ padding: Padding, with key: borrowing SecretBytes)
    -> [UInt8]?
  {
    plaintext.withBytes { text in
      unsafe withKey(key) { bytes, length in
        var out = [UInt8](repeating: 0, count: Int(KF_RSA_PUBLIC_CAPACITY))
        var count = out.count
        let done = unsafe text.withUnsafeBytes { text in
          unsafe kf_rsa_encrypt(
            bytes, length, padding.code, text.baseAddress?.assumingMemoryBound(to: UInt8.self), text.count, &out,
            &count)
        }
        return done == 1 ? Array(out.prefix(count)) : nil
      }
    }
  }

  /// Decrypts into secret memory; throws if the text is not one of this key.
  static func decrypt(_ text: [UInt8], _ padding: Padding, with key: borrowing SecretBytes) throws(SecretsError)
    -> SecretBytes
  {
    try unsafe withKey(key) { (bytes, length) throws(SecretsError) in
      try unsafe filled(Int(KF_RSA_PUBLIC_CAPACITY), "the text is not one of this key") { out, count in
        count = out.count
        return unsafe kf_rsa_decrypt(bytes, length, padding.code, text, text.count, out.baseAddress, &count)
      }
    }
  }

  /// Whether `signature` is an RS256 signature of `message` by the holder of a public key.
  static func isSigned(_ message: [UInt8], _ signature: [UInt8], by publicKey: [UInt8]) -> Bool {
    unsafe kf_rsa_verify(publicKey, publicKey.count, message, message.count, signature, signature.count) == 1
  }

  private static func withKey<Value: ~Copyable, Failure: Error>(
    _ key: borrowing SecretBytes, _ body: (UnsafePointer<UInt8>?, Int) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    try key.withBytes { (bytes) throws(Failure) in
      try unsafe bytes.withUnsafeBytes { (bytes) throws(Failure) in
        try unsafe body(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
      }
    }
  }

  private static func filled(
    _ capacity: Int, _ failure: String, _ fill: (UnsafeMutableBufferPointer<UInt8>, inout Int) -> Int32
  ) throws(SecretsError) -> SecretBytes {
    try SecretBytes(capacity: capacity) { (span) throws(SecretsError) in
      let isDone = unsafe span.withUnsafeMutableBytes { (target, filled) in
        var count = 0
        let answer = unsafe fill(target.assumingMemoryBound(to: UInt8.self), &count)
        filled = answer == 1 ? count : 0
        return answer == 1
      }
      guard isDone else { throw SecretsError(.heapExhausted, failure) }
    }
  }
}
