// SPDX-License-Identifier: GPL-3.0-or-later

/// A 32-byte key encrypted with its parent key, with all that is needed to tell whose it is and whether it is whole.
///
/// Encoded, in network order: format (1 byte), algorithm (1), key id and parent key id (length 1 + UTF-8 each),
/// creation time (8, milliseconds since 1970), check value of the parent key (16), nonce (12), ciphertext (32), tag
/// (16), and the first 8 bytes of the SHA-256 of all that. Everything up to the nonce is authenticated with the
/// ciphertext; the digest only tells a damaged blob from one wrapped under another key before any key is at hand.
public struct WrappedKey: Sendable, Equatable {
  /// The format this version writes and reads.
  public static let format: UInt8 = 1
  /// The algorithm's number for AES-256-GCM (NIST SP 800-38D).
  public static let aes256GCM: UInt8 = 1
  /// The longest key id, in bytes.
  public static let maximumIDBytes = 255
  static let keyBytes = 32
  static let nonceBytes = 12
  private static let tagBytes = 16
  static let checksumBytes = 8
  /// Nonce, ciphertext and tag, which follow the header.
  static let sealedBytes = nonceBytes + keyBytes + tagBytes

  /// The wrapped key's id.
  public let keyID: String
  /// The id of the key that wrapped it.
  public let parentKeyID: String
  /// When it was wrapped first, milliseconds since 1970.
  public let createdAtMilliseconds: Int64
  /// The check value of the key that wrapped it.
  public let parentCheckValue: KeyCheckValue
  /// The binary form.
  public let encoded: [UInt8]

  /// Makes a wrapped key of its fields; `seal` gets the header, and the buffer for nonce, ciphertext and tag.
  ///
  /// Throws `size` for an id that is empty or too long, `library`, and what `seal` throws.
  init(
    keyID: String, parentKeyID: String, createdAtMilliseconds: Int64, parentCheckValue: KeyCheckValue,
    sealing seal: (_ header: [UInt8], _ sealed: UnsafeMutableBufferPointer<UInt8>) throws(SealingError) -> Void
  ) throws(SealingError) {
    for id in [keyID, parentKeyID] where !(1...Self.maximumIDBytes).contains(id.utf8.count) {
      throw SealingError(.size, "a key id has \(id.utf8.count) bytes; 1 to \(Self.maximumIDBytes) are possible")
    }
    var writer = ByteWriter(reserving: 256)
    writer.write(Self.format)
    writer.write(Self.aes256GCM)
    writer.write(Array(keyID.utf8), behind: UInt8.self)
    writer.write(Array(parentKeyID.utf8), behind: UInt8.self)
    writer.write(createdAtMilliseconds)
    writer.write(parentCheckValue.bytes)
    let header = writer.bytes
    var body = header
    body.reserveCapacity(header.count + Self.sealedBytes + Self.checksumBytes)
    body.append(contentsOf: repeatElement(0, count: Self.sealedBytes))
    try unsafe body.withUnsafeMutableBufferPointer { (bytes) throws(SealingError) in
      try unsafe seal(header, UnsafeMutableBufferPointer(rebasing: bytes[header.count...]))
    }
    body += try MessageAuthentication.sha256(body).prefix(Self.checksumBytes)
    self.init(
      keyID: keyID, parentKeyID: parentKeyID, createdAtMilliseconds: createdAtMilliseconds,
      parentCheckValue: parentCheckValue, encoded: body)
  }

  /// Takes over fields and the binary form they stand in; the simulation's keys have none.
  package init(
    keyID: String, parentKeyID: String, createdAtMilliseconds: Int64, parentCheckValue: KeyCheckValue, encoded: [UInt8]
  ) {
    self.keyID = keyID
    self.parentKeyID = parentKeyID
    self.createdAtMilliseconds = createdAtMilliseconds
    self.parentCheckValue = parentCheckValue
    self.encoded = encoded
  }

  /// What is authenticated and not encrypted, before the caller's context.
  var header: ArraySlice<UInt8> { encoded.dropLast(Self.sealedBytes + Self.checksumBytes) }
  /// Nonce, ciphertext and tag.
  var sealed: ArraySlice<UInt8> { encoded[header.endIndex...].prefix(Self.sealedBytes) }

  /// Reads the binary form, which must be the whole of `bytes`.
  ///
  /// Throws `futureFormat` for a format or algorithm this version doesn't know, `malformed` for anything damaged.
  public init(decoding bytes: [UInt8]) throws(SealingError) {
    var reader = ByteReader(bytes)
    guard let format = reader.number(UInt8.self), let algorithm = reader.number(UInt8.self) else {
      throw Self.malformed(bytes.count)
    }
    let intact = try MessageAuthentication.sha256(Array(bytes.dropLast(Self.checksumBytes)))
    guard intact.prefix(Self.checksumBytes).elementsEqual(bytes.suffix(Self.checksumBytes)) else {
      throw Self.malformed(bytes.count)
    }
    guard format == Self.format, algorithm == Self.aes256GCM else {
      throw SealingError(
        .futureFormat,
        "a wrapped key has format \(format), algorithm \(algorithm); upgrade to a version that knows them")
    }
    guard let keyID = reader.string(behind: UInt8.self, limit: Self.maximumIDBytes), !keyID.isEmpty,
      let parentKeyID = reader.string(behind: UInt8.self, limit: Self.maximumIDBytes), !parentKeyID.isEmpty,
      let created = reader.milliseconds(),
      let check = reader.bytes(KeyCheckValue.byteCount).flatMap(KeyCheckValue.init(bytes:)),
      reader.remaining == Self.sealedBytes + Self.checksumBytes
    else { throw Self.malformed(bytes.count) }
    self.init(
      keyID: keyID, parentKeyID: parentKeyID, createdAtMilliseconds: created, parentCheckValue: check, encoded: bytes)
  }

  private static func malformed(_ count: Int) -> SealingError {
    SealingError(.malformed, "\(count) bytes that should be a wrapped key are damaged")
  }
}
