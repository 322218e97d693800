// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// Encodes the operations of one batch into one buffer, as they come.
///
/// An operation that is refused leaves the record as it was.
public struct OplogRecordBuilder: Sendable {
  private var bytes: [UInt8]
  private var lastCollection: (id: CollectionID, bytes: [UInt8])?
  /// How many operations the record has.
  public private(set) var count = 0

  /// An empty record; `reservingBytes` is how large it will probably become.
  public init(reservingBytes: Int = 0) {
    bytes = []
    bytes.reserveCapacity(max(0, min(reservingBytes, OplogRecord.maximumBytes)))
    bytes.append(OplogRecord.formatVersion)
    bytes.appendUInt32(0)
  }

  /// How many bytes the record has now.
  public var byteCount: Int { bytes.count }
  /// Whether it has no operation yet.
  public var isEmpty: Bool { count == 0 }

  /// The record's bytes.
  public consuming func finish() -> [UInt8] {
    var finished = bytes
    for offset in 0..<4 { finished[1 + offset] = UInt8(truncatingIfNeeded: count >> (8 * offset)) }
    return finished
  }

  /// Adds an operation; throws as the method for its kind does.
  public mutating func append(_ operation: OplogOperation) throws(ReplicationError) {
    switch operation {
    case .createCollection(let database, let name, let id): try createCollection(database, name: name, id)
    case .dropCollection(let id): try dropCollection(id)
    case .dropDatabase(let database): try dropDatabase(database)
    case .put(let id, let key, let document): try put(id, key: key, document: document)
    case .remove(let id, let key): try remove(id, key: key)
    }
  }

  /// A collection exists from here on; throws `malformedRecord` for a name that can't be, `limitExceeded` if the record
  /// is full.
  public mutating func createCollection(_ database: DatabaseName, name: String, _ id: CollectionID)
    throws(ReplicationError)
  {
    guard OplogRecord.isCollectionName(name) else {
      throw ReplicationError(
        .malformedRecord, "encoding an oplog record: a collection's name is empty, too long or has a NUL")
    }
    let idBytes = try packed(id)
    try begin(.createCollection, bytes: 16 + 4 + database.text.utf8.count + name.utf8.count)
    bytes += idBytes
    add(text: database.text)
    add(text: name)
  }

  /// A collection is gone; throws `limitExceeded` if the record is full.
  public mutating func dropCollection(_ id: CollectionID) throws(ReplicationError) {
    let idBytes = try packed(id)
    try begin(.dropCollection, bytes: 16)
    bytes += idBytes
  }

  /// A database is gone; throws `limitExceeded` if the record is full.
  public mutating func dropDatabase(_ database: DatabaseName) throws(ReplicationError) {
    try begin(.dropDatabase, bytes: 2 + database.text.utf8.count)
    add(text: database.text)
  }

  /// A document has this content; throws `limitExceeded` if it is too large or the record is full.
  public mutating func put(_ id: CollectionID, key: [UInt8], document: [UInt8]) throws(ReplicationError) {
    try check(key, document)
    let idBytes = try packed(id)
    try begin(.put, bytes: 16 + 8 + key.count + document.count)
    bytes += idBytes
    add(value: key)
    add(value: document)
  }

  /// A document is gone; throws `limitExceeded` if its key is too large or the record is full.
  public mutating func remove(_ id: CollectionID, key: [UInt8]) throws(ReplicationError) {
    try check(key, [])
    let idBytes = try packed(id)
    try begin(.remove, bytes: 16 + 4 + key.count)
    bytes += idBytes
    add(value: key)
  }

  private mutating func begin(_ tag: OplogRecord.Tag, bytes more: Int) throws(ReplicationError) {
    guard bytes.count + 1 + more <= OplogRecord.maximumBytes else {
      throw ReplicationError(
        .limitExceeded, "encoding an oplog record: it would have more than \(OplogRecord.maximumBytes) bytes")
    }
    bytes.append(tag.rawValue)
    count += 1
  }

  private func check(_ key: [UInt8], _ document: [UInt8]) throws(ReplicationError) {
    guard key.count <= OplogRecord.maximumValueBytes, document.count <= OplogRecord.maximumValueBytes else {
      throw ReplicationError(
        .limitExceeded, "encoding an oplog record: a document has more than \(OplogRecord.maximumValueBytes) bytes")
    }
  }

  private mutating func add(text: String) {
    bytes.appendUInt16(text.utf8.count)
    bytes.append(contentsOf: text.utf8)
  }

  private mutating func add(value: [UInt8]) {
    bytes.appendUInt32(value.count)
    bytes += value
  }

  /// The 16 bytes of an id; batches mostly stay in one collection, so the last is kept.
  private mutating func packed(_ id: CollectionID) throws(ReplicationError) -> [UInt8] {
    if let lastCollection, lastCollection.id == id { return lastCollection.bytes }
    guard let packed = id.packed else {
      throw ReplicationError(.malformedRecord, "encoding an oplog record: a collection id is no UUID")
    }
    lastCollection = (id, packed)
    return packed
  }
}
