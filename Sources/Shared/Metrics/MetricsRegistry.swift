// SPDX-License-Identifier: GPL-3.0-or-later
internal import Synchronization

/// Everything one daemon measures: counters and histograms that others raise, and sources that each scrape asks.
///
/// A scrape must never wait for what it watches: sources read snapshots, and neither wait for an actor nor for a disk.
public final class MetricsRegistry: Sendable {
  private let sources = Mutex<[@Sendable (inout MetricsPage) -> Void]>([])

  /// An empty registry.
  public init() {}

  /// Shows a counter from now on.
  public func add(_ counter: Counter) { onScrape { counter.write(to: &$0) } }

  /// Shows a histogram from now on.
  public func add(_ histogram: Histogram) { onScrape { histogram.write(to: &$0) } }

  /// Asks `source` at every scrape; it must return at once.
  public func onScrape(_ source: @Sendable @escaping (inout MetricsPage) -> Void) {
    sources.withLock { $0.append(source) }
  }

  /// The values of this moment.
  public func page() -> MetricsPage {
    var page = MetricsPage()
    for source in sources.withLock({ $0 }) { source(&page) }
    return page
  }
}
