// SPDX-License-Identifier: GPL-3.0-or-later
internal import FoundationEssentials

/// The time of day.
enum WallClock {
  /// Milliseconds since 1970.
  static func milliseconds() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
}
