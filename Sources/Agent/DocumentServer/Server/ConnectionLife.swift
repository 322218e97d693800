// SPDX-License-Identifier: GPL-3.0-or-later
internal import Synchronization

/// Whether anybody still waits for the answer to a command.
///
/// It travels with the task that runs the command, so that a scan on a storage thread can look at it; a write, which
/// runs in the primary's batch, does not see it and always ends as it would.
final class ConnectionLife: Sendable {
  /// The life of the connection whose command this task runs, nil if it runs for none.
  @TaskLocal static var current: ConnectionLife?

  private let hasEnded = Atomic<Bool>(false)
  private let watcher = Mutex<(@Sendable () -> Void)?>(nil)

  /// Whether the driver has gone.
  var isOver: Bool { hasEnded.load(ordering: .relaxed) }

  /// The driver has gone; whoever watches is told.
  func end() {
    let body = watcher.withLock { watcher in
      hasEnded.store(true, ordering: .relaxed)
      return watcher.take()
    }
    body?()
  }

  /// Calls `body` when the driver goes, at once if it has gone. A connection runs one command at a time, so there is
  /// one watcher, until `unwatch`.
  func watch(_ body: @Sendable @escaping () -> Void) {
    let isLate = watcher.withLock { watcher in
      if !isOver { watcher = body }
      return isOver
    }
    if isLate { body() }
  }

  /// Nobody watches any more.
  func unwatch() { watcher.withLock { $0 = nil } }
}
