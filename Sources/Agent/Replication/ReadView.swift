// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
internal import EncryptedStore
internal import ReplicationCore

/// Reads of committed data within one transaction, valid only inside the body it was lent to.
public class ReadView {
  let tables: MemberTables

  init(_ tables: MemberTables) { self.tables = tables }

  /// The collection of a name, nil if there is none.
  public func collection(database: String, name: String) throws(MemberError) -> CollectionID? {
    try tables.collection(database: database, name: name)
  }

  /// All collections, or those of one database, ordered by database and name.
  public func collections(
    in database: String? = nil
  ) throws(MemberError) -> [(database: String, name: String, id: CollectionID)] {
    try tables.collections(in: database)
  }

  /// The document under a key, nil if there is none.
  public func document(_ id: CollectionID, key: [UInt8]) throws(MemberError) -> [UInt8]? {
    try tables.storing { try tables.data.get(MemberTables.table(of: id), key) }
  }

  /// Visits documents in order of their keys, from the first key greater than `after`, until `body` answers false.
  public func scan(
    _ id: CollectionID, after: [UInt8]?, _ body: (_ key: [UInt8], _ document: [UInt8]) throws -> Bool
  ) throws {
    try unsafe tables.data.scan(MemberTables.table(of: id), from: after, inclusive: after == nil) { key, value in
      try body(unsafe [UInt8](key), unsafe [UInt8](value))
    }
  }

  /// How many documents a collection has; reads all keys.
  public func count(_ id: CollectionID) throws -> Int {
    var count = 0
    try unsafe tables.data.scan(MemberTables.table(of: id)) { _, _ in
      count += 1
      return true
    }
    return count
  }
}

/// Reads and writes within the primary's open batch; every change is also noted for the oplog.
public final class WriteView: ReadView {
  private var record: OplogRecordBuilder
  /// The first change the engine refused: the whole batch has to go, whatever the body made of it.
  private(set) var failure: MemberError?

  /// How large a batch's record may grow before further writers wait for the next batch, in bytes.
  static let batchBytes = 4 << 20

  override init(_ tables: MemberTables) {
    record = OplogRecordBuilder()
    super.init(tables)
  }

  var isFull: Bool { record.byteCount >= Self.batchBytes }
  var operationCount: Int { record.count }
  func finishedRecord() -> [UInt8] { record.finish() }

  /// Makes a collection, and its database if need be.
  public func createCollection(_ database: DatabaseName, name: String) throws -> CollectionID {
    let id = CollectionID.random()
    try perform(.createCollection(database, name: name, id))
    return id
  }

  /// Drops a collection with all its documents.
  public func dropCollection(_ id: CollectionID) throws { try perform(.dropCollection(id)) }

  /// Drops a database with all its collections.
  public func dropDatabase(_ database: DatabaseName) throws { try perform(.dropDatabase(database)) }

  /// Stores a document under a key, over whatever was there.
  public func put(_ id: CollectionID, key: [UInt8], document: [UInt8]) throws {
    try perform(.put(id, key: key, document: document))
  }

  /// Removes the document under a key.
  public func remove(_ id: CollectionID, key: [UInt8]) throws { try perform(.remove(id, key: key)) }

  private func perform(_ operation: OplogOperation) throws {
    // The record refuses what is too large before anything is changed.
    do { try record.append(operation) } catch { throw MemberError(.invalid, error.description) }
    do { try tables.perform(operation) } catch {
      let carried = MemberError.carrying(error)
      failure = failure ?? carried
      throw carried
    }
  }
}
