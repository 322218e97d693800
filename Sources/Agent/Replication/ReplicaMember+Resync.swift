// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import EncryptedStore
internal import Logging
internal import ReplicationCore

/// How far a copy has come, for the node's heartbeats.
public struct CopyProgress: Sendable, Equatable {
  /// What is being done, in an operator's words.
  public var stage: String
  /// Documents copied.
  public var documents: UInt64
  /// Documents in all, as far as known.
  public var documentsTotal: UInt64
  /// Bytes copied.
  public var bytes: UInt64

  /// Makes a progress of its parts.
  public init(stage: String, documents: UInt64 = 0, documentsTotal: UInt64 = 0, bytes: UInt64 = 0) {
    self.stage = stage
    self.documents = documents
    self.documentsTotal = documentsTotal
    self.bytes = bytes
  }
}

/// Re-syncing into a new generation.
///
/// The order of durable steps (design, section 8): copy; carry the live oplog over; catch up; checkpoint; hold back new
/// batches; carry over what is left, with term and vote; checkpoint; point `CURRENT` at the new generation; go over;
/// destroy the old one, keystore first. A crash before `CURRENT` leaves the old generation whole, after it the new one.
extension ReplicaMember {
  /// How many entries may be left to carry over while batches are held back.
  static let swapLag: UInt64 = 64
  /// How often the copy tries to come closer than `swapLag` before it swaps anyway.
  static let catchUpRounds = 100

  /// Fills `fresh`, an empty generation, from `source` and goes over to it. On any error the live generation is as
  /// before and the caller destroys `fresh`.
  public func resync(
    into fresh: OpenGeneration, from source: any CopySource, progress: @Sendable @escaping (CopyProgress) -> Void
  ) async throws(MemberError) {
    let builder = try await GenerationBuilder(fresh)
    do {
      let beginning = try await copy(from: source, to: builder, progress)
      await source.close()
      try await carryOver(beginning, to: builder, progress)
      await builder.close()
    } catch {
      await source.close()
      await builder.close()
      throw Self.syncFailure(error)
    }
    try await swap(to: fresh)
  }

  private func copy(
    from source: any CopySource, to builder: GenerationBuilder, _ report: @Sendable (CopyProgress) -> Void
  ) async throws -> CopyBeginning {
    let beginning = try await source.begin()
    var progress = CopyProgress(stage: "copying", documentsTotal: beginning.documentsTotal)
    report(progress)
    try await builder.begin(beginning)
    while let chunk = try await source.next() {
      try await builder.load(chunk)
      progress.documents += UInt64(chunk.documents)
      progress.bytes += UInt64(chunk.rows.count)
      report(progress)
      if isClosed { throw MemberError(.closed, "the node is closing") }
    }
    try await builder.checkpoint()
    progress.stage = "catching up"
    report(progress)
    return beginning
  }

  /// Carries the live oplog over, whole, and applies what came after the copy, until hardly anything is left.
  private func carryOver(
    _ beginning: CopyBeginning, to builder: GenerationBuilder, _ report: @Sendable (CopyProgress) -> Void
  ) async throws {
    try await waitForLog(beginning.base)
    var carried = core.log.base
    try await builder.writeBase(
      carried, membership: core.memberships.base, hardState: core.hardState)
    for round in 0..<Self.catchUpRounds {
      carried = try await carry(after: carried, to: builder)
      try await builder.apply(upTo: min(core.commitIndex, carried.index))
      if core.lastPosition.index - min(core.lastPosition.index, carried.index) <= Self.swapLag { break }
      if round == Self.catchUpRounds - 1 {
        logger.warning("the copy can't come closer to the live oplog; it swaps now")
      }
    }
    try await builder.checkpoint()
  }

