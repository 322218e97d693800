// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import EncryptedStore
internal import FailurePoints
internal import ReplicationCore

/// Fills a new generation on a thread of its own, while the live one goes on applying and acknowledging.
actor GenerationBuilder {
  nonisolated let thread: StoreThread
  private let tables: MemberTables
  private let measures: MemberMeasures
  private var loading: (id: CollectionID, cursor: Cursor)?

  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }

  init(_ generation: OpenGeneration, measures: MemberMeasures) async throws(MemberError) {
    self.measures = measures
    do { thread = try StoreThread(name: "copy-target") } catch { throw MemberError(error) }
    tables = try MemberTables(generation)
  }

  /// Copies all that `source` has; `isCancelled` is asked after each chunk.
  func copy(
    from source: any CopySource, until isCancelled: @Sendable () async -> Bool,
    _ report: @Sendable (CopyProgress) -> Void
  ) async throws -> CopyBeginning {
    let beginning = try await source.begin()
    var progress = CopyProgress(stage: "copying", documentsTotal: beginning.documentsTotal)
    report(progress)
    try begin(beginning)
    var missing = Set(beginning.collections.map(\.id))
    while let chunk = try await source.next() {
      guard missing.contains(chunk.collection) else {
        throw MemberError(.syncFailed, "the copy has rows of \(chunk.collection), which are not due")
      }
      try load(chunk)
      if chunk.isLastOfCollection { missing.remove(chunk.collection) }
      progress.documents += UInt64(chunk.documents)
      progress.bytes += UInt64(chunk.rows.count)
      measures.copied(documents: chunk.documents, bytes: chunk.rows.count)
      report(progress)
      if await isCancelled() { throw MemberError(.closed, "the node is closing") }
    }
    guard missing.isEmpty else {
      throw MemberError(.syncFailed, "the copy ended with \(missing.count) collections missing or incomplete")
    }
    try checkpoint()
    progress.stage = "catching up"
    report(progress)
    return beginning
  }

  /// Gives a generation that has no live one beside it what a member starts from: the copy's position as the oplog's
  /// base, no vote, and the mark of a member that lost its state.
  func found(_ beginning: CopyBeginning, lostTerm: UInt64) throws {
    try tables.writeBase(
      beginning.base, membership: beginning.membership,
      hardState: HardState(term: beginning.base.term, vote: nil))
    try tables.setElectable(from: beginning.base.index)
    let lostTerm = max(lostTerm, beginning.base.term)
    try tables.markRecovering(lostTerm: lostTerm)
    let floor = AcknowledgedFloor(
      hardState: HardState(term: beginning.base.term, vote: nil), end: beginning.base, lostTerm: lostTerm)
    _ = try FloorKeeper.create(at: tables.generation.directory.floorPath(of: tables.generation.id), floor)
  }

  /// Makes the collections, empty, and notes which point of the oplog the copy shows.
  func begin(_ beginning: CopyBeginning) throws {
    try tables.data.withTransaction {
      for collection in beginning.collections {
        try tables.createCollection(collection.database, name: collection.name, id: collection.id)
      }
      try tables.setApplied(beginning.base)
    }
  }

  /// Writes rows by bulk load, which is not journalled and needs ascending keys.
  func load(_ chunk: CopyChunk) throws {
    if loading?.id != chunk.collection {
      try finishLoading()
      loading = (chunk.collection, try tables.data.openBulkCursor(MemberTables.table(of: chunk.collection)))
    }
    guard let loading else { return }
    var rows = 0
    try unsafe CopyRows.forEach(in: chunk.rows) { key, document in
      try unsafe loading.cursor.insert(key, document)
      rows += 1
    }
    guard rows == chunk.documents else {
      throw MemberError(.syncFailed, "a chunk of the copy has \(rows) rows, not \(chunk.documents)")
    }
    if chunk.isLastOfCollection { try finishLoading() }
  }

  /// Adds oplog entries of the live generation.
  func append(_ entries: [LogEntry]) throws {
    try tables.append(entries)
    try tables.flushLog()
  }

  /// Writes the base of the oplog.
  func writeBase(_ base: LogPosition, membership: Membership, hardState: HardState) throws {
    try tables.writeBase(base, membership: membership, hardState: hardState)
  }

  /// Removes entries that the live oplog lost since they were copied.
  func truncate(after index: UInt64) throws { try tables.truncateLog(after: index) }

  /// Applies entries of the own oplog up to and with `last`.
  func apply(upTo last: UInt64) throws {
    var applied = try tables.applied().index
    while applied < last {
      let entries = try tables.entries(after: applied, upTo: last, budget: CopyChunk.targetBytes)
      guard let first = entries.first, first.position.index == applied + 1 else {
        throw MemberError(.syncFailed, "entry \(applied + 1) is missing from the copied oplog")
      }
      for entry in entries { try tables.apply(entry) }
      applied += UInt64(entries.count)
    }
  }

  /// Makes everything so far durable in the table files.
  func checkpoint() throws {
    try finishLoading()
    FailurePoint.reach("copy.checkpoint.before")
    try tables.schema.checkpoint()
    FailurePoint.reach("copy.checkpoint.after")
  }

  func close() {
    loading?.cursor.close()
    loading = nil
    tables.close()
    thread.stop()
  }

  private func finishLoading() throws {
    try loading?.cursor.finish()
    loading = nil
  }
}
