// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import EncryptedStore
internal import ReplicationCore

/// One thread's hold on the tables of a generation. Not to be shared between threads.
///
/// Three sessions, because a batch of writes stays open in one (`data`) while its oplog entry is made durable in
/// another (`log`), and making and dropping tables belongs to no transaction (`schema`).
final class MemberTables {
  static let catalog = "catalog"
  static let oplog = "oplog"
  static let raft = "raft"

  let generation: OpenGeneration
  let data: Session
  let log: Session
  let schema: Session
  /// Collections seen in the catalog by this hold, to spare a look-up for each document.
  var knownCollections: Set<CollectionID> = []
  /// Writes to the node's own collections.
  var system = SystemCollections()
  /// Where the oplog ends and how it is divided; nil until somebody asks, and after a change that failed.
  var oplogIndex: OplogIndex?

  init(_ generation: OpenGeneration) throws(MemberError) {
    self.generation = generation
    do {
      data = try generation.store.openSession()
      // Both work while a batch is open in `data`, on the same thread: they must not wait for the room it takes.
      log = try generation.store.openSession(ignoringCacheSize: true)
      schema = try generation.store.openSession(ignoringCacheSize: true)
    } catch { throw MemberError(error) }
  }

  func close() {
    data.close()
    log.close()
    schema.close()
  }

  static func table(of id: CollectionID) -> String { "c_" + id.text }

  /// Runs store calls and carries their error over the border.
  func storing<R>(_ body: () throws -> R) throws(MemberError) -> R {
    do { return try body() } catch { throw MemberError.carrying(error) }
  }
}

/// Names and identities of collections.
extension MemberTables {
  func collection(database: String, name: String) throws(MemberError) -> CollectionID? {
    guard let value = try storing({ try data.get(Self.catalog, CatalogRow.name(database, name)) }) else { return nil }
    return try CatalogRow.collection(value)
  }

  func exists(_ id: CollectionID) throws(MemberError) -> Bool {
    if knownCollections.contains(id) { return true }
    guard try storing({ try data.get(Self.catalog, CatalogRow.identity(id)) }) != nil else { return false }
    knownCollections.insert(id)
    return true
  }

  /// All collections, or those of one database, ordered by database and name.
  func collections(
    in database: String? = nil
  ) throws(MemberError) -> [(database: String, name: String, id: CollectionID)] {
    var found: [(database: String, name: String, id: CollectionID)] = []
    let prefix = database.map(CatalogRow.names(in:)) ?? CatalogRow.allNames
    try storing {
      try unsafe data.scan(Self.catalog, from: prefix, inclusive: true) { key, value in
        let row = unsafe [UInt8](key)
        guard row.starts(with: prefix) else { return false }
        if let (database, name) = CatalogRow.split(row.dropFirst()) {
          found.append((database, name, try CatalogRow.collection(unsafe [UInt8](value))))
        }
        return true
      }
    }
    return found
  }
}