  private func carry(after start: LogPosition, to builder: GenerationBuilder) async throws -> LogPosition {
    var carried = start
    while carried.index < core.lastPosition.index {
      let common = commonPosition(with: carried)
      if common != carried { try await builder.truncate(after: common.index) }
      carried = common
      let entries = try tables.entries(
        after: carried.index, upTo: core.lastPosition.index, budget: core.settings.maximumBatchBytes)
      guard let last = entries.last else { break }
      try await builder.append(entries)
      carried = last.position
    }
    return carried
  }

  /// The last position of a copied log that the live log still holds: a new primary may have replaced its end
  /// meanwhile.
  func commonPosition(with carried: LogPosition) -> LogPosition {
    if core.log.contains(carried) { return carried }
    let committed = min(core.commitIndex, carried.index)
    return core.log.position(at: committed) ?? core.log.base
  }

  /// Waits until the live oplog has reached the copy's base, which another member may have reached before.
  private func waitForLog(_ base: LogPosition) async throws {
    let deadline = now + .seconds(60)
    while core.commitIndex < base.index {
      guard now < deadline, !isClosed else {
        throw MemberError(.syncFailed, "this member's oplog did not reach the copy's position \(base) in time")
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    guard core.log.contains(base) else {
      throw MemberError(.syncFailed, "the copy's position \(base) is not in this member's oplog")
    }
  }

  private func swap(to fresh: OpenGeneration) async throws(MemberError) {
    await pause()
    let old = generation
    let oldTables = tables
    do throws(MemberError) {
      guard !isClosed else { throw MemberError(.closed, "the node is closing") }
      let newTables = try MemberTables(fresh)
      do throws(MemberError) { try finish(newTables, fresh) } catch {
        newTables.close()
        throw error
      }
      tables = newTables
      generation = fresh
    } catch {
      resume()
      throw error
    }
    do throws(MemberError) {
      try await readers.rebind(to: fresh)
      try await checkpointer.rebind(to: fresh)
    } catch {
      breakDown(error)
      throw error
    }
    oldTables.close()
    await closeCopies()
    resume()
    try fresh.directory.markServed(fresh.id)
    try old.close()
    try old.directory.destroy(old.id)
  }

  /// The last part of the swap, in one go: nothing can come between.
  private func finish(_ new: MemberTables, _ fresh: OpenGeneration) throws(MemberError) {
    let copied = try new.restoredState().log
    let common = commonPosition(with: copied.last)
    if common != copied.last { try new.truncateLog(after: common.index) }
    var carried = common.index
    while carried < core.lastPosition.index {
      let entries = try tables.entries(
        after: carried, upTo: core.lastPosition.index, budget: core.settings.maximumBatchBytes)
      guard let last = entries.last else {
        throw MemberError(.damaged, "entry \(carried + 1) is missing from the oplog", file: MemberTables.oplog)
      }
      try new.append(entries)
      carried = last.position.index
    }
    try new.persist(core.hardState)
    var applied = try new.applied().index
    while applied < core.appliedIndex {
      let entries = try new.entries(after: applied, upTo: core.appliedIndex, budget: core.settings.maximumBatchBytes)
      guard !entries.isEmpty else {
        throw MemberError(.syncFailed, "entry \(applied + 1) is missing from the copied oplog")
      }
      for entry in entries { try new.apply(entry) }
      applied += UInt64(entries.count)
    }
    try new.storing { try new.schema.checkpoint() }
    try fresh.directory.point(at: fresh.id)
  }

  /// Opens a snapshot of the live generation as a copy's source; closing it is the caller's part.
  public func openCopy() async throws(MemberError) -> any CopySource {
    guard !isClosed else { throw MemberError(.closed, "the node is closing") }
    let copy = try await SnapshotReader(generation)
    openCopies.append(copy)
    return copy
  }

  /// Ends all copies that others make of this generation, so that its store can be closed.
  func closeCopies() async {
    let copies = openCopies
    openCopies = []
    for copy in copies { await copy.close() }
  }

  private static func syncFailure(_ error: any Error) -> MemberError {
    if let error = error as? MemberError { return error }
    return MemberError(.syncFailed, MemberError.carrying(error).description)
  }
}
