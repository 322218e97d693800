// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Sealing
internal import Secrets

/// The file's format, numbers in network order, strings in UTF-8:
///
///     magic               8   "KEYFOLDK"
///     format              2   1
///     version             8   one higher at each replacement
///     cluster, node       1 + length each
///     generation          16  UUID
///     master key id       16  UUID
///     check value         16  of the master key
///     wrapped master key  provider 1 + length, key id 2 + length, key version 2 + length, region 1 + length,
///                         created 8 (milliseconds since 1970), blob 4 + length
///     number of keys      4
///     keys                2 + length each, as `WrappedKey` encodes them, in the order they were made
///     digest              32  SHA-256 of all before: tells damage from a wrong key before any key is at hand
///     code                32  HMAC-SHA256 of all before under a subkey of the master key
extension KeystoreContents {
  static let magic = Array("KEYFOLDK".utf8)
  static let format: UInt16 = 1
  /// The largest file: the most keys at their longest, and the largest blob, fit.
  static let maximumFileBytes = 64 << 20
  private static let maximumEntryBytes = 1024
  private static let authenticationLabel = "keyfold keystore authentication v1"
  /// Digest and code.
  private static let trailerBytes = 2 * MessageAuthentication.digestBytes

  /// The whole file, authenticated under `master`.
  func encoded(authenticatedBy master: borrowing MasterKey) throws(KeystoreError) -> [UInt8] {
    var writer = ByteWriter(reserving: 4096 + entries.reduce(0) { $0 + $1.wrapped.encoded.count + 2 })
    writer.write(Self.magic)
    writer.write(Self.format)
    writer.write(version)
    writer.write(Array(identity.cluster.text.utf8), behind: UInt8.self)
    writer.write(Array(identity.node.text.utf8), behind: UInt8.self)
    writer.write(try identity.generation.bytes())
    writer.write(try masterKeyID.bytes())
    writer.write(masterKeyCheckValue.bytes)
    try wrappedMasterKey.write(to: &writer)
    writer.write(UInt32(entries.count))
    for entry in entries { writer.write(entry.wrapped.encoded, behind: UInt16.self) }
    do throws(SealingError) {
      writer.write(try MessageAuthentication.sha256(writer.bytes))
      writer.write(try Self.code(of: writer.bytes, under: master))
    } catch { throw .cryptography("the keystore", error) }
    return writer.bytes
  }

  /// Takes a file apart without any secret; the code at its end is checked by `checkCode`.
  init(decoding file: [UInt8], path: String) throws(KeystoreError) {
    var reader = ByteReader(file.dropLast(Self.trailerBytes))
    guard reader.bytes(Self.magic.count) == Self.magic, let format = reader.number(UInt16.self) else {
      throw Self.corrupt(path, "it does not begin like one")
    }
    guard format == Self.format else {
      throw KeystoreError(
        .futureFormat,
        "the keystore \(path) has format \(format), this version knows \(Self.format); "
          + "if a newer version wrote it, upgrade")
    }
    let body = file.dropLast(Self.trailerBytes)
    let digest = file[body.endIndex...].prefix(MessageAuthentication.digestBytes)
    let intact: Bool
    do throws(SealingError) {
      intact = try MessageAuthentication.sha256(Array(body)).elementsEqual(digest)
    } catch {
      throw .cryptography("the keystore", error)
    }
    guard intact else { throw Self.corrupt(path, "its checksum is wrong") }
    try self.init(fields: &reader, path: path)
  }

  /// Whether a holder of the master key made the file.
  static func hasValidCode(_ file: [UInt8], under master: borrowing MasterKey) throws(KeystoreError) -> Bool {
    let body = Array(file.dropLast(MessageAuthentication.digestBytes))
    do throws(SealingError) {
      return MessageAuthentication.isEqual(
        try code(of: body, under: master), Array(file.suffix(MessageAuthentication.digestBytes)))
    } catch { throw .cryptography("the keystore", error) }
  }

  private static func code(of body: [UInt8], under master: borrowing MasterKey) throws(SealingError) -> [UInt8] {
    let key = try KeyDerivation.subkey(of: master.key, label: authenticationLabel)
    return try MessageAuthentication.hmacSHA256(key: key, body)
  }

  private init(fields reader: inout ByteReader, path: String) throws(KeystoreError) {
    guard let version = reader.number(UInt64.self),
      let cluster = reader.name(ClusterName.self), let node = reader.name(NodeName.self),
      let generation = reader.bytes(16).flatMap(GenerationID.init(bytes:)),
      let masterKeyID = reader.bytes(16).flatMap(MasterKeyID.init(bytes:)),
      let check = reader.bytes(KeyCheckValue.byteCount).flatMap(KeyCheckValue.init(bytes:)),
      let wrapped = WrappedMasterKey(from: &reader), let count = reader.number(UInt32.self),
      count <= Self.maximumKeys
    else { throw Self.corrupt(path, "a field before its keys is malformed") }
    self.init(
      version: version, identity: KeystoreIdentity(cluster: cluster, node: node, generation: generation),
      masterKeyID: masterKeyID, masterKeyCheckValue: check, wrappedMasterKey: wrapped)
    var seen: Set<KeyID> = []
    for number in 0..<count {
      guard let encoded = reader.bytes(behind: UInt16.self, limit: Self.maximumEntryBytes),
        let entry = Entry(decoding: encoded), entry.wrapped.parentKeyID == masterKeyID.text,
        seen.insert(entry.id).inserted
      else { throw Self.corrupt(path, "key \(number) of \(count) is malformed") }
      try append(entry)
    }
    guard reader.isAtEnd else { throw Self.corrupt(path, "something follows its keys") }
  }

  private static func corrupt(_ path: String, _ detail: String) -> KeystoreError {
    KeystoreError(
      .corrupt, "the keystore \(path) is damaged: \(detail); keep the file, and sync the node anew from another member")
  }
}
