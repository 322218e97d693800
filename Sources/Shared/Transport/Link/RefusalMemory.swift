// SPDX-License-Identifier: GPL-3.0-or-later
internal import Synchronization

/// How often the other side refused us since the last connection, and why.
final class RefusalMemory: Sendable {
  private struct State: Sendable {
    var last: RefusalReason?
    var count = 0
  }

  private let state = Mutex(State())

  /// Why the last try failed; nil if none did since the last connection.
  var last: RefusalReason? { state.withLock { $0.last } }

  /// Notes a refusal; answers whether it is certain. One that nobody explains may be a slow machine or a restart.
  func note(_ reason: RefusalReason) -> Bool {
    state.withLock { state in
      state.last = reason
      state.count += 1
      return reason == .keyRevoked || state.count > 1
    }
  }

  /// Forgets what was before a connection or another target.
  func reset() { state.withLock { $0 = State() } }
}
