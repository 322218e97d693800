// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Sealing

extension KeystoreContents.Entry {
  init?(decoding encoded: [UInt8]) {
    guard let wrapped = try? WrappedKey(decoding: encoded), let id = try? KeyID(wrapped.keyID),
      KeyID.isSound(id)
    else { return nil }
    self.init(id: id, wrapped: wrapped)
  }
}

extension KeyID {
  /// Whether the scope is one that keys are made for, which the id's syntax alone doesn't say.
  fileprivate static func isSound(_ id: KeyID) -> Bool {
    switch id.scope {
    case .system, .oplog: true
    case .database(let name): (try? DatabaseName(name.text)) != nil
    }
  }
}

extension ByteReader {
  mutating func name<Name: CheckedName>(_: Name.Type) -> Name? {
    string(behind: UInt8.self, limit: Name.maximumLength).flatMap { try? Name($0) }
  }
}

extension WrappedMasterKey {
  /// A provider's ciphertext has some hundred bytes.
  static let maximumBlobBytes = 64 << 10
  /// The longest key id or key version, in bytes; providers' are below 300.
  private static let maximumTextBytes = 2048
  /// The longest region name, in bytes.
  private static let maximumRegionBytes = 255

  func write(to writer: inout ByteWriter) throws(KeystoreError) {
    guard keyID.utf8.count <= Self.maximumTextBytes, keyVersion.utf8.count <= Self.maximumTextBytes,
      region.utf8.count <= Self.maximumRegionBytes, (1...Self.maximumBlobBytes).contains(blob.count),
      ![keyID, keyVersion, region].contains(where: { $0.utf8.contains(0) })
    else { throw KeystoreError(.limit, "the wrapped master key is empty or too long to keep") }
    writer.write(Array(provider.rawValue.utf8), behind: UInt8.self)
    writer.write(Array(keyID.utf8), behind: UInt16.self)
    writer.write(Array(keyVersion.utf8), behind: UInt16.self)
    writer.write(Array(region.utf8), behind: UInt8.self)
    writer.write(createdAtMilliseconds)
    writer.write(blob, behind: UInt32.self)
  }

  init?(from reader: inout ByteReader) {
    guard let provider = reader.string(behind: UInt8.self, limit: 32).flatMap(KMSProvider.init(rawValue:)),
      let keyID = reader.string(behind: UInt16.self, limit: Self.maximumTextBytes),
      let keyVersion = reader.string(behind: UInt16.self, limit: Self.maximumTextBytes),
      let region = reader.string(behind: UInt8.self, limit: Self.maximumRegionBytes),
      let created = reader.milliseconds(),
      let blob = reader.bytes(behind: UInt32.self, limit: Self.maximumBlobBytes), !blob.isEmpty
    else { return nil }
    self.init(
      provider: provider, keyID: keyID, keyVersion: keyVersion, region: region, createdAtMilliseconds: created,
      blob: blob)
  }
}
