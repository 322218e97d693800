// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import EncryptedStore
internal import ReplicationCore

/// Reads one snapshot of an open generation as a copy stream, on a thread of its own.
///
/// The snapshot holds the applied position and the data of one and the same moment; it stays open for as long as the
/// copy takes, which costs the engine memory for newer versions of what changes meanwhile.
actor SnapshotReader: CopySource {
  nonisolated let thread: StoreThread
  private var tables: MemberTables?
  private var remaining: ArraySlice<CopyBeginning.Collection> = []
  private var after: [UInt8]?

  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }

  init(_ generation: OpenGeneration) async throws(MemberError) {
    do { thread = try StoreThread(name: "copy-source") } catch { throw MemberError(error) }
    tables = try MemberTables(generation)
  }

  func begin() throws -> CopyBeginning {
    let tables = try live()
    try tables.data.begin()
    let collections = try tables.collections().map { row in
      CopyBeginning.Collection(database: try DatabaseName(row.database), name: row.name, id: row.id)
    }
    var documents: UInt64 = 0
    for collection in collections {
      try unsafe tables.data.scan(MemberTables.table(of: collection.id)) { _, _ in
        documents += 1
        return true
      }
    }
    remaining = collections[...]
    return CopyBeginning(base: try tables.applied(), collections: collections, documentsTotal: documents)
  }

  func next() throws -> CopyChunk? {
    guard let collection = remaining.first else { return nil }
    let tables = try live()
    var chunk = CopyChunk(collection: collection.id, documents: 0, rows: [], isLastOfCollection: true)
    var last: [UInt8]?
    try unsafe tables.data.scan(MemberTables.table(of: collection.id), from: after, inclusive: after == nil) {
      key, value in
      guard chunk.rows.isEmpty || chunk.rows.count + key.count + value.count + 8 <= CopyChunk.targetBytes else {
        chunk.isLastOfCollection = false
        return false
      }
      unsafe CopyRows.append(key, to: &chunk.rows)
      unsafe CopyRows.append(value, to: &chunk.rows)
      chunk.documents += 1
      last = unsafe [UInt8](key)
      return true
    }
    if chunk.isLastOfCollection {
      remaining = remaining.dropFirst()
      after = nil
    } else {
      after = last
    }
    return chunk
  }

  func close() {
    try? tables?.data.rollback()
    tables?.close()
    tables = nil
    thread.stop()
  }

  private func live() throws -> MemberTables {
    guard let tables else { throw MemberError(.closed, "the copy was given up") }
    return tables
  }
}
