// SPDX-License-Identifier: GPL-3.0-or-later
internal import CCrypto
public import Secrets

/// What a server keeps of a password to check SCRAM-SHA-256 logins (RFC 5802, section 3, and RFC 7677).
///
/// The password can't be had back from it other than by guessing, and it can't be used to log in; but who has it can
/// guess without asking the server, so it is kept like a secret and prints nothing of itself.
public struct ScramCredential: Sendable {
  /// How often a password is hashed for a new credential; MongoDB's own default for SCRAM-SHA-256.
  public static let iterations = 15_000
  /// The most iterations a credential may name: a driver has to repeat them at each login.
  public static let maximumIterations = 10_000_000
  /// Bytes of a new salt; MongoDB's own number.
  public static let saltBytes = 28
  /// The longest salt, in bytes.
  public static let maximumSaltBytes = 64

  /// The salt.
  public let salt: [UInt8]
  /// How often the password was hashed.
  public let iterations: Int
  /// `H(ClientKey)`, 32 bytes.
  let storedKey: [UInt8]
  /// `HMAC(SaltedPassword, "Server Key")`, 32 bytes.
  let serverKey: [UInt8]

  private init(salt: [UInt8], iterations: Int, storedKey: [UInt8], serverKey: [UInt8]) {
    self.salt = salt
    self.iterations = iterations
    self.storedKey = storedKey
    self.serverKey = serverKey
  }

  /// Makes the credential of a prepared password (SASLprep, RFC 4013) under a salt.
  ///
  /// Throws `size` for an empty password or an impossible salt or number, and `library`.
  public init(
    password: borrowing SecretBytes, salt: [UInt8], iterations: Int = iterations
  ) throws(SealingError) {
    guard password.count > 0, (1...Self.maximumSaltBytes).contains(salt.count),
      (1...Self.maximumIterations).contains(iterations)
    else { throw SealingError(.size, "a password, salt or number of iterations of an impossible size") }
    let salted = try Self.salted(password, salt, iterations)
    let clientKey = try MessageAuthentication.secretHMACSHA256(key: salted, Array("Client Key".utf8))
    var exposed = clientKey.unprotectedCopy()
    defer { SecretBytes.wipe(&exposed) }
    self.init(
      salt: salt, iterations: iterations, storedKey: try MessageAuthentication.sha256(exposed),
      serverKey: try MessageAuthentication.hmacSHA256(key: salted, Array("Server Key".utf8)))
  }

  /// The credential of nobody: it looks like any other from outside, the same at every time for the same name, and no
  /// password fits it.
  ///
  /// `secret` has to stay the same on all members of a cluster. Throws `library`.
  public init(ofNobodyNamed name: String, secret: [UInt8]) throws(SealingError) {
    func part(_ label: String) throws(SealingError) -> [UInt8] {
      try MessageAuthentication.hmacSHA256(key: secret, Array("\(label) \(name)".utf8))
    }
    self.init(
      salt: Array(try part("salt").prefix(Self.saltBytes)), iterations: Self.iterations,
      storedKey: try part("stored key"), serverKey: try part("server key"))
  }

  /// The server's signature for an exchange if the client's proof fits it, nil if it does not; takes the same time
  /// wherever a wrong proof differs. Throws `library`.
  public func serverSignature(
    answering proof: [UInt8], authMessage: [UInt8]
  ) throws(SealingError) -> [UInt8]? {
    guard proof.count == MessageAuthentication.digestBytes else { return nil }
    let signature = try MessageAuthentication.hmacSHA256(key: storedKey, authMessage)
    var clientKey = zip(proof, signature).map { $0 ^ $1 }
    defer { SecretBytes.wipe(&clientKey) }
    guard MessageAuthentication.isEqual(try MessageAuthentication.sha256(clientKey), storedKey) else { return nil }
    return try MessageAuthentication.hmacSHA256(key: serverKey, authMessage)
  }

  private static func salted(
    _ password: borrowing SecretBytes, _ salt: [UInt8], _ iterations: Int
  ) throws(SealingError) -> SecretBytes {
    try password.withBytes { (password) throws(SealingError) in
      try unsafe SecretBytes.filled(capacity: MessageAuthentication.digestBytes) { (target) throws(SealingError) in
        let done = unsafe password.withUnsafeBytes { password in
          unsafe salt.withUnsafeBufferPointer { salt in
            unsafe kf_pbkdf2_sha256(
              password.baseAddress, password.count, salt.baseAddress, salt.count, UInt32(clamping: iterations),
              target.baseAddress?.assumingMemoryBound(to: UInt8.self))
          }
        }
        guard done == 1 else { throw SealingError(.library, "OpenSSL can't hash a password") }
        return MessageAuthentication.digestBytes
      }
    }
  }
}

/// The credential's bytes: format (1), iterations (4), length of the salt (1), salt, stored key (32), server key (32).
extension ScramCredential {
  private static let format: UInt8 = 1

  /// The credential as bytes, for a message or a record.
  public var encoded: [UInt8] {
    var writer = ByteWriter()
    writer.write(Self.format)
    writer.write(UInt32(clamping: iterations))
    writer.write(salt, behind: UInt8.self)
    writer.write(storedKey)
    writer.write(serverKey)
    return writer.bytes
  }

  /// Reads a credential; throws `malformed` for anything that is none, or that was hashed fewer times than new ones.
  public init(encoded bytes: [UInt8]) throws(SealingError) {
    var reader = ByteReader(bytes)
    guard reader.number(UInt8.self) == Self.format, let iterations = reader.number(UInt32.self),
      (Self.iterations...Self.maximumIterations).contains(Int(iterations)),
      let salt = reader.bytes(behind: UInt8.self, limit: Self.maximumSaltBytes), salt.count >= 16,
      let storedKey = reader.bytes(MessageAuthentication.digestBytes),
      let serverKey = reader.bytes(MessageAuthentication.digestBytes), reader.isAtEnd
    else { throw SealingError(.malformed, "the bytes are no credential of SCRAM-SHA-256 that is used here") }
    self.init(salt: salt, iterations: Int(iterations), storedKey: storedKey, serverKey: serverKey)
  }
}

extension ScramCredential: CustomStringConvertible, CustomReflectable {
  /// The kind of value, and nothing of it.
  public var description: String { "SCRAM-SHA-256 credential" }
  /// Nothing of the value, also in dumps.
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}
