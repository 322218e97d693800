// SPDX-License-Identifier: GPL-3.0-or-later

/// A small random number generator for timeouts: reproducible from a seed, never for keys.
///
/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (2014), with the published constants.
public struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// Starts the sequence of `seed`.
  public init(seed: UInt64) { state = seed }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// A duration in `low ..< high`, in 1,024 steps; `low` if the range is empty.
  mutating func duration(from low: Duration, to high: Duration) -> Duration {
    guard high > low else { return low }
    return low + (high - low) * Int(next() % 1024) / 1024
  }
}
