// SPDX-License-Identifier: GPL-3.0-or-later
internal import ReplicationCore
internal import Synchronization

/// Whoever is to be told when a member's part changes.
final class StatusObserver: Sendable {
  private let body = Mutex<(@Sendable () -> Void)?>(nil)

  func observe(_ body: @Sendable @escaping () -> Void) { self.body.withLock { $0 = body } }

  func notify() { body.withLock { $0 }?() }
}

extension ReplicaMember {
  /// Has `body` called after each change of the member's role, of taking writes, of term, primary or voters, from the
  /// member's thread: it must not wait. There is one observer.
  public nonisolated func observeStatus(_ body: @Sendable @escaping () -> Void) { statusObserver.observe(body) }

  /// Shows everybody where the member stands, and tells the observer if that changes its part.
  func publishStatus() {
    var status = MemberStatus(core, outline: tables.oplogIndex?.outline)
    status.peers = core.peers(now: now)
    status.waitingWriters = waiting.count
    let isCurrent = core.leader != nil && core.appliedIndex >= max(core.commitIndex, core.leaderCommit)
    let seen = ContinuousClock.now
    let changed = snapshot.withLock { shown in
      status.currentAt = isCurrent ? seen : shown.currentAt
      defer { shown = status }
      return shown.role != status.role || shown.takesWrites != status.takesWrites || shown.term != status.term
        || shown.primary != status.primary || shown.voters != status.voters || shown.isReadable != status.isReadable
    }
    if changed { statusObserver.notify() }
  }
}
