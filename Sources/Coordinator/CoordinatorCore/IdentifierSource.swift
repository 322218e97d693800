// SPDX-License-Identifier: GPL-3.0-or-later

/// The core's only randomness: two SplitMix64 streams (Steele, Lea, Flood, OOPSLA 2014) that make UUIDs and jitter.
///
/// The shell seeds both from the system at each start; a simulation seeds them with a number that replays the run. The
/// ids made here name things, they protect nothing.
public struct IdentifierSource: Sendable {
  private var high: UInt64
  private var low: UInt64

  /// Seeds both streams; a production shell draws both from the system.
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// The text of a fresh UUID, version 4, lower case (RFC 9562, section 5.4).
  mutating func uuid() -> String {
    let first = Self.next(&high) & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
    let second = Self.next(&low) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    let digits = Self.hex(first) + Self.hex(second)
    var text = ""
    for (offset, digit) in digits.enumerated() {
      if [8, 12, 16, 20].contains(offset) { text.append("-") }
      text.append(digit)
    }
    return text
  }

  /// A span between 0 and `limit`, evenly.
  mutating func jitter(upTo limit: Duration) -> Duration {
    let bound = limit.wholeMilliseconds
    guard bound > 0 else { return .zero }
    return .milliseconds(Int64(Self.next(&low) % (UInt64(bound) + 1)))
  }

  private static func next(_ state: inout UInt64) -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  private static func hex(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
