// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import EncryptedStore
internal import FailurePoints
internal import Logging
internal import ReplicationCore
internal import Synchronization

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

  /// Fills `fresh`, an empty or partly filled generation, from `source` and goes over to it; see the other `resync`.
  public func resync(
    into fresh: OpenGeneration, from source: any CopySource, progress: @Sendable @escaping (CopyProgress) -> Void
  ) async throws(MemberError) {
    // Nobody else will ask for what follows the own snapshot.
    defer { (source as? SnapshotReader)?.hold.end(lingering: false) }
    do throws(MemberError) {
      try await resync(into: fresh, from: CopySources(source), progress: progress)
    } catch {
      await source.close()
      throw error
    }
    await source.close()
  }

  /// Fills `fresh`, an empty generation or one that an earlier attempt left, and goes over to it. On any error before
  /// that the live generation is as before, and the caller closes `fresh`, and destroys it unless it wants to go on
  /// with it. What then keeps the old generation from being destroyed is only logged: it is superseded.
  public func resync(
    into fresh: OpenGeneration, from sources: CopySources, pace: CopyPace = CopyPace(),
    progress: @Sendable @escaping (CopyProgress) -> Void
  ) async throws(MemberError) {
    guard !isCopying, !isClosed else {
      throw MemberError(isClosed ? .closed : .syncFailed, "the node is closing or copies already")
    }
    isCopying = true
    // Which of its entries the copy needs is known once it has begun.
    let hold = holdOplog(after: core.log.base.index)
    defer {
      isCopying = false
      copyRun = nil
      hold.end(lingering: false)
    }
    let installing: CopyOutcome?
    do { installing = try await fill(fresh, from: sources, pace, hold, progress) } catch {
      throw Self.syncFailure(error)
    }
    try await swap(to: fresh, installing: installing)
  }

  /// Answers what to install if the live oplog does not reach the copy, nil if the copy was caught up from it.
  private func fill(
    _ fresh: OpenGeneration, from sources: CopySources, _ pace: CopyPace, _ hold: OplogHold,
    _ report: @escaping @Sendable (CopyProgress) -> Void
  ) async throws -> CopyOutcome? {
    let builder = try await GenerationBuilder(fresh, measures: measures)
    var installing: CopyOutcome?
    do {
      let run = CopyRun(
        from: sources, to: builder, pace: pace, isCancelled: { await self.isClosed }, report: report)
      copyRun = run
      let copied = try await run.run()
      hold.move(to: copied.base.index)
      if try await reachesByLog(copied.end) {
        try await carryOver(copied, to: builder, hold)
      } else {
        installing = copied
        try await builder.checkpoint()
      }
    } catch {
      await builder.close()
      throw error
    }
    await builder.close()
    return installing
  }

  /// Carries the live oplog over, from the copy's position as far as it is committed, and applies it, until hardly
  /// anything is left. What is not committed yet may still be replaced by another primary: it comes with the swap.
  private func carryOver(
    _ copied: CopyOutcome, to builder: GenerationBuilder, _ hold: OplogHold
  ) async throws {
    let tail = try oplogTail(from: copied.base)
    var carried = tail.base.index
    try await builder.writeBase(tail.base, membership: tail.membership, hardState: core.hardState)
    for _ in 0..<Self.catchUpRounds {
      let target = core.commitIndex
      while carried < target {
        try hold.check()
        let entries = try liveEntries(after: carried, upTo: target)
        try await builder.append(entries)
        carried += UInt64(entries.count)
      }
      try await builder.apply(upTo: target)
      if core.commitIndex - target <= Self.swapLag { return try await builder.checkpoint() }
    }
    logger.warning("the copy can't come closer to the live oplog; it swaps now")
    try await builder.checkpoint()
  }

  private func liveEntries(after index: UInt64, upTo last: UInt64) throws(MemberError) -> [LogEntry] {
    guard !isClosed else { throw MemberError(.closed, "the node is closing") }
    let entries = try tables.entries(after: index, upTo: last, budget: core.settings.maximumBatchBytes)
    guard let first = entries.first, first.position.index == index + 1 else {
      throw MemberError(.damaged, "entry \(index + 1) is missing from the oplog", file: MemberTables.oplog)
    }
    return entries
  }

  /// Waits until the live oplog has reached the copy's end, which another member may have reached before. False if it
  /// can't: the primary's oplog starts too late for this member.
  private func reachesByLog(_ end: UInt64) async throws -> Bool {
    let deadline = now + .seconds(60)
    while core.commitIndex < end {
      if core.needsInitialSync { return false }
      guard now < deadline, !isClosed else {
        throw MemberError(.syncFailed, "this member's oplog did not reach the copy's position \(end) in time")
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    return true
  }

  private func swap(to fresh: OpenGeneration, installing: CopyOutcome?) async throws(MemberError) {
    await pause()
    let old = generation
    let oldTables = tables
    do throws(MemberError) {
      guard !isClosed else { throw MemberError(.closed, "the node is closing") }
      let newTables = try MemberTables(fresh)
      do throws(MemberError) {
        if let installing { try install(installing, newTables, fresh) } else { try finish(newTables, fresh) }
      } catch {
        newTables.close()
        throw error
      }
      tables = newTables
    } catch {
      // A sync that failed after `CURRENT` was replaced: a start may find either generation; both are whole.
      if (try? fresh.directory.current()) == old.id { resume() } else { breakDown(error) }
      throw error
    }
    generation = fresh
    perform([])
    sweepable = []
    isSwapping = true
    defer { endSwap() }
    try await release(old, oldTables, for: fresh)
  }

  /// Lets everybody go over to the new generation; then the old one ends, while batches go on.
  private func release(
    _ old: OpenGeneration, _ oldTables: MemberTables, for fresh: OpenGeneration
  ) async throws(MemberError) {
    do throws(MemberError) {
      let retired = try await readers.rebind(to: fresh)
      try await checkpointer.rebind(to: fresh)
      systemChanges.wrappingAdd(1, ordering: .releasing)
      resume()
      oldTables.close()
      await retired.close()
    } catch {
      oldTables.close()
      abandoned.append(old)
      breakDown(error)
      throw error
    }
    await closeCopies { $0 === old }
    if let failure = await checkpointer.retire(old) {
      logger.error(
        "a superseded generation could not be destroyed",
        metadata: ["generation": "\(old.id)", "reason": "\(failure)"])
    }
  }

  private func endSwap() {
    isSwapping = false
    let waiters = swapWaiters
    swapWaiters = []
    for waiter in waiters { waiter.resume() }
  }

  /// The last part of the swap, in one go: nothing can come between.
  private func finish(_ new: MemberTables, _ fresh: OpenGeneration) throws(MemberError) {
    let copied = try new.lastPosition()
    guard core.log.contains(copied) else {
      throw MemberError(.syncFailed, "the copied oplog ends at \(copied), which this member's does not hold")
    }
    var carried = copied.index
    while carried < core.lastPosition.index {
      let entries = try liveEntries(after: carried, upTo: core.lastPosition.index)
      try new.append(entries)
      carried += UInt64(entries.count)
    }
    try new.persist(core.hardState)
    var applied = try new.applied().index
    while applied < core.appliedIndex {
      let entries = try new.entries(after: applied, upTo: core.appliedIndex, budget: core.settings.maximumBatchBytes)
      guard let first = entries.first, first.position.index == applied + 1 else {
        throw MemberError(.syncFailed, "entry \(applied + 1) is missing from the copied oplog")
      }
      for entry in entries { try new.apply(entry) }
      applied += UInt64(entries.count)
    }
    try takeOver(new, fresh, end: core.lastPosition)
    try settle(in: new)
  }

  /// The last part of the swap of a member that is too far behind: the copy takes the place of data and oplog, which
  /// are older than it; term and vote stay.
  private func install(
    _ copied: CopyOutcome, _ new: MemberTables, _ fresh: OpenGeneration
  ) throws(MemberError) {
    // What it has acknowledged may be committed with its help alone: a copy without it is no way forward.
    guard core.lastPosition.index <= copied.base.index else {
      throw MemberError(
        .syncOutrun,
        "the copy shows \(copied.base), but this member acknowledged \(core.lastPosition); it tries again, or copies "
          + "from a member that is further")
    }
    let membership = try copied.membershipAtBase()
    var installed = core
    let directives: [RaftDirective]
    do {
      directives = try installed.onBaseInstalled(
        copied.base, membership: membership, electableFrom: copied.end, now: now)
    } catch { throw MemberError(.syncFailed, "\(error)") }
    try new.writeBase(copied.base, membership: membership, hardState: installed.hardState)
    try new.setElectable(from: copied.end)
    try takeOver(new, fresh, end: copied.base)
    core = installed
    self.directives += directives
    try settle(in: new)
  }

  private func takeOver(_ new: MemberTables, _ fresh: OpenGeneration, end: LogPosition) throws(MemberError) {
    try new.storing { try new.schema.checkpoint() }
    FailurePoint.reach("swap.checkpoint.after")
    var floor = keeper.floor
    floor.end = end
    let freshKeeper = try FloorKeeper.create(at: fresh.directory.floorPath(of: fresh.id), floor)
    // The marker first: with `CURRENT` the generation serves.
    try fresh.directory.markServed(fresh.id)
    try fresh.directory.point(at: fresh.id)
    keeper = freshKeeper
  }

  /// The live oplog is `new`'s from here on.
  private func settle(in new: MemberTables) throws(MemberError) {
    let base = try new.base().position
    do { try core.onLogTruncatedBefore(base: base) } catch { throw MemberError(.damaged, error.description) }
    checkpointedIndex = core.appliedIndex
    new.oplogIndex = try new.takeOplogIndex()
  }

  /// Opens the live generation as a copy's source; closing it is the caller's part. `index` is the oplog entry behind
  /// which the copy's owner will catch up, 0 if it has not begun.
  public func openCopy(for index: UInt64 = 0) throws(MemberError) -> any CopySource {
    guard !isClosed else { throw MemberError(.closed, "the node is closing") }
    // What it holds may be of no single moment before it has passed the end of its own copy.
    guard core.isOfOneMoment else {
      throw MemberError(.syncFailed, "this member has not caught up since its own copy: copy from another")
    }
    openCopies.removeAll { $0.isFinished }
    let hold = holdOplog(after: index == 0 ? core.appliedIndex : min(index, core.appliedIndex))
    let copy = try SnapshotReader(generation, hold: hold) { [weak self] index in
      guard let self else { throw MemberError(.closed, "the node is closing") }
      return await (self.core.memberships.membership(at: index), self.copyOplog(after: hold.index))
    }
    openCopies.append(copy)
    return copy
  }

  /// Ends the copies that others make of some generations, so that their stores can be closed.
  func closeCopies(of matches: (OpenGeneration) -> Bool) async {
    let copies = openCopies.filter { matches($0.generation) }
    openCopies.removeAll { matches($0.generation) }
    for copy in copies { await copy.close() }
  }

  private static func syncFailure(_ error: any Error) -> MemberError {
    if let error = error as? MemberError { return error }
    return MemberError(.syncFailed, MemberError.carrying(error).description)
  }
}
