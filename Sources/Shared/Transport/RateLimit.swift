// SPDX-License-Identifier: GPL-3.0-or-later

/// Lets one of many equal log lines through per minute, so that a hostile peer can't fill the disk with them.
struct RateLimit {
  /// How long a line stays the only one of its kind.
  static let window: Duration = .seconds(60)
  /// How many kinds are told apart; above it, further kinds count as one.
  static let maximumKinds = 1_024

  private var last: [String: ContinuousClock.Instant] = [:]

  /// Whether a line of this kind may be written now.
  mutating func allows(_ kind: String, now: ContinuousClock.Instant) -> Bool {
    if last.count >= Self.maximumKinds { last = last.filter { now - $0.value < Self.window } }
    let key = last.count < Self.maximumKinds || last[kind] != nil ? kind : ""
    if let before = last[key], now - before < Self.window { return false }
    last[key] = now
    return true
  }
}
