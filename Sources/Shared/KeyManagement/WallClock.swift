// SPDX-License-Identifier: GPL-3.0-or-later

internal import FoundationEssentials

/// Where the time of day comes from; a test gives its own.
public struct WallClock: Sendable {
  /// The present, milliseconds since 1970.
  public let nowMilliseconds: @Sendable () -> Int64

  /// Makes a clock of a function that tells milliseconds since 1970.
  public init(nowMilliseconds: @escaping @Sendable () -> Int64) { self.nowMilliseconds = nowMilliseconds }

  /// The machine's own clock.
  public static let system = WallClock { Int64(Date().timeIntervalSince1970 * 1000) }

  /// The present, whole seconds since 1970.
  public var nowSeconds: Int64 { nowMilliseconds() / 1000 }
}
