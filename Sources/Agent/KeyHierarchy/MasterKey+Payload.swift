// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
internal import Sealing
public import Secrets

/// What the KMS wraps: format (1 byte), master key id (16), key (32), SHA-256 of the context (32); 81 bytes.
///
/// The digest binds the key to its project, cluster and node also where the provider authenticates no context (Azure).
extension MasterKey {
  private static let payloadFormat: UInt8 = 1
  private static let payloadBytes = 1 + 16 + keyBytes + MessageAuthentication.digestBytes

  /// The bytes to give to the KMS with `context`. Throws `cryptography`.
  public borrowing func payload(for context: KeyContext) throws(KeystoreError) -> SecretBytes {
    let head = try [Self.payloadFormat] + id.bytes()
    let digest = try Self.digest(of: context)
    do throws(SecretsError) {
      return try SecretBytes(capacity: Self.payloadBytes) { (span) throws(SecretsError) in
        for byte in head { span.append(byte) }
        key.withBytes { key in
          for offset in key.byteOffsets { span.append(unsafe key.unsafeLoad(fromByteOffset: offset, as: UInt8.self)) }
        }
        for byte in digest { span.append(byte) }
      }
    } catch { throw .cryptography("a master key", error) }
  }

  /// Takes the key out of what the KMS unwrapped, for the same `context` it was wrapped with.
  ///
  /// Throws `wrongPayload` if it is nothing we wrapped, or was wrapped for another node, cluster or project.
  public init(unwrapped payload: borrowing SecretBytes, context: KeyContext) throws(KeystoreError) {
    let digest = try Self.digest(of: context)
    guard payload.count == Self.payloadBytes else {
      throw KeystoreError(
        .wrongPayload, "the KMS unwrapped \(payload.count) bytes; a wrapped master key has \(Self.payloadBytes)")
    }
    let head = payload.bytes(0..<17)
    guard head.first == Self.payloadFormat, let id = MasterKeyID(bytes: Array(head.dropFirst())) else {
      throw KeystoreError(.wrongPayload, "what the KMS unwrapped is no master key of a format this version knows")
    }
    guard MessageAuthentication.isEqual(payload.bytes(49..<81), digest) else {
      throw KeystoreError(
        .wrongPayload,
        "the master key the KMS unwrapped was made for another node, cluster or project than \(context.text)")
    }
    let key: SecretBytes
    do throws(SecretsError) {
      key = try payload.withBytes { (bytes) throws(SecretsError) in
        try SecretBytes(copying: bytes.extracting(17..<49))
      }
    } catch { throw .cryptography("a master key", error) }
    try self.init(id: id, key: key)
  }

  /// SHA-256 over the number of pairs and, sorted, each name and value behind its length (4 bytes each).
  static func digest(of context: KeyContext) throws(KeystoreError) -> [UInt8] {
    var writer = ByteWriter(reserving: 256)
    let pairs = context.pairs.sorted { $0.key < $1.key }
    writer.write(UInt32(pairs.count))
    for (name, value) in pairs {
      writer.write(Array(name.utf8), behind: UInt32.self)
      writer.write(Array(value.utf8), behind: UInt32.self)
    }
    do throws(SealingError) { return try MessageAuthentication.sha256(writer.bytes) } catch {
      throw .cryptography("a key context", error)
    }
  }
}

extension KeyContext {
  /// The facts in one line, for error texts.
  fileprivate var text: String {
    pairs.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
  }
}

extension SecretBytes {
  /// A part that is no secret.
  fileprivate borrowing func bytes(_ range: Range<Int>) -> [UInt8] {
    withBytes { bytes in unsafe bytes.extracting(range).withUnsafeBytes { unsafe Array($0) } }
  }
}
