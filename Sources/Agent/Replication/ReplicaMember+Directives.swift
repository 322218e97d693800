// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import EncryptedStore
internal import FailurePoints
internal import Logging
internal import ReplicationCore
internal import Synchronization

/// Performing Raft's directives: disk first, then everybody else.
extension ReplicaMember {
  /// Performs directives in order, and those that follow from them, until none is left. A disk that fails ends the
  /// member.
  func perform(_ new: [RaftDirective]) {
    directives += new
    guard !isPerforming, !isClosed else { return }
    isPerforming = true
    do {
      while !directives.isEmpty || hasUnflushed {
        if directives.isEmpty {
          try flush()
        } else {
          try performNext()
        }
      }
    } catch {
      isPerforming = false
      breakDown(MemberError.carrying(error))
      return
    }
    isPerforming = false
    publishStatus()
    pump()
  }

  private func performNext() throws {
    // What others could see waits for the disk, but entries may travel while the own copy is being synced.
    if hasUnflushed, let next = directives.first, next.waitsForEntries { try flush() }
    let directive = directives.removeFirst()
    switch directive {
    case .persistHardState(let state): try persist(state)
    case .truncateLog(let index): try truncate(after: index)
    case .appendEntries(let entries):
      FailurePoint.reach("oplog.append.before")
      try tables.append(stamped(entries))
      FailurePoint.reach("oplog.append.after")
      hasUnflushed = true
    case .send(let message, let member): network.send(message, to: member)
    case .sendEntries(let order):
      let entries = try tables.entries(
        after: order.after.index, upTo: order.upTo, budget: core.settings.maximumBatchBytes)
      network.send(order.message(with: entries), to: order.to)
    case .commitAdvanced(let index): try apply(upTo: index)
    case .becameFollower: loseOffice()
    case .needsInitialSync(let reason):
      logger.error("this member needs an initial sync", metadata: ["reason": "\(reason)"])
    case .peerNeedsInitialSync(let member):
      logger.warning("a member needs an initial sync", metadata: ["member": "\(member)"])
    case .becameLeader(let term): logger.info("elected primary", metadata: ["term": "\(term)"])
    case .leaderReady(let term): logger.info("primary takes writes", metadata: ["term": "\(term)"])
    case .lostAcknowledged(let term): try noteLoss(term)
    case .peerLostAcknowledged(let member, let position):
      logger.critical(
        "a member lost entries it had acknowledged; it counts for nothing until it has caught up",
        metadata: ["member": "\(member)", "acknowledged": "\(position)"])
    case .recoveryFinished: try noteRecovery()
    case .membershipChanged: break
    }
  }

  private func flush() throws {
    try tables.flushLog()
    FailurePoint.reach("oplog.sync.after")
    hasUnflushed = false
    directives += core.onPersisted(upTo: core.lastPosition, now: now)
  }

  /// Applies committed entries; the open batch's own by committing its transaction.
  private func apply(upTo last: UInt64) throws {
    var applied = core.appliedIndex
    while applied < last {
      if let batch, batch.index == applied + 1 {
        try commit(batch)
        applied += 1
        continue
      }
      let entries = try tables.entries(after: applied, upTo: last, budget: core.settings.maximumBatchBytes)
      guard let first = entries.first, first.position.index == applied + 1 else {
        throw MemberError(.damaged, "entry \(applied + 1) is missing from the oplog", file: MemberTables.oplog)
      }
      for entry in entries {
        if let batch, batch.index == entry.position.index { break }
        try tables.apply(entry)
        applied = entry.position.index
      }
    }
    tellSystemChanges()
    directives += core.onApplied(last, now: now)
    settleChanges(upTo: last)
  }

  private func commit(_ batch: WriteBatch) throws {
    guard let position = core.log.position(at: batch.index) else {
      throw MemberError(.damaged, "the batch's entry \(batch.index) left the oplog", file: MemberTables.oplog)
    }
    do {
      try tables.setApplied(position)
      try tables.data.commit()
    } catch let error as StoreError where error.isRetryable {
      // The entry is committed all the same: what the cache refused is applied from the oplog.
      rollBack()
      let entries = try tables.entries(after: batch.index - 1, upTo: batch.index, budget: 0)
      guard let entry = entries.first, entry.position == position else { throw error }
      try tables.apply(entry)
    }
    self.batch = nil
    tellSystemChanges()
    batch.complete(nil)
    finishPause()
  }

  /// The primary's part is lost: the open batch is rolled back (its entry may still be committed by the next primary).
  private func loseOffice() {
    if let batch {
      rollBack()
      self.batch = nil
      batch.complete(
        MemberError(
          .outcomeUnknown, "the primary stepped down while the write was on its way; it may still be committed"))
    }
    refuseWaiting(notPrimary)
    abandonChanges("the primary stepped down")
    finishPause()
  }

  func refuseWaiting(_ error: MemberError) {
    let refused = waiting
    waiting = []
    for request in refused { request.refuse(error) }
  }

  /// Disk or engine broke: nothing is guessed or retried; the owner closes the member.
  func breakDown(_ error: MemberError) {
    guard !isClosed else { return }
    isClosed = true
    retireStatus()
    logger.critical("the member stops", metadata: ["reason": "\(error)"])
    batch?.complete(MemberError(.outcomeUnknown, "the node's storage failed: \(error)"))
    batch = nil
    refuseWaiting(error)
    abandonChanges("the node's storage failed")
    finishPause()
    onFailure(error)
  }
}

extension RaftDirective {
  /// Whether it must not be performed before the entries told to the disk are durable.
  fileprivate var waitsForEntries: Bool {
    switch self {
    case .persistHardState, .truncateLog, .appendEntries, .sendEntries, .becameFollower: false
    default: true
    }
  }
}
