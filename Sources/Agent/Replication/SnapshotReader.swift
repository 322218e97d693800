// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import EncryptedStore
internal import ReplicationCore
internal import Synchronization

/// Reads one snapshot of an open generation as a copy stream, on a thread of its own.
///
/// The snapshot holds the applied position and the data of one and the same moment; it stays open for as long as the
/// copy takes, which costs the engine memory for newer versions of what changes meanwhile.
actor SnapshotReader: CopySource {
  nonisolated let thread: StoreThread
  /// What it reads.
  nonisolated let generation: OpenGeneration
  /// Keeps the oplog behind the snapshot, which whoever copies it needs afterwards.
  nonisolated let hold: OplogHold
  private nonisolated let finished = Atomic<Bool>(false)
  private let oplog: @Sendable (UInt64) async throws -> (membership: Membership, base: UInt64)
  private var tables: MemberTables?
  private var remaining: ArraySlice<CopyBeginning.Collection> = []
  private var after: [UInt8]?

  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }

  /// Holds nothing of the store before `begin`, so that nothing comes between making it and being able to close it.
  /// `oplog` tells the membership after the entry at an index, and the index after which the oplog starts.
  init(
    _ generation: OpenGeneration, hold: OplogHold,
    oplog: @escaping @Sendable (UInt64) async throws -> (membership: Membership, base: UInt64)
  ) throws(MemberError) {
    self.hold = hold
    do { thread = try StoreThread(name: "copy-source") } catch { throw MemberError(error) }
    self.generation = generation
    self.oplog = oplog
  }

  /// Whether it was closed, for good.
  nonisolated var isFinished: Bool { finished.load(ordering: .acquiring) }

  func begin() async throws -> CopyBeginning {
    guard !isFinished, tables == nil else { throw MemberError(.closed, "the copy was given up or has begun") }
    let tables = try MemberTables(generation)
    self.tables = tables
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
    let base = try tables.applied()
    let (membership, logBase) = try await oplog(base.index)
    return CopyBeginning(
      base: base, membership: membership, logBase: logBase, collections: collections, documentsTotal: documents)
  }

  func next() throws -> CopyChunk? {
    try hold.check()
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
    finished.store(true, ordering: .releasing)
    hold.end(lingering: true)
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
