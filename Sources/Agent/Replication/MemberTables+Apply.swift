// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import EncryptedStore
internal import ReplicationCore

/// Changing data, inside the transaction that `data` has open.
extension MemberTables {
  /// How often a transaction that lost against the cache is tried again before the node counts as broken.
  static let applyAttempts = 20

  /// Applies one committed entry in a transaction of its own; applying it twice changes nothing.
  func apply(_ entry: LogEntry) throws(MemberError) {
    for attempt in 1... {
      do {
        try data.begin()
        do {
          if entry.kind == .data { try perform(all: entry.payload) }
          try setApplied(entry.position)
          try data.commit()
        } catch {
          knownCollections = []
          try? data.rollback()
          throw error
        }
        return
      } catch let error as StoreError where error.isRetryable && attempt < Self.applyAttempts {
        continue
      } catch let error as StoreError {
        throw MemberError(error)
      } catch let error as MemberError {
        throw error
      } catch { throw MemberError(.damaged, "oplog entry \(entry.position): \(error)", file: Self.oplog) }
    }
  }

  private func perform(all payload: [UInt8]) throws {
    for operation in try OplogRecord(decoding: payload).operations { try perform(operation) }
  }

  /// Performs one operation. What concerns a collection that is gone is passed over: it can only be a replay of what a
  /// later entry drops.
  func perform(_ operation: OplogOperation) throws {
    try system.note(operation) { () throws(MemberError) in try collections() }
    switch operation {
    case .createCollection(let database, let name, let id): try createCollection(database, name: name, id: id)
    case .dropCollection(let id): try dropCollection(id)
    case .dropDatabase(let database):
      for collection in try collections(in: database.text) { try dropCollection(collection.id) }
    case .put(let id, let key, let document):
      guard try exists(id) else { return }
      try data.put(Self.table(of: id), key, document)
    case .remove(let id, let key):
      guard try exists(id) else { return }
      try data.remove(Self.table(of: id), key)
    }
  }

  /// Makes a collection: its database's key first (durable before any table uses it), then the table, then the rows.
  func createCollection(_ database: DatabaseName, name: String, id: CollectionID) throws {
    let table = Self.table(of: id)
    if schema.tableNames().contains(table) {
      try adoptKey(of: table, for: database)
    } else {
      try schema.createTable(table, TableOptions(keyID: try databaseKey(database), logged: false))
    }
    try data.put(Self.catalog, CatalogRow.name(database.text, name), Array(id.text.utf8))
    try data.put(Self.catalog, CatalogRow.identity(id), CatalogRow.value(database.text, name))
    try data.remove(Self.catalog, CatalogRow.dropped(id))
  }

  /// Takes a collection out of the catalog; its table goes after the next checkpoint, its database's key with the last
  /// one.
  func dropCollection(_ id: CollectionID) throws {
    guard let value = try data.get(Self.catalog, CatalogRow.identity(id)),
      let (database, name) = CatalogRow.split(value)
    else { return }
    let keyID = try data.get(Self.catalog, CatalogRow.databaseKey(database)) ?? []
    try data.remove(Self.catalog, CatalogRow.name(database, name))
    try data.remove(Self.catalog, CatalogRow.identity(id))
    try data.put(Self.catalog, CatalogRow.dropped(id), keyID)
    knownCollections.remove(id)
    if try collections(in: database).isEmpty {
      try data.remove(Self.catalog, CatalogRow.databaseKey(database))
    }
  }

  func setApplied(_ position: LogPosition) throws {
    try data.put(Self.catalog, CatalogRow.applied, BigEndian.bytes(position))
  }

  func applied() throws(MemberError) -> LogPosition {
    guard let value = try storing({ try data.get(Self.catalog, CatalogRow.applied) }) else { return .origin }
    guard let position = BigEndian.position(value) else {
      throw MemberError(.damaged, "the applied position is not one", file: Self.catalog)
    }
    return position
  }

  /// A table that is there already, because a batch was rolled back or an entry is tried again, keeps the key it was
  /// made with: that is the database's key, unless it has another by now.
  private func adoptKey(of table: String, for database: DatabaseName) throws {
    guard let name = generation.store.keyID(ofTable: table), let id = EngineKeyName.keyID(of: name),
      try data.get(Self.catalog, CatalogRow.databaseKey(database.text)) == nil
    else { return }
    try data.put(Self.catalog, CatalogRow.databaseKey(database.text), Array(id.text.utf8))
  }

  /// The key of a database's tables: the one in the catalog, or a new one.
  @discardableResult
  func databaseKey(_ database: DatabaseName) throws -> String? {
    guard generation.keys.keystore != nil else { return nil }
    if let known = try data.get(Self.catalog, CatalogRow.databaseKey(database.text)) {
      return EngineKeyName.name(of: try KeyID(String(decoding: known, as: UTF8.self)))
    }
    guard let added = try generation.keys.addKey(for: database) else { return nil }
    try data.put(Self.catalog, CatalogRow.databaseKey(database.text), Array(added.text.utf8))
    return EngineKeyName.name(of: added)
  }
}
