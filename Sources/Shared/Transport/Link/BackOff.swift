// SPDX-License-Identifier: GPL-3.0-or-later

/// How long to wait before the next try: doubling up to a maximum, jittered down to half, so that many links spread.
struct BackOff {
  private let minimum: Int
  private let maximum: Int
  private var failures = 0

  init(minimumMilliseconds: Int32, maximumMilliseconds: Int32) {
    minimum = max(Int(minimumMilliseconds), 1)
    maximum = max(Int(maximumMilliseconds), minimum)
  }

  /// The wait after one more failure.
  mutating func next(random: (ClosedRange<Int>) -> Int = { Int.random(in: $0) }) -> Duration {
    // 2^20 times any minimum is beyond any maximum in use; the shift can't overflow.
    let wait = min(minimum << min(failures, 20), maximum)
    failures += 1
    return .milliseconds(random(max(wait / 2, 1)...wait))
  }

  /// Forgets the failures.
  mutating func reset() { failures = 0 }
}
