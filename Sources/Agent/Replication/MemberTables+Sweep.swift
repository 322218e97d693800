// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import EncryptedStore
internal import KeyHierarchy
internal import ReplicationCore

/// Removing tables and keys that nothing needs any more.
extension MemberTables {
  /// The collections whose drop is committed so far, whatever the open batch does; only what stands here before a
  /// checkpoint may go after it.
  func droppedCollections() throws(MemberError) -> [CollectionID] {
    var ids: [CollectionID] = []
    try storing {
      try unsafe schema.scan(Self.catalog, from: CatalogRow.allDropped, inclusive: true) { key, _ in
        let row = unsafe [UInt8](key)
        guard row.starts(with: CatalogRow.allDropped) else { return false }
        ids.append(try CatalogRow.collection(Array(row.dropFirst())))
        return true
      }
    }
    return ids
  }

  /// Drops the tables of `ids`, which a checkpoint no longer knows, then the keys that no table uses. A table somebody
  /// still reads stays until the next time.
  func sweep(_ ids: [CollectionID]) throws(MemberError) {
    var gone: [CollectionID] = []
    try storing {
      let tables = Set(schema.tableNames())
      for id in ids {
        let table = Self.table(of: id)
        do {
          if tables.contains(table) {
            data.releaseCursors(of: table)
            try schema.dropTable(table)
          }
          gone.append(id)
        } catch let error as StoreError where error.code == .busy { continue }
      }
      guard !gone.isEmpty else { return }
      try data.begin()
      do {
        for id in gone { try data.remove(Self.catalog, CatalogRow.dropped(id)) }
        try data.commit()
      } catch {
        try? data.rollback()
        throw error
      }
    }
    try removeUnusedKeys()
  }

  /// After a start: drops tables of batches that never committed, and keys nobody uses.
  func sweepOrphans() throws(MemberError) {
    let live = Set(try collections().map { Self.table(of: $0.id) })
    let dropped = Set(try droppedCollections().map { Self.table(of: $0) })
    try storing {
      let kept = live.union(dropped)
      for table in schema.tableNames() where table.hasPrefix("c_") && !kept.contains(table) {
        try schema.dropTable(table)
      }
    }
    try removeUnusedKeys()
  }

  private func removeUnusedKeys() throws(MemberError) {
    guard let keystore = generation.keys.keystore else { return }
    // A table no row speaks of yet, of an entry that may still be committed, needs its key too.
    var used = Set(generation.store.keyIDs.compactMap { EngineKeyName.keyID(of: $0)?.text })
    try storing {
      for prefix in [Array("k".utf8), CatalogRow.allDropped] {
        try unsafe data.scan(Self.catalog, from: prefix, inclusive: true) { key, value in
          guard unsafe [UInt8](key).starts(with: prefix) else { return false }
          used.insert(unsafe String(decoding: value, as: UTF8.self))
          return true
        }
      }
    }
    let unused = keystore.keys.map(\.id).filter { id in
      if case .database = id.scope { return !used.contains(id.text) }
      return false
    }
    try generation.keys.removeKeys(unused)
  }
}
