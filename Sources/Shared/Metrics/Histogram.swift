// SPDX-License-Identifier: GPL-3.0-or-later
internal import Synchronization

/// Counts how many values were at most as large as each of a few bounds; may be told from any thread.
public final class Histogram: Sendable {
  /// What is measured.
  public let metric: Metric
  /// The upper bounds, rising; what is above the last counts as well.
  public let bounds: [Double]

  struct Counts: Sendable {
    /// One more than there are bounds; each value is counted once.
    var buckets: [UInt64]
    var sum = 0.0
  }

  private let counts: Mutex<Counts>

  /// Makes a histogram without values; the bounds have to rise.
  public init(_ metric: Metric, bounds: [Double]) {
    precondition(metric.kind == .histogram, "\(metric.name) is no histogram")
    precondition(
      !bounds.isEmpty && zip(bounds, bounds.dropFirst()).allSatisfy(<), "\(metric.name): bounds have to rise")
    self.metric = metric
    self.bounds = bounds
    counts = Mutex(Counts(buckets: Array(repeating: 0, count: bounds.count + 1)))
  }

  /// Bounds for times from a tenth of a millisecond to ten seconds.
  public static let seconds: [Double] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
  ]

  /// Adds a value; one that is no number is left out.
  public func record(_ value: Double) {
    guard value.isFinite else { return }
    let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
    counts.withLock { counts in
      counts.buckets[bucket] &+= 1
      counts.sum += value
    }
  }

  /// Adds a time, in seconds.
  public func record(_ duration: Duration) { record(duration / .seconds(1)) }

  /// How many values there were.
  public var count: UInt64 { counts.withLock { $0.buckets.reduce(0, &+) } }

  func write(to page: inout MetricsPage) {
    let counts = counts.withLock { $0 }
    page.set(metric, bounds: bounds, buckets: counts.buckets, sum: counts.sum)
  }
}
