// SPDX-License-Identifier: GPL-3.0-or-later

/// A moment on the coordinator's clock: milliseconds since 1970.
public struct Instant: Sendable, Hashable, Comparable, Codable {
  /// Milliseconds since 1970-01-01T00:00:00Z.
  public var milliseconds: Int64

  /// Makes a moment of milliseconds since 1970.
  public init(milliseconds: Int64) { self.milliseconds = milliseconds }

  /// The earlier moment is smaller.
  public static func < (left: Instant, right: Instant) -> Bool { left.milliseconds < right.milliseconds }

  /// The moment `span` later; stops at the ends of time instead of wrapping.
  public static func + (left: Instant, span: Duration) -> Instant {
    Instant(milliseconds: left.milliseconds.addingClamped(span.wholeMilliseconds))
  }

  /// The moment `span` earlier; stops at the ends of time instead of wrapping.
  public static func - (left: Instant, span: Duration) -> Instant {
    Instant(milliseconds: left.milliseconds.addingClamped(0 - span.wholeMilliseconds))
  }

  /// The time from `right` to `left`, negative if `right` is later.
  public static func - (left: Instant, right: Instant) -> Duration {
    let (difference, overflow) = left.milliseconds.subtractingReportingOverflow(right.milliseconds)
    if overflow { return .milliseconds(left.milliseconds < right.milliseconds ? Int64.min + 1 : Int64.max) }
    return .milliseconds(max(difference, Int64.min + 1))
  }

  /// Decodes milliseconds.
  public init(from decoder: any Decoder) throws {
    milliseconds = try decoder.singleValueContainer().decode(Int64.self)
  }

  /// Encodes milliseconds.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(milliseconds)
  }
}

extension Instant {
  /// Whether `moment` lies less than `span` before this one. A moment after it does not: it is from before the clock
  /// was set back, and must hold nothing up.
  func isWithin(_ span: Duration, after moment: Instant) -> Bool { self >= moment && self - moment < span }
}

extension Int64 {
  func addingClamped(_ other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? (other < 0 ? .min : .max) : sum
  }
}

extension Duration {
  /// Whole milliseconds, cut to a range whose negation exists.
  var wholeMilliseconds: Int64 {
    let (seconds, fraction) = components
    let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1000)
    if overflow { return seconds < 0 ? Int64.min + 1 : Int64.max }
    return Swift.max(scaled.addingClamped(fraction / 1_000_000_000_000_000), Int64.min + 1)
  }

  /// Whole seconds for an operator's sentence: `12 s`.
  var spoken: String { "\(wholeMilliseconds / 1000) s" }
}
