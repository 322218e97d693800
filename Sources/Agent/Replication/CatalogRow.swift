// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import ReplicationCore

/// The keys and values of the catalog table.
///
/// | key | value |
/// |---|---|
/// | `c` database 0 collection | collection id |
/// | `u` collection id | database 0 collection |
/// | `k` database | key id of the database (encrypted generations only) |
/// | `d` collection id | key id of a dropped collection's table, which a checkpoint still may need |
/// | `m` applied | term and index of the last applied entry, 8 bytes big-endian each |
enum CatalogRow {
  static func name(_ database: String, _ collection: String) -> [UInt8] {
    tagged("c", database) + [0] + Array(collection.utf8)
  }
  static func names(in database: String) -> [UInt8] { tagged("c", database) + [0] }
  static let allNames: [UInt8] = Array("c".utf8)
  static func identity(_ id: CollectionID) -> [UInt8] { tagged("u", id.text) }
  static func databaseKey(_ database: String) -> [UInt8] { tagged("k", database) }
  static func dropped(_ id: CollectionID) -> [UInt8] { tagged("d", id.text) }
  static let allDropped: [UInt8] = Array("d".utf8)
  static let applied: [UInt8] = Array("m".utf8) + Array("applied".utf8)

  static func value(_ database: String, _ collection: String) -> [UInt8] {
    Array(database.utf8) + [0] + Array(collection.utf8)
  }

  /// Splits `database 0 collection`.
  static func split(_ bytes: some Collection<UInt8>) -> (database: String, collection: String)? {
    guard let zero = bytes.firstIndex(of: 0) else { return nil }
    return (
      String(decoding: bytes[..<zero], as: UTF8.self),
      String(decoding: bytes[bytes.index(after: zero)...], as: UTF8.self)
    )
  }

  static func collection(_ value: [UInt8]) throws(MemberError) -> CollectionID {
    do { return try CollectionID(String(decoding: value, as: UTF8.self)) } catch {
      throw MemberError(.damaged, "the catalog holds a collection id that is none", file: MemberTables.catalog)
    }
  }

  private static func tagged(_ tag: String, _ text: String) -> [UInt8] { Array(tag.utf8) + Array(text.utf8) }
}

/// Numbers as they stand in tables: big-endian, so that they sort.
enum BigEndian {
  static func bytes(_ value: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * $0)) } }

  static func value(_ bytes: some Collection<UInt8>) -> UInt64? {
    guard bytes.count >= 8 else { return nil }
    return bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
  }

  static func bytes(_ position: LogPosition) -> [UInt8] { bytes(position.term) + bytes(position.index) }

  static func position(_ value: [UInt8]) -> LogPosition? {
    guard value.count == 16, let term = self.value(value[..<8]), let index = self.value(value[8...]) else { return nil }
    return LogPosition(term: term, index: index)
  }
}
