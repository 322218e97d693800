// SPDX-License-Identifier: GPL-3.0-or-later
import Synchronization

/// A clock that stands still until a test moves it.
final class TestClock: Sendable {
  private let state = Mutex(ContinuousClock.now)

  var instant: ContinuousClock.Instant { state.withLock { $0 } }

  func advance(by duration: Duration) { state.withLock { $0 += duration } }
}
