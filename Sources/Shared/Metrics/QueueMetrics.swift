// SPDX-License-Identifier: GPL-3.0-or-later

/// Queues and tables beside their limits, the same for every daemon: what fills up shows before it overflows.
public enum QueueMetrics {
  static let items = Metric(.gauge, "keyfold_queue_items", labels: ["queue"], "What a queue or table holds.")
  static let itemLimit = Metric(.gauge, "keyfold_queue_items_limit", labels: ["queue"], "How much it may hold.")
  static let bytes = Metric(
    .gauge, "keyfold_queue_bytes", labels: ["queue"], "Memory that a queue or table holds, in bytes.")
  static let byteLimit = Metric(
    .gauge, "keyfold_queue_bytes_limit", labels: ["queue"], "How much memory it may hold, in bytes.")
  static let refused = Metric(
    .counter, "keyfold_queue_refused_total", labels: ["queue"], "What a queue refused or dropped for want of room.")

  /// All that is measured here.
  public static let all = [items, itemLimit, bytes, byteLimit, refused]
}

extension MetricsPage {
  /// Shows how many things a queue holds and may hold.
  public mutating func setQueue(_ name: String, items: Int, limit: Int) {
    set(QueueMetrics.items, items, [name])
    set(QueueMetrics.itemLimit, limit, [name])
  }

  /// Shows how many bytes a queue holds and may hold.
  public mutating func setQueue(_ name: String, bytes: Int, limit: Int) {
    set(QueueMetrics.bytes, bytes, [name])
    set(QueueMetrics.byteLimit, limit, [name])
  }

  /// Shows how much a queue refused since the start.
  public mutating func setQueue(_ name: String, refused: UInt64) { set(QueueMetrics.refused, refused, [name]) }
}
