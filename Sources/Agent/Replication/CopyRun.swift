// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import ReplicationCore

/// What a copy holds when all collections are complete.
struct CopyOutcome: Sendable {
  /// The oplog entry behind which the data has to catch up.
  var base: LogPosition
  /// Who belonged to the shard after that entry; nil if an earlier attempt has caught up beyond the copy's start, where
  /// only a member's own oplog knows.
  var membership: Membership?
  /// The source's position at the end: before the data has caught up to it, it is of no one moment.
  var end: UInt64

  /// Who belonged to the shard after the base, for a member without an oplog that reaches back to it.
  func membershipAtBase() throws(MemberError) -> Membership {
    if let membership { return membership }
    throw MemberError(
      .syncOutrun, "the copy has caught up to \(base) by an oplog that this member does not have any more")
  }
}

/// One copy of all collections into a new generation: several streams, each one collection after the other, from the
/// best source that answers; goes on where an earlier run stopped.
///
/// **Why rows of many moments make one state.** The copy notes the position B that its first source had applied
/// when it told its collections, and never changes it. Each stretch of rows comes from a snapshot at a position S ≥ B,
/// of any member (a source that has applied less than B is refused). All members agree on the entries behind B up to
/// every such S, because these are committed. Afterwards the oplog is applied from B on, in order, past the highest S.
/// Take one key: if no entry behind B touches it, all snapshots hold the same for it, and so does the copy. If some do,
/// the last of them decides, whatever the copy holds: entries are post-images. Collections made behind B need not be
/// copied, their making and all their rows stand behind B; one that was dropped behind B is dropped again, with
/// whatever part of it was copied. So snapshots, sources and even processes may change between two stretches, as long
/// as catching up starts from the first B, and nobody reads the data before it has passed the position at the end.
actor CopyRun {
  private let sources: CopySources
  private let builder: GenerationBuilder
  private let pace: CopyPace
  private let isCancelled: @Sendable () async -> Bool
  private let report: @Sendable (CopyProgress) -> Void

  private var queue: ArraySlice<CollectionID> = []
  private var base = LogPosition.origin
  private var end: UInt64 = 0
  private var preferred = 0
  private var failures = 0
  private var sinceCheckpoint: UInt64 = 0
  private var meter: CopyMeter
  private var window: CopyWindow
  private var opened: [any CopySource] = []
  private var isGivenUp = false

  init(
    from sources: CopySources, to builder: GenerationBuilder, pace: CopyPace,
    isCancelled: @escaping @Sendable () async -> Bool, report: @escaping @Sendable (CopyProgress) -> Void
  ) {
    self.sources = sources
    self.builder = builder
    self.pace = pace
    self.isCancelled = isCancelled
    self.report = report
    meter = CopyMeter()
    window = CopyWindow(sources: sources.names.count)
  }

  func run() async throws -> CopyOutcome {
    guard !sources.names.isEmpty else { throw MemberError(.syncFailed, "there is no member to copy from") }
    let beginning = try await catalogue()
    let task = try await builder.begin(beginning)
    base = task.base
    queue = task.missing[...]
    end = max(base.index, beginning.base.index)
    try await checkAge(of: beginning, task)
    meter.begin(fileBytes: beginning.fileBytes, after: task.before, in: builder.generation)
    window.note(lasts: beginning.oplogSeconds, of: preferred)
    warn()
    tell("copying")
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<min(sources.streams, max(1, queue.count)) { group.addTask { try await self.work() } }
      try await group.waitForAll()
    }
    // The position at the end, past which the copy is one state.
    end = max(end, try await catalogue().base.index)
    try await builder.checkpoint()
    meter.finish()
    tell("catching up")
    let applied = try await builder.applied()
    return CopyOutcome(base: applied, membership: applied == task.base ? task.membership : nil, end: end)
  }

  /// Gives the copy up, also while it waits for a source.
  func cancel() async {
    isGivenUp = true
    let sources = opened
    opened = []
    for source in sources { await source.close() }
  }

  // MARK: Sources

  private func catalogue() async throws -> CopyBeginning {
    while true {
      let source = try await open()
      do {
        let beginning = try await source.value.begin()
        if sources.canReopen { await source.value.close() }
        return beginning
      } catch {
        await source.value.close()
        try await noteFailure(of: source.index, error)
      }
    }
  }

  private func open() async throws -> (index: Int, value: any CopySource) {
    while true {
      let index = preferred
      do {
        let source = try await sources.open(index)
        opened.append(source)
        if !isGivenUp { return (index, source) }
        await source.close()
      } catch { try await noteFailure(of: index, error) }
      if isGivenUp { throw MemberError(.closed, "the copy was given up") }
    }
  }

  /// Goes over to the next source; throws once all have failed more often than is worth it since rows came last.
  private func noteFailure(of index: Int, _ error: any Error) async throws {
    failures += 1
    if isGivenUp { throw MemberError(.closed, "the copy was given up") }
    if await isCancelled() { throw MemberError(.closed, "the node is closing") }
    guard sources.canReopen, failures < CopyLimits.attemptsPerSource * sources.names.count else { throw error }
    if preferred == index { preferred = (index + 1) % sources.names.count }
    meter.remark = "\(sources.names[index]) failed, copying from \(sources.names[preferred])"
  }

  private func checkAge(of beginning: CopyBeginning, _ task: GenerationBuilder.Job) async throws {
    if task.isResumed, beginning.base.index < task.base.index {
      throw MemberError(.syncFailed, "no source has applied the oplog as far as this copy, which began at \(task.base)")
    }
  }

  // MARK: Streams

  private func work() async throws {
    let loader = try CopyLoader(builder.generation)
    var source: (index: Int, value: any CopySource)?
    do {
      while let id = queue.popFirst() {
        // Where the stream is in the collection, also across a change of the source.
        var mark = try await builder.mark(of: id)
        while !mark.isDone {
          let current = if let source { source } else { try await open() }
          source = current
          do {
            try await transfer(id, from: current, into: loader, &mark)
          } catch let failure as SourceFailure {
            await current.value.close()
            source = nil
            try await noteFailure(of: current.index, failure.error)
          }
        }
      }
    } catch {
      await source?.value.close()
      await loader.close()
      throw error
    }
    if sources.canReopen { await source?.value.close() }
    await loader.close()
  }

  private func transfer(
    _ id: CollectionID, from source: (index: Int, value: any CopySource), into loader: CopyLoader,
    _ mark: inout CopyMark
  ) async throws {
    let key = mark.last
    let opening = try await asking { try await source.value.open(id, after: key, from: base.index) }
    try checkOplog(of: source.index, logBase: opening.logBase)
    guard opening.base.index >= base.index else {
      throw SourceFailure(MemberError(.syncFailed, "\(sources.names[source.index]) is older than the copy's start"))
    }
    end = max(end, opening.base.index)
    meter.source = sources.names[source.index]
    var inSegment: UInt64 = 0
    var upcoming = opening.isGone ? nil : try await next(of: id, from: source.value)
    while let chunk = upcoming {
      let readsAhead = sources.readsAhead && !chunk.isLastOfCollection
      async let following = readsAhead ? next(of: id, from: source.value) : nil
      mark.count(chunk, last: try await loader.load(chunk))
      inSegment += UInt64(chunk.rows.count)
      try await count(chunk, from: source.index)
      if inSegment >= pace.segmentBytes, !chunk.isLastOfCollection {
        inSegment = 0
        try await loader.finish()
        try await builder.set(mark, of: id)
        try await checkpoint(atLeast: 0)
      }
      upcoming = try await following
      if !readsAhead, !chunk.isLastOfCollection { upcoming = try await next(of: id, from: source.value) }
    }
    try await loader.finish()
    mark.isDone = true
    try await builder.set(mark, of: id)
    try await checkpoint(atLeast: pace.checkpointBytes)
  }

  private nonisolated func next(of id: CollectionID, from source: any CopySource) async throws -> CopyChunk {
    let chunk: CopyChunk?
    do { chunk = try await source.next() } catch { throw SourceFailure(error) }
    guard let chunk, chunk.collection == id else {
      throw SourceFailure(MemberError(.syncFailed, "the copy ended before collection \(id) was complete"))
    }
    return chunk
  }

  private func asking<R: Sendable>(_ body: () async throws -> R) async throws -> R {
    do { return try await body() } catch { throw SourceFailure(error) }
  }

  private func checkpoint(atLeast bytes: UInt64) async throws {
    guard sinceCheckpoint >= bytes else { return }
    sinceCheckpoint = 0
    try await builder.checkpoint()
  }

  // MARK: Progress

  private func count(_ chunk: CopyChunk, from source: Int) async throws {
    failures = 0
    sinceCheckpoint += UInt64(chunk.rows.count)
    builder.measures.copied(documents: chunk.documents, bytes: chunk.rows.count)
    if meter.count(documents: chunk.documents, bytes: chunk.rows.count, in: chunk.collection) {
      let unwritten = try await builder.unwrittenBytes()
      meter.look(at: chunk.collection, of: builder.generation, unwritten: unwritten)
    }
    window.note(lasts: chunk.oplogSeconds, of: source)
    try checkOplog(of: source, logBase: chunk.logBase)
    warn()
    tell("copying")
    if await isCancelled() { throw MemberError(.closed, "the node is closing") }
    try checkRoom()
  }

  /// A full disk would end the member that serves from it: the copy ends first.
  private func checkRoom() throws(MemberError) {
    guard let room = builder.generation.directory.room(), room.free < pace.reserveBytes else { return }
    throw MemberError(
      .noRoom,
      "the disk has \(DiskReport.text(room.free)) free and the copy was stopped to leave it to the node that serves; "
        + "make room, it goes on by itself")
  }

  /// A source whose oplog starts behind the copy's start is of no use for catching up; another may be.
  private func checkOplog(of source: Int, logBase: UInt64) throws {
    guard logBase > base.index else { return }
    guard window.isOutrun(by: source) else {
      throw SourceFailure(
        MemberError(.syncFailed, "the oplog of \(sources.names[source]) no longer reaches back to the copy's start"))
    }
    throw MemberError(
      .syncOutrun,
      "the copy began at oplog entry \(base.index), but no member's oplog reaches back to it any more "
        + "(\(sources.names[source])'s starts at \(logBase + 1)): the copy took longer than the oplog lasts; "
        + "give the oplog more room, or copy while there are fewer writes")
  }

  private func warn() {
    meter.oplogSeconds = window.seconds
    meter.warning = window.warning(secondsLeft: meter.secondsLeft ?? meter.secondsExpected)
  }

  private func tell(_ stage: String) { report(meter.progress(stage)) }
}

/// The source's fault, not this node's.
private struct SourceFailure: Error {
  let error: any Error
  init(_ error: any Error) { self.error = error }
}
