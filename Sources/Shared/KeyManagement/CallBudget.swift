// SPDX-License-Identifier: GPL-3.0-or-later

package import ClusterModel
internal import Synchronization

/// How many calls one process makes to one account of a provider: a token bucket each, shared by all its services.
///
/// Processes on different machines cannot share a bucket: what a fleet's nodes send together is bounded by the start
/// slots that the coordinator gives out, and by what throttled nodes do: they come again after a random pause that
/// doubles (`RetrySchedule`), inside the agent's own, longer, schedule. The buckets keep one process with many
/// projects, or a loop gone wrong, from using up an account; they refill at `KMSQuota.callsPerSecond`.
package final class CallBudget: Sendable {
  /// Calls an account's bucket holds.
  package static let burst = 100.0
  /// The most accounts remembered; beyond it the least recently used is forgotten.
  package static let maximumAccounts = 1024

  /// Calls per second that refill a bucket.
  package static func callsPerSecond(_ provider: KMSProvider) -> Double { Double(KMSQuota.callsPerSecond(provider)) }

  struct Bucket: Sendable {
    var tokens: Double
    var filledAt: ContinuousClock.Instant

    /// Takes a token, and says how long to wait before it may be used.
    mutating func take(at now: ContinuousClock.Instant, perSecond: Double) -> Duration {
      let passed = max(0, filledAt.duration(to: now) / .seconds(1))
      tokens = min(CallBudget.burst, tokens + passed * perSecond) - 1
      filledAt = now
      return tokens >= 0 ? .zero : .seconds(-tokens / perSecond)
    }
  }

  /// One account's share.
  package struct Share: Sendable {
    let budget: CallBudget
    let provider: KMSProvider
    let account: String

    /// Waits for a call; false if that would take longer than `limit`, and the call is not counted then.
    package func take(within limit: Duration) async -> Bool {
      guard let wait = budget.reserve(provider, account, within: limit, now: .now) else { return false }
      if wait > .zero { try? await Task.sleep(for: wait) }
      return !Task.isCancelled
    }
  }

  private let buckets = Mutex<[String: Bucket]>([:])

  /// Makes a budget with full buckets.
  package init() {}

  /// The share of one account of a provider.
  package func share(_ provider: KMSProvider, account: String) -> Share {
    Share(budget: self, provider: provider, account: account)
  }

  /// What has a bucket now.
  var names: [String] { buckets.withLock { $0.keys.sorted() } }

  /// Takes a call and says how long to wait for it; nil, and nothing taken, if that is longer than `limit`.
  func reserve(_ provider: KMSProvider, _ account: String, within limit: Duration, now: ContinuousClock.Instant)
    -> Duration?
  {
    let name = "\(provider.rawValue) \(account)"
    return buckets.withLock { buckets in
      var bucket = buckets[name] ?? Bucket(tokens: Self.burst, filledAt: now)
      let wait = bucket.take(at: now, perSecond: Self.callsPerSecond(provider))
      guard wait < limit else { return nil }
      if buckets[name] == nil, buckets.count >= Self.maximumAccounts,
        let oldest = buckets.min(by: { $0.value.filledAt < $1.value.filledAt })?.key
      {
        buckets[oldest] = nil
      }
      buckets[name] = bucket
      return wait
    }
  }
}
