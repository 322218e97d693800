// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import EncryptedStore
internal import ReplicationCore

/// Group commit: one batch at a time, made of whoever waits when the one before is done.
extension ReplicaMember {
  /// Starts batches as long as there are writers and none is on its way.
  func pump() {
    while batch == nil, !isPaused, !isPerforming, !isClosed {
      if !sweepable.isEmpty, !sweepNow() { return }
      guard !waiting.isEmpty else { return }
      guard core.acceptsProposals else {
        if core.role != .leader { refuseWaiting(notPrimary) }
        return
      }
      runBatch()
    }
  }

  private func runBatch() {
    let requests = waiting
    waiting = []
    var completions: [WriteRequest.Completion] = []
    var next = 0
    do throws(MemberError) {
      try tables.storing { try tables.data.begin() }
      let view = WriteView(tables)
      while next < requests.count, !view.isFull {
        completions.append(try requests[next].run(view))
        next += 1
      }
      waiting = Array(requests[next...]) + waiting
      if view.operationCount == 0 {
        try tables.storing { try tables.data.rollback() }
        for completion in completions { completion(nil) }
        return
      }
      propose(view.finishedRecord(), completions)
    } catch {
      abandon(requests, ran: next, error)
    }
  }

  private func propose(_ record: [UInt8], _ completions: [WriteRequest.Completion]) {
    switch core.onPropose([record], now: now) {
    case .accepted(let first, _, let directives):
      batch = WriteBatch(index: first.index, completions: completions)
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

  private func rollBack() {
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
    do {
      let live = generation.id
      let dropped = batch == nil ? try tables.droppedCollections() : []
      try await checkpointer.checkpoint()
      guard !isClosed, generation.id == live else { return }
      sweepable += dropped
      pump()
    } catch { breakDown(error) }
  }

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
      finishPause()
    }
    await closeCopies()
    await readers.close()
    await checkpointer.close()
    tables.close()
    try generation.close()
    thread.stop()
  }
}
