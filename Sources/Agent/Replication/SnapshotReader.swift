// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import EncryptedStore
internal import Foundation
internal import ReplicationCore
internal import Synchronization

/// Reads an open generation as a copy's source, on a thread of its own.
///
/// Each collection is read in a snapshot that holds the applied position and the data of one and the same moment; it
/// stays open for as long as that collection takes, which costs the engine memory for newer versions of what changes
/// meanwhile.
actor SnapshotReader: CopySource {
  nonisolated let thread: StoreThread
  /// What it reads.
  nonisolated let generation: OpenGeneration
  /// Keeps the oplog behind the snapshot, which whoever copies it needs afterwards.
  nonisolated let hold: OplogHold
  private nonisolated let finished = Atomic<Bool>(false)
  private let oplog: @Sendable (UInt64) async throws -> (membership: Membership, log: CopyOplog)
  private var tables: MemberTables?
  private var collection: CollectionID?
  private var after: [UInt8]?
  private var log = CopyOplog(base: 0, seconds: 0)

  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }

  /// Holds nothing of the store before it is asked, so that nothing comes between making it and being able to close it.
  /// `oplog` tells the membership after the entry at an index, and how the oplog stands.
  init(
    _ generation: OpenGeneration, hold: OplogHold,
    oplog: @escaping @Sendable (UInt64) async throws -> (membership: Membership, log: CopyOplog)
  ) throws(MemberError) {
    self.hold = hold
    do { thread = try StoreThread(name: "copy-source") } catch { throw MemberError(error) }
    self.generation = generation
    self.oplog = oplog
  }

  /// Whether it was closed, for good.
  nonisolated var isFinished: Bool { finished.load(ordering: .acquiring) }

  func begin() async throws -> CopyBeginning {
    let tables = try newSnapshot()
    let collections = try tables.collections().map { row in
      CopyBeginning.Collection(database: try DatabaseName(row.database), name: row.name, id: row.id)
    }
    let base = try tables.applied()
    try tables.data.rollback()
    let fileBytes = collections.reduce(0) { $0 + generation.fileBytes(of: $1.id) }
    let (membership, log) = try await oplog(base.index)
    return CopyBeginning(
      base: base, membership: membership, logBase: log.base, collections: collections, fileBytes: fileBytes,
      oplogSeconds: log.seconds)
  }

  func open(_ collection: CollectionID, after key: [UInt8]?, from index: UInt64) async throws -> CopyOpening {
    let tables = try newSnapshot()
    let base = try tables.applied()
    tables.knownCollections = []
    let exists = try tables.exists(collection)
    self.collection = exists ? collection : nil
    after = key
    log = try await oplog(base.index).log
    return CopyOpening(base: base, isGone: !exists, logBase: log.base)
  }

  func next() async throws -> CopyChunk? {
    guard let collection else { return nil }
    try hold.check()
    let tables = try live()
    var chunk = CopyChunk(
      collection: collection, documents: 0, rows: [], isLastOfCollection: true, logBase: log.base,
      oplogSeconds: log.seconds)
    chunk.rows.reserveCapacity(CopyChunk.targetBytes)
    var last: [UInt8]?
    try unsafe tables.data.scan(MemberTables.table(of: collection), from: after, inclusive: after == nil) {
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
      self.collection = nil
      try tables.data.rollback()
    } else {
      after = last
      log = try await oplog(0).log
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

  private func newSnapshot() throws -> MemberTables {
    guard !isFinished else { throw MemberError(.closed, "the copy was given up") }
    let tables = try self.tables ?? MemberTables(generation)
    self.tables = tables
    try tables.data.rollback()
    try tables.data.begin()
    return tables
  }

  private func live() throws -> MemberTables {
    guard let tables else { throw MemberError(.closed, "the copy was given up") }
    return tables
  }
}

extension OpenGeneration {
  /// How large a collection's file is, 0 if there is none.
  func fileBytes(of id: CollectionID) -> UInt64 {
    let path = directory.storePath(of: self.id) + "/" + MemberTables.table(of: id) + ".wt"
    let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber
    return size?.uint64Value ?? 0
  }
}
