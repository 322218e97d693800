// SPDX-License-Identifier: GPL-3.0-or-later

/// When a failed call is repeated: exponential back-off with full jitter, inside the caller's deadline.
struct RetrySchedule: Sendable {
  /// The most attempts of one call, however long the deadline is.
  static let maximumAttempts = 6
  /// The longest pause before the first repetition; it doubles with each one.
  static let firstPause = Duration.milliseconds(100)
  /// The longest pause at all.
  static let longestPause = Duration.seconds(5)
  /// The longest time one attempt may take, so that one lost packet does not use up a long deadline.
  static let longestAttempt = Duration.seconds(10)

  /// The pause after `attempt` failed attempts; nil when it is time to give up. `random` is in 0..<1.
  ///
  /// What the service `asked` for is the least; chance comes on top, because others were told the same.
  static func pause(after attempt: Int, remaining: Duration, random: Double, asked: Duration? = nil) -> Duration? {
    guard attempt >= 1, attempt < maximumAttempts else { return nil }
    let ceiling = min(longestPause, firstPause * (1 << min(attempt - 1, 10)))
    let pause = (asked ?? .zero) + ceiling * min(max(random, 0), 1)
    return pause < remaining ? pause : nil
  }
}
