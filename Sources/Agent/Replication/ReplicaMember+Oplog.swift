// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import EncryptedStore
internal import Glibc
internal import Logging
public import ReplicationCore

/// What a member's oplog may become, and by which clock.
public struct OplogOptions: Sendable {
  /// How much is kept.
  public var retention: OplogRetention
  /// Milliseconds since 1970.
  public var wallClock: @Sendable () -> Int64

  /// Makes options of their parts.
  public init(
    retention: OplogRetention = OplogRetention(), wallClock: @Sendable @escaping () -> Int64 = OplogOptions.systemClock
  ) {
    self.retention = retention
    self.wallClock = wallClock
  }

  /// The system's clock.
  public static let systemClock: @Sendable () -> Int64 = {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}

/// Keeping the oplog within its limits.
extension ReplicaMember {
  /// Removes what the retention rule lets go, in steps of some segments, each in a transaction of the checkpoint's
  /// thread, so that batches go on. Called after each checkpoint: nothing beyond one may go.
  func trimOplog() async throws(MemberError) {
    let live = generation.id
    while !isClosed, !isSwapping, generation.id == live, let cut = nextCut() {
      guard let base = core.log.position(at: cut.index), base.index > core.log.base.index else { return }
      let membership = core.memberships.membership(at: base.index)
      // Nobody asks for entries before the new base once Raft knows of it; should the removal not become durable, a
      // start finds the old base with all its entries.
      do { try core.onLogTruncatedBefore(base: base) } catch { throw MemberError(.damaged, error.description) }
      tables.oplogIndex?.outline.trim(to: base.index)
      for hold in holds { hold.noteTrim(to: base.index) }
      if cut.isForced { logger.warning("the oplog's ceiling takes entries that are young or needed by a copy") }
      guard try await checkpointer.trim(live, to: base, membership: membership) else { return }
    }
    publishStatus()
  }

  private func nextCut() -> OplogRetention.Cut? {
    let now = ContinuousClock.now
    holds.removeAll { $0.isOver(at: now) }
    guard let outline = tables.oplogIndex?.outline else { return nil }
    return oplog.retention.nextCut(
      of: outline, limit: min(checkpointedIndex, core.appliedIndex, core.persistedIndex),
      held: holds.map(\.index).min() ?? .max, nowMilliseconds: oplog.wallClock())
  }

  /// Keeps the entries after `index` until the hold has ended, unless the oplog's ceiling forces them out.
  func holdOplog(after index: UInt64) -> OplogHold {
    let hold = OplogHold(after: index)
    hold.noteTrim(to: core.log.base.index)
    holds.append(hold)
    return hold
  }

  /// How the oplog stands for a copy that needs the entries after `start`.
  func copyOplog(after start: UInt64) -> CopyOplog {
    let seconds = tables.oplogIndex?.outline.secondsUntilForced(
      from: start, ceiling: oplog.retention.ceilingBytes, nowMilliseconds: oplog.wallClock())
    return CopyOplog(base: core.log.base.index, seconds: seconds ?? 0)
  }

  /// What a new generation's oplog has to start with if its data shows `copied`: it carries the entries after that, and
  /// none before. Throws `syncOutrun` if this member's oplog does not hold that position.
  func oplogTail(from copied: LogPosition) throws(MemberError) -> (base: LogPosition, membership: Membership) {
    guard core.log.contains(copied) else {
      throw MemberError(
        .syncOutrun,
        "the copy's position \(copied) is not in this member's oplog, which reaches from \(core.log.base) to "
          + "\(core.lastPosition)")
    }
    return (copied, core.memberships.membership(at: copied.index))
  }

  /// The entries with the time at which this primary took them, if nobody gave them one.
  func stamped(_ entries: [LogEntry]) -> [LogEntry] {
    guard entries.contains(where: { $0.time == 0 }) else { return entries }
    let now = oplog.wallClock()
    return entries.map { entry in
      var entry = entry
      if entry.time == 0 { entry.time = now }
      return entry
    }
  }
}
