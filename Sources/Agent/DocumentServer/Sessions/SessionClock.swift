// SPDX-License-Identifier: GPL-3.0-or-later
internal import Synchronization

/// The time by which sessions expire: replicated with the sessions, and never ahead of the time that really passed.
///
/// A primary goes on from the time its predecessor wrote down and adds only what its own steady clock counts. A clock
/// of the day that is wrong on one node, or jumps, therefore makes no session expire early; while there is no primary
/// the time stands still, which only lets sessions live longer.
final class SessionClock: Sendable {
  private let anchor = Mutex<(time: Int64, at: ContinuousClock.Instant)?>(nil)
  private let steady: @Sendable () -> ContinuousClock.Instant

  init(_ steady: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }) { self.steady = steady }

  /// The time now, in milliseconds, given what was written down last; nil if nothing ever was.
  func now(after written: Int64?) -> Int64 {
    let instant = steady()
    return anchor.withLock { anchor in
      let elapsed = anchor.map { $0.time + Int64((instant - $0.at) / .milliseconds(1)) }
      // The very first time is the clock of the day's, so that a reader knows what he sees.
      let time = [elapsed, written].compactMap { $0 }.max() ?? WallClock.milliseconds()
      if anchor == nil || time != elapsed { anchor = (time, instant) }
      return time
    }
  }
}
