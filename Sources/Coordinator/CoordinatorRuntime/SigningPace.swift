// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore

/// How fast requests to assume a role are signed: a bucket of them for each account, over all nodes, which can't share
/// one among themselves. A value without clock.
///
/// A node whose turn has not come is told when it will; it keeps that turn for a while, so that a thousand nodes which
/// start at once are spread, and none of them is overtaken again and again.
struct SigningPace: Sendable {
  /// Signatures that an account's bucket holds.
  static let burst = 100.0
  /// Signatures in a second that refill it. STS takes 600 calls a second of an account in a region.
  static let perSecond = 100.0
  /// How long a turn that came is kept, in milliseconds.
  static let keptFor: Int64 = 60_000

  private struct Bucket: Sendable {
    var tokens: Double
    var filledAt: Instant
  }

  private struct Turn: Hashable {
    let account: String
    let node: NodeName
  }

  private var buckets: [String: Bucket] = [:]
  private var turns: [Turn: Instant] = [:]

  /// How many nodes have a turn that they have not taken.
  var waiting: Int { turns.count }

  /// Takes a turn: nil if it is now, else the milliseconds until it comes.
  mutating func take(_ account: String, by node: NodeName, now: Instant) -> UInt64? {
    // One that lies far ahead is of a clock that was set back since.
    turns = turns.filter { abs(now.milliseconds - $0.value.milliseconds) < Self.keptFor }
    let turn = Turn(account: account, node: node)
    if let due = turns[turn] {
      guard due <= now else { return UInt64(due.milliseconds - now.milliseconds) }
      turns[turn] = nil
      return nil
    }
    var bucket = buckets[account] ?? Bucket(tokens: Self.burst, filledAt: now)
    let passed = Double(max(0, now.milliseconds - bucket.filledAt.milliseconds)) / 1000
    bucket.tokens = min(Self.burst, bucket.tokens + passed * Self.perSecond) - 1
    bucket.filledAt = now
    buckets[account] = bucket
    guard bucket.tokens < 0 else { return nil }
    let wait = Int64((-bucket.tokens / Self.perSecond * 1000).rounded(.up))
    turns[turn] = Instant(milliseconds: now.milliseconds + wait)
    return UInt64(wait)
  }
}
