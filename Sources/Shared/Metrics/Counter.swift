// SPDX-License-Identifier: GPL-3.0-or-later
internal import Synchronization

/// A count that only grows, one for each set of label values; may be raised from any thread.
public final class Counter: Sendable {
  /// What is counted.
  public let metric: Metric
  private let values = Mutex<[[String]: UInt64]>([:])

  /// Makes a counter at 0; without labels it is shown from the start.
  public init(_ metric: Metric) {
    precondition(metric.kind == .counter, "\(metric.name) is no counter")
    self.metric = metric
    if metric.labels.isEmpty { values.withLock { $0[[]] = 0 } }
  }

  /// Raises the count of these label values.
  ///
  /// Once there are `MetricsPage.maximumSeries` sets of values, further ones count as the set of `other`s.
  public func add(_ amount: UInt64 = 1, _ labels: String...) {
    precondition(labels.count == metric.labels.count, "\(metric.name) has labels \(metric.labels)")
    values.withLock { values in
      let known = values.count < MetricsPage.maximumSeries || values[labels] != nil
      let key = known ? labels : labels.map { _ in "other" }
      values[key, default: 0] &+= amount
    }
  }

  /// The count of these label values.
  public func value(_ labels: String...) -> UInt64 { values.withLock { $0[labels] ?? 0 } }

  func write(to page: inout MetricsPage) {
    for (labels, value) in values.withLock({ $0 }) { page.set(metric, Double(value), labels) }
  }
}
