// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
public import EncryptedStore
internal import ReplicationCore
internal import Synchronization

/// Group commit: one batch at a time, made of whoever waits when the one before is done.
extension ReplicaMember {
  /// Starts a batch once all writers that are queued on this thread by now have come in: those that came while the one
  /// before was made durable then share the next sync.
  func pumpSoon() {
    guard !isPumpDue else { return }
    isPumpDue = true
    thread.afterQueued { [weak self] in
      self?.assumeIsolated { member in
        member.isPumpDue = false
        member.pump()
      }
    }
  }

  /// Starts batches as long as there are writers and none is on its way.
  func pump() {
    // A batch that ends at once comes back here; the loop below goes on then, not the stack.
    guard !isPumping else { return }
    isPumping = true
    defer { isPumping = false }
    while batch == nil, !isPaused, !isPerforming, !isClosed {
      if !sweepable.isEmpty, !sweepNow() { return }
      guard !waiting.isEmpty else { return }
      guard core.acceptsProposals else {
        if core.role != .leader { refuseWaiting(notPrimary) }
        return
      }
      // The transaction would keep entries that come before the batch's from being applied.
      guard core.appliedIndex == core.lastPosition.index else { return }
      // Ticks and messages that came meanwhile have their turn before the next batch.
      if runBatch() { return pumpSoon() }
    }
  }

  /// Runs waiting writers as one batch; answers whether that took all the time a batch may take.
  private func runBatch() -> Bool {
    let requests = waiting
    waiting = []
    var completions: [WriteRequest.Completion] = []
    var next = 0
    let view = WriteView(tables)
    do throws(MemberError) {
      try tables.storing { try tables.data.begin() }
      // One at least, however slow the engine was to begin.
      while next < requests.count, next == 0 || !view.isFull {
        completions.append(try requests[next].run(view))
        next += 1
      }
    } catch {
      abandon(requests, ran: next, error)
      return view.isSpent
    }
    waiting = Array(requests[next...]) + waiting
    if view.operationCount > 0 {
      propose(view.finishedRecord(), completions)
    } else {
      rollBack()
      for completion in completions { completion(nil) }
    }
    return view.isSpent
  }

  private func propose(_ record: [UInt8], _ completions: [WriteRequest.Completion]) {
    switch core.onPropose([record], now: now) {
    case .accepted(let first, _, let directives):
      batch = WriteBatch(index: first.index, completions: completions)
      measures.batched(completions.count)
      perform(directives)
    case .refused(let refusal):
      rollBack()
      let error =
        switch refusal {
        case .notLeader: notPrimary
        case .notReady, .handingOver: MemberError(.notPrimary, "the primary is handing over; try again")
        case .badPayload: MemberError(.invalid, "the write is larger than one oplog entry may be")
        default: MemberError(.overloaded, "the write was refused: \(refusal)")
        }
      for completion in completions { completion(error) }
    }
  }

  /// A batch that the engine refused is rolled back; if that may pass, its writers run again, one fewer each time.
  private func abandon(_ requests: [WriteRequest], ran: Int, _ error: MemberError) {
    rollBack()
    guard error.isRetryable, let failed = requests.dropFirst(ran).first, failed.attempts < Self.batchAttempts else {
      if error.isRetryable, ran < requests.count {
        waiting = Array(requests[..<ran]) + Array(requests[(ran + 1)...]) + waiting
        requests[ran].refuse(MemberError(.overloaded, "the write does not fit into the cache: \(error)"))
        return
      }
      for request in requests { request.refuse(error) }
      breakDown(error)
      return
    }
    var again = requests
    again[ran].attempts += 1
    waiting = again + waiting
  }

  func rollBack() {
    // A rollback that fails means that the engine has stopped, which the next call says.
    try? tables.data.rollback()
    tables.knownCollections = []
  }

  /// Removes what a checkpoint no longer needs; false if that broke the member.
  private func sweepNow() -> Bool {
    let ids = sweepable
    sweepable = []
    do { try tables.sweep(ids) } catch {
      breakDown(error)
      return false
    }
    return true
  }

  /// Writes all committed data into the table files and removes what nothing needs any more.
  public func checkpoint() async {
    guard !isClosed else { return }
    let live = generation.id
    let applied = core.appliedIndex
    do {
      let dropped = try tables.droppedCollections()
      guard try await checkpointer.checkpoint(live) else { return }
      if !isClosed, generation.id == live { checkpointedIndex = max(checkpointedIndex, applied) }
      await recordAcknowledged()
      if !dropped.isEmpty { await readers.release(dropped) }
      guard !isClosed, generation.id == live else { return }
      sweepable = dropped
      pump()
      try await trimOplog()
    } catch {
      guard generation.id == live, !error.isRetryable else { return }
      breakDown(error)
    }
  }

  /// How much of the engine's cache is in use; waits for a checkpoint under way. Nil if the engine can't say.
  public nonisolated func cacheUse() async -> CacheUse? { await checkpointer.cacheUse() }

  /// Holds back new batches and waits until none is on its way.
  func pause() async {
    isPaused = true
    guard batch != nil, !isClosed else { return }
    await withCheckedContinuation { idleWaiters.append($0) }
  }

  func finishPause() {
    let waiters = idleWaiters
    idleWaiters = []
    for waiter in waiters { waiter.resume() }
  }

  func resume() {
    isPaused = false
    pump()
  }

  /// Refuses new work, rolls an open batch back, closes the engine and wipes the keys. Closing twice is fine.
  public func close() async throws(MemberError) {
    if !isClosed {
      isClosed = true
      if let batch {
        rollBack()
        self.batch = nil
        batch.complete(MemberError(.outcomeUnknown, "the node closed while the write was on its way"))
      }
      refuseWaiting(MemberError(.closed, "the node is closing"))
      abandonChanges("the node closed")
      finishPause()
    }
    retireStatus()
    await copyRun?.cancel()
    // A swap past its point of no return ends first: it holds sessions of both generations.
    while isSwapping { await withCheckedContinuation { swapWaiters.append($0) } }
    await closeCopies { _ in true }
    await readers.close()
    await checkpointer.close()
    tables.close()
    defer { thread.stop() }
    for old in abandoned { try? old.close() }
    try generation.close()
  }

  /// A closed member is nobody's primary.
  func retireStatus() {
    snapshot.withLock { status in
      status.takesWrites = false
      if status.role == .primary { status.role = .secondary }
    }
    statusObserver.notify()
  }
}
