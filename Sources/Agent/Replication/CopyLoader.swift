// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import EncryptedStore

/// Loads one collection after the other into a new generation, on a thread of its own.
actor CopyLoader {
  nonisolated let thread: StoreThread
  private let session: Session
  private var loading: (id: CollectionID, cursor: Cursor)?

  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }

  init(_ generation: OpenGeneration) throws(MemberError) {
    do {
      session = try generation.store.openSession()
      thread = try StoreThread(name: "copy-target")
    } catch { throw MemberError(error) }
  }

  /// Writes a chunk's rows and answers the last key. A table without rows is bulk-loaded, which is not journalled,
  /// needs ascending keys and is twice as fast; one that has some gets ordinary rows, which replace what is there.
  func load(_ chunk: CopyChunk) throws -> [UInt8]? {
    let cursor = try cursor(for: chunk.collection)
    var rows = 0
    var last: [UInt8]?
    try unsafe CopyRows.forEach(in: chunk.rows) { key, document in
      try unsafe cursor.insert(key, document)
      rows += 1
      if rows == chunk.documents { last = unsafe [UInt8](key) }
    }
    guard rows == chunk.documents else {
      throw MemberError(.syncFailed, "a chunk of the copy has \(rows) rows, not \(chunk.documents)")
    }
    return last
  }

  /// Ends what it loads, so that a checkpoint can hold it.
  func finish() throws {
    defer { loading = nil }
    try loading?.cursor.finish()
  }

  func close() {
    loading?.cursor.close()
    loading = nil
    session.close()
    thread.stop()
  }

  private func cursor(for id: CollectionID) throws -> Cursor {
    if let loading, loading.id == id { return loading.cursor }
    try finish()
    let table = MemberTables.table(of: id)
    let cursor: Cursor
    do { cursor = try session.openBulkCursor(table) } catch {
      guard error.code == .invalid else { throw error }
      // It has rows already, of a copy that was interrupted.
      cursor = try session.openCursor(table)
    }
    loading = (id, cursor)
    return cursor
  }
}
