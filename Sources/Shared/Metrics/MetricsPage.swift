// SPDX-License-Identifier: GPL-3.0-or-later

/// The values of one moment, and how they are written: Prometheus' text format 0.0.4.
public struct MetricsPage: Sendable {
  /// How many series one metric may have; further ones are left out and counted.
  public static let maximumSeries = 1_000
  /// The media type of `text`.
  public static let contentType = "text/plain; version=0.0.4; charset=utf-8"
  /// What is said of series that were left out.
  static let dropped = Metric(
    .gauge, "keyfold_metrics_dropped_series", "Series left out of this page because a metric has too many.")

  private struct Distribution: Sendable {
    let bounds: [Double]
    let buckets: [UInt64]
    let sum: Double
  }

  private var values: [Metric: [[String]: Double]] = [:]
  private var distributions: [Metric: Distribution] = [:]
  private var droppedSeries = 0

  /// An empty page.
  public init() {}

  /// Sets the value of one series; a second value for the same labels takes the place of the first.
  public mutating func set(_ metric: Metric, _ value: Double, _ labels: [String] = []) {
    precondition(labels.count == metric.labels.count, "\(metric.name) has the labels \(metric.labels)")
    if values[metric]?[labels] == nil, values[metric, default: [:]].count >= Self.maximumSeries {
      droppedSeries += 1
      return
    }
    values[metric, default: [:]][labels] = value
  }

  /// Sets the value of one series to a whole number.
  public mutating func set(_ metric: Metric, _ value: some BinaryInteger, _ labels: [String] = []) {
    set(metric, Double(value), labels)
  }

  /// Sets one series to 1 or 0.
  public mutating func set(_ metric: Metric, _ value: Bool, _ labels: [String] = []) {
    set(metric, value ? 1 : 0, labels)
  }

  /// Sets all states of a metric whose one label names them: 1 for the one that holds, 0 for the others.
  public mutating func set(_ metric: Metric, state: String?, of all: [String], _ labels: [String] = []) {
    for name in all { set(metric, name == state, labels + [name]) }
  }

  mutating func set(_ metric: Metric, bounds: [Double], buckets: [UInt64], sum: Double) {
    distributions[metric] = Distribution(bounds: bounds, buckets: buckets, sum: sum)
  }

  /// The page as text: metrics by name, series by labels.
  public func text() -> String {
    var all = values
    all[Self.dropped] = [[]: Double(droppedSeries)]
    var lines: [String] = []
    for metric in (Array(all.keys) + Array(distributions.keys)).sorted(by: { $0.name < $1.name }) {
      lines.append("# HELP \(metric.name) \(Self.escaped(metric.help, quotes: false))")
      lines.append("# TYPE \(metric.name) \(metric.kind.rawValue)")
      if let distribution = distributions[metric] { Self.write(distribution, of: metric, to: &lines) }
      for (labels, value) in (all[metric] ?? [:]).sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
        lines.append("\(metric.name)\(Self.labels(metric.labels, labels)) \(Self.number(value))")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func write(_ distribution: Distribution, of metric: Metric, to lines: inout [String]) {
    var total: UInt64 = 0
    for (bound, count) in zip(distribution.bounds.map(number) + ["+Inf"], distribution.buckets) {
      total &+= count
      lines.append("\(metric.name)_bucket{le=\"\(bound)\"} \(total)")
    }
    lines.append("\(metric.name)_sum \(number(distribution.sum))")
    lines.append("\(metric.name)_count \(total)")
  }

  private static func labels(_ names: [String], _ values: [String]) -> String {
    if names.isEmpty { return "" }
    return "{" + zip(names, values).map { "\($0)=\"\(escaped($1, quotes: true))\"" }.joined(separator: ",") + "}"
  }

  /// Backslash and line feed, and in values of labels the quotation mark, are written with a backslash in front. By
  /// scalars: a carriage return before a line feed is one character to Swift.
  private static func escaped(_ text: String, quotes: Bool) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result.append(contentsOf: "\\\\".unicodeScalars)
      case "\n": result.append(contentsOf: "\\n".unicodeScalars)
      case "\"" where quotes: result.append(contentsOf: "\\\"".unicodeScalars)
      default: result.append(scalar)
      }
    }
    return String(result)
  }

  private static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
    // Below 2^53 every whole number is exact.
    return value == value.rounded() && abs(value) < 9_007_199_254_740_992 ? String(Int64(value)) : String(value)
  }
}
