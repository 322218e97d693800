// SPDX-License-Identifier: GPL-3.0-or-later

extension OplogOutline {
  /// How many of the last segments tell how fast the oplog grows.
  static let paceSegments = 8

  /// How many bytes are written a second, by the last segments and the time since; nil while that can't be told.
  public func bytesPerSecond(nowMilliseconds now: Int64) -> Double? {
    let recent = segments.suffix(Self.paceSegments) + (open.map { [$0] } ?? [])
    guard let first = recent.first(where: { $0.firstTime > 0 }), now > first.firstTime else { return nil }
    return Double(recent.reduce(0) { $0 + $1.bytes }) * 1000 / Double(now - first.firstTime)
  }

  /// For how many seconds the entries after `start` stay, if somebody needs them, until they alone exceed `ceiling`; at
  /// least 1. Nil if that can't be told, or is longer than a year.
  public func secondsUntilForced(from start: UInt64, ceiling: UInt64, nowMilliseconds now: Int64) -> UInt64? {
    guard let pace = bytesPerSecond(nowMilliseconds: now), pace > 0 else { return nil }
    let after = segments.reversed().prefix { $0.lastIndex > start }.reduce(open?.bytes ?? 0) { $0 + $1.bytes }
    let seconds = Double(ceiling - min(ceiling, after)) / pace
    return seconds < 365 * 86_400 ? max(1, UInt64(seconds)) : nil
  }
}
