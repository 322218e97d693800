// SPDX-License-Identifier: GPL-3.0-or-later
internal import CZeroMQ
public import Secrets

/// A CURVE key pair: who we are on every connection.
///
/// The file holds the secret key alone, 40 characters of Z85 and a line end; the public key follows from it.
public struct CurveIdentity: Sendable {
  /// The length of a CURVE key, in bytes.
  static let keyBytes = 32

  /// The public key, for the other side's allow-list.
  public let publicKey: CurvePublicKey
  /// The secret key, 32 bytes.
  let secretKey: Secret

  /// Draws a new pair.
  public static func generate() throws(TransportError) -> CurveIdentity {
    let secret = try secrets("a CURVE key can't be drawn") { () throws(SecretsError) in
      try SecretBytes.random(count: keyBytes)
    }
    return try CurveIdentity(rawSecretKey: secret)
  }

  /// Takes a secret key as text: 40 characters of Z85, as in a key file.
  public init(secretKeyText: borrowing SecretBytes) throws(TransportError) {
    let raw = try Self.decoded(secretKeyText)
    try self.init(rawSecretKey: raw)
  }

  /// Reads a key file; refuses one that others than its owner may read.
  public static func load(from path: String) throws(TransportError) -> CurveIdentity {
    let text = try secrets("the CURVE key file \(path) can't be used") { () throws(SecretsError) in
      try SecretFile.read(path, limit: 4_096, trimmingNewline: true)
    }
    do { return try CurveIdentity(secretKeyText: text) } catch {
      throw TransportError(.identity, "\(path) holds no CURVE secret key: 40 characters of Z85 are expected")
    }
  }

  /// Writes a new key file for its owner only (0600); throws if there is a file already.
  public func save(to path: String) throws(TransportError) {
    let text = try secretKeyText()
    do { try SecretFile.create(path, holding: text) } catch {
      throw TransportError(.identity, "the CURVE key file \(path) can't be written: \(error)", underlying: error)
    }
  }

  /// The secret key as text with a line end, as in a key file.
  public func secretKeyText() throws(TransportError) -> SecretBytes {
    let text = try Self.encoded(secretKey, terminator: UInt8(ascii: "\n"))
    return text
  }

  /// Derives the public key of 32 secret bytes: libsodium's scalar multiplication by way of zmq_curve_public(3).
  init(rawSecretKey: consuming SecretBytes) throws(TransportError) {
    let secret = Secret(rawSecretKey)
    guard secret.count == Self.keyBytes else {
      throw TransportError(.identity, "a CURVE secret key has 32 bytes, this one has \(secret.count)")
    }
    let text = try Self.encoded(secret, terminator: 0)
    var characters = [CChar](repeating: 0, count: CurvePublicKey.textLength + 1)
    let result = text.withBytes { span in
      unsafe span.withUnsafeBytes { source in
        unsafe zmq_curve_public(&characters, source.bindMemory(to: CChar.self).baseAddress)
      }
    }
    guard result == 0 else { throw .lastFailure("a CURVE public key can't be derived") }
    publicKey = try CurvePublicKey(
      String(decoding: characters.prefix(CurvePublicKey.textLength).map { UInt8(bitPattern: $0) }, as: UTF8.self))
    secretKey = secret
  }

  private static func encoded(_ secret: Secret, terminator: UInt8) throws(TransportError) -> SecretBytes {
    let length = CurvePublicKey.textLength + 1
    return try secrets("a CURVE key has no room") { () throws(SecretsError) in
      try SecretBytes(capacity: length) { (span) throws(SecretsError) in
        secret.withBytes { source in
          unsafe span.withUnsafeMutableBytes { target, filled in
            unsafe source.withUnsafeBytes { key in
              _ = unsafe zmq_z85_encode(
                target.bindMemory(to: CChar.self).baseAddress, key.bindMemory(to: UInt8.self).baseAddress, key.count)
            }
            unsafe target[length - 1] = terminator
            filled = length
          }
        }
      }
    }
  }

  private static func decoded(_ text: borrowing SecretBytes) throws(TransportError) -> SecretBytes {
    let valid = text.withBytes { span in unsafe span.withUnsafeBytes { unsafe Z85.isKey($0) } }
    guard valid else { throw TransportError(.identity, "a CURVE secret key has to be 40 characters of Z85") }
    return try secrets("a CURVE key has no room") { () throws(SecretsError) in
      try SecretBytes(capacity: keyBytes) { (span) throws(SecretsError) in
        text.withBytes { source in
          unsafe source.withUnsafeBytes { characters in
            for start in stride(from: 0, to: characters.count, by: 5) {
              let word = unsafe Z85.word(characters[start..<start + 5])
              for shift in stride(from: UInt64(24), through: 0, by: -8) {
                span.append(UInt8(truncatingIfNeeded: word >> shift))
              }
            }
          }
        }
      }
    }
  }

  private static func secrets(
    _ sentence: String, _ body: () throws(SecretsError) -> SecretBytes
  ) throws(TransportError) -> SecretBytes {
    do { return try body() } catch { throw TransportError(.identity, "\(sentence): \(error)", underlying: error) }
  }
}
