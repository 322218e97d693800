// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel

extension OplogRecord {
  /// Decodes a payload; throws `malformedRecord` or `limitExceeded` for anything the builder would not have written.
  public init(decoding bytes: [UInt8]) throws(ReplicationError) {
    guard bytes.count <= Self.maximumBytes else {
      throw ReplicationError(.limitExceeded, "decoding an oplog record: it has \(bytes.count) bytes")
    }
    var decoder = OplogRecordDecoder(bytes)
    operations = try decoder.operations()
  }
}

/// Reads the operations of one record, never beyond its end.
private struct OplogRecordDecoder {
  private var reader: ByteReader
  private var lastCollection: (bytes: ArraySlice<UInt8>, id: CollectionID)?

  init(_ bytes: [UInt8]) { reader = ByteReader(bytes) }

  mutating func operations() throws(ReplicationError) -> [OplogOperation] {
    guard reader.byte() == OplogRecord.formatVersion else { throw fault("its format version is unknown") }
    // The count is checked against the bytes left before anything is reserved: the shortest operation has 4.
    guard let count = reader.uint32(), count <= reader.remaining / 4 else { throw fault("its count can't be") }
    var operations: [OplogOperation] = []
    operations.reserveCapacity(count)
    for _ in 0..<count { operations.append(try operation()) }
    guard reader.remaining == 0 else { throw fault("there are bytes behind its end") }
    return operations
  }

  private mutating func operation() throws(ReplicationError) -> OplogOperation {
    guard let byte = reader.byte(), let tag = OplogRecord.Tag(rawValue: byte) else {
      throw fault("an operation is unknown or missing")
    }
    switch tag {
    case .createCollection:
      let id = try collection()
      let database = try database()
      guard let name = reader.text(), OplogRecord.isCollectionName(name) else {
        throw fault("a collection's name is none")
      }
      return .createCollection(database, name: name, id)
    case .dropCollection: return .dropCollection(try collection())
    case .dropDatabase: return .dropDatabase(try database())
    case .put:
      let id = try collection()
      let key = try value()
      return .put(id, key: key, document: try value())
    case .remove:
      let id = try collection()
      return .remove(id, key: try value())
    }
  }

  private mutating func collection() throws(ReplicationError) -> CollectionID {
    guard let bytes = reader.take(16) else { throw fault("a collection id is cut off") }
    if let lastCollection, lastCollection.bytes == bytes { return lastCollection.id }
    let id = CollectionID(packed: bytes)
    lastCollection = (bytes, id)
    return id
  }

  private mutating func database() throws(ReplicationError) -> DatabaseName {
    guard let text = reader.text() else { throw fault("a database's name is cut off or no UTF-8") }
    do { return try DatabaseName(text) } catch {
      throw ReplicationError(
        .malformedRecord, "decoding an oplog record: a database's name is none", underlying: error.description)
    }
  }

  private mutating func value() throws(ReplicationError) -> [UInt8] {
    guard let count = reader.uint32(), count <= OplogRecord.maximumValueBytes, let bytes = reader.take(count) else {
      throw fault("a key or document is cut off or too large")
    }
    return Array(bytes)
  }

  private func fault(_ sentence: String) -> ReplicationError {
    ReplicationError(.malformedRecord, "decoding an oplog record: \(sentence) (before byte \(reader.offset))")
  }
}
