// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import EncryptedStore
internal import FailurePoints
internal import ReplicationCore

/// Fills a new generation on a thread of its own, while the live one goes on applying and acknowledging.
actor GenerationBuilder {
  nonisolated let thread: StoreThread
  nonisolated let generation: OpenGeneration
  nonisolated let measures: MemberMeasures
  private let tables: MemberTables

  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }

  init(_ generation: OpenGeneration, measures: MemberMeasures) async throws(MemberError) {
    self.measures = measures
    do { thread = try StoreThread(name: "copy-target") } catch { throw MemberError(error) }
    self.generation = generation
    tables = try MemberTables(generation)
  }

  /// How many bytes of pages are in the cache alone.
  func unwrittenBytes() throws -> UInt64 { UInt64(clamping: try tables.data.cacheUse().dirtyBytes) }

  /// What a copy into this generation is to do.
  struct Job: Sendable {
    var base: LogPosition
    var membership: Membership
    /// The collections that are not complete.
    var missing: [CollectionID]
    var isResumed: Bool
    /// What an earlier attempt has copied, by collection.
    var before: [CollectionID: CopyMark] = [:]
  }

  /// Makes the collections, empty, and notes which point of the oplog the copy starts from; a copy that was begun
  /// earlier keeps its collections and its start.
  func begin(_ beginning: CopyBeginning) throws -> Job {
    if let (base, membership) = try tables.copyStart() {
      var job = Job(base: base, membership: membership, missing: [], isResumed: true)
      for id in try tables.collections().map(\.id) {
        let mark = try tables.copyMark(of: id)
        job.before[id] = mark
        if !mark.isDone { job.missing.append(id) }
      }
      // What was caught up already was complete before: copying it again, from a source that is older, would undo that.
      if try tables.applied() != base { job.missing = [] }
      return job
    }
    try tables.data.withTransaction {
      for collection in beginning.collections {
        try tables.createCollection(collection.database, name: collection.name, id: collection.id)
      }
      try tables.setCopyStart(beginning.base, beginning.membership)
      try tables.setApplied(beginning.base)
    }
    return Job(
      base: beginning.base, membership: beginning.membership, missing: beginning.collections.map(\.id),
      isResumed: false)
  }

  func mark(of id: CollectionID) throws -> CopyMark { try tables.copyMark(of: id) }
  func set(_ mark: CopyMark, of id: CollectionID) throws { try tables.setCopyMark(mark, of: id) }

  /// The last oplog entry the data holds.
  func applied() throws -> LogPosition { try tables.applied() }

  /// Gives a generation that has no live one beside it what a member starts from: the copy's position as the oplog's
  /// base, no vote, and the mark of a member that lost its state.
  func found(_ copied: CopyOutcome, lostTerm: UInt64) throws {
    let membership = try copied.membershipAtBase()
    let hardState = HardState(term: copied.base.term, vote: nil)
    try tables.writeBase(copied.base, membership: membership, hardState: hardState)
    try tables.setElectable(from: copied.end)
    let lostTerm = max(lostTerm, copied.base.term)
    try tables.markRecovering(lostTerm: lostTerm)
    let floor = AcknowledgedFloor(hardState: hardState, end: copied.base, lostTerm: lostTerm)
    _ = try FloorKeeper.create(at: generation.directory.floorPath(of: generation.id), floor)
  }

  /// Adds oplog entries of the live generation.
  func append(_ entries: [LogEntry]) throws {
    try tables.append(entries)
    try tables.flushLog()
  }

  /// Writes the base of the oplog, which is empty afterwards, whatever an earlier attempt left in it.
  func writeBase(_ base: LogPosition, membership: Membership, hardState: HardState) throws {
    try tables.writeBase(base, membership: membership, hardState: hardState)
  }

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

  /// Makes everything so far durable in the table files, but for tables that are just being bulk-loaded.
  func checkpoint() throws {
    FailurePoint.reach("copy.checkpoint.before")
    try tables.schema.checkpoint()
    FailurePoint.reach("copy.checkpoint.after")
  }

  func close() {
    tables.close()
    thread.stop()
  }
}
