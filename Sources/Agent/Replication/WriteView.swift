// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
internal import ReplicationCore

/// Reads and writes within the primary's open batch; every change is also noted for the oplog.
public final class WriteView: ReadView {
  private var record: OplogRecordBuilder

  /// How large a batch's record may grow before further writers wait for the next batch, in bytes.
  static let batchBytes = 4 << 20
  /// How long the bodies of a batch may keep the member's thread: Raft's heartbeats wait for it meanwhile, and
  /// followers elect another leader after seconds without one.
  static let batchTime = Duration.milliseconds(200)
  /// How many bytes of keys and documents they may read.
  static let batchReadBytes = 64 << 20

  private var readBytes = 0
  private let deadline: ContinuousClock.Instant

  init(_ tables: MemberTables, time: Duration = WriteView.batchTime) {
    record = OplogRecordBuilder()
    deadline = .now + time
    super.init(tables)
  }

  override func noteRead(_ bytes: Int) { readBytes += bytes }

  /// Whether the batch has used up its time or what it may read. A body that still has much to do ends and goes on in
  /// a write of its own.
  public var isSpent: Bool { readBytes >= Self.batchReadBytes || ContinuousClock.now >= deadline }

  var isFull: Bool { record.byteCount >= Self.batchBytes || isSpent }
  var operationCount: Int { record.count }
  func finishedRecord() -> [UInt8] { record.finish() }

  /// Makes a collection, and its database if need be. Throws `invalid` if there is one of that name, or if the keystore
  /// has no room for one more database.
  public func createCollection(_ database: DatabaseName, name: String) throws -> CollectionID {
    guard try collection(database: database.text, name: name) == nil else {
      throw MemberError(.invalid, "the collection \(database).\(name) exists already")
    }
    try reserveKey(for: database)
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
    try requireKey(key)
    try perform(.put(id, key: key, document: document))
  }

  /// Removes the document under a key.
  public func remove(_ id: CollectionID, key: [UInt8]) throws {
    try requireKey(key)
    try perform(.remove(id, key: key))
  }

  /// Makes the database's key first, so that a full keystore refuses one writer and not the whole batch.
  private func reserveKey(for database: DatabaseName) throws {
    do { try tables.databaseKey(database) } catch let error as MemberError where error.code == .invalid {
      throw error
    } catch { try noting { throw error } }
  }

  /// The engine has no empty keys, and must not be the one to find out.
  private func requireKey(_ key: [UInt8]) throws(MemberError) {
    if key.isEmpty { throw MemberError(.invalid, "a document's key is empty") }
  }

  private func perform(_ operation: OplogOperation) throws {
    // The record refuses what is too large before anything is changed.
    do { try record.append(operation) } catch { throw MemberError(.invalid, error.description) }
    try noting { try tables.perform(operation) }
  }
}
