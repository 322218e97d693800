// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// One operation of an oplog record: a post-image, so that applying it twice changes nothing.
public enum OplogOperation: Sendable, Equatable {
  /// A collection exists from here on.
  case createCollection(DatabaseName, name: String, CollectionID)
  /// A collection is gone.
  case dropCollection(CollectionID)
  /// A database with all its collections is gone.
  case dropDatabase(DatabaseName)
  /// A document has this content.
  case put(CollectionID, key: [UInt8], document: [UInt8])
  /// A document is gone.
  case remove(CollectionID, key: [UInt8])
}

/// The payload of a data entry: operations that are applied together, in order.
///
/// Layout, little-endian: format version (1 byte), count of operations (4), then each operation: tag (1) and its
/// fields. A collection id has 16 bytes, a name a 16-bit, keys and documents a 32-bit length in front.
public struct OplogRecord: Sendable, Equatable {
  /// The most bytes of an encoded record.
  public static let maximumBytes = 64 << 20
  /// The most bytes of a key or a document: a document of 16 MiB and some room, as MongoDB counts internally.
  public static let maximumValueBytes = (16 << 20) + (16 << 10)
  /// The most bytes of a collection's name in UTF-8, as MongoDB counts.
  public static let maximumCollectionNameBytes = 255
  static let formatVersion: UInt8 = 1
  static let headerBytes = 5

  enum Tag: UInt8 { case createCollection = 1, dropCollection, dropDatabase, put, remove }

  /// The operations, in order.
  public var operations: [OplogOperation]

  /// Makes a record of its operations.
  public init(_ operations: [OplogOperation]) { self.operations = operations }

  /// Encodes the record; throws `limitExceeded` or `malformedRecord` as the builder does.
  public func encoded() throws(ReplicationError) -> [UInt8] {
    var builder = OplogRecordBuilder()
    for operation in operations { try builder.append(operation) }
    return builder.finish()
  }

  /// Whether a collection may have this name: not empty, not too long, no NUL.
  public static func isCollectionName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= maximumCollectionNameBytes && !name.utf8.contains(0)
  }
}
