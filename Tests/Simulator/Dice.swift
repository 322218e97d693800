// SPDX-License-Identifier: GPL-3.0-or-later
internal import ReplicationCore

/// The only source of chance in a simulation, replayed by its seed.
package struct Dice: RandomNumberGenerator {
  private var state: SplitMix64

  package init(seed: UInt64) { state = SplitMix64(seed: seed) }

  package mutating func next() -> UInt64 { state.next() }

  /// Evenly from `range`.
  mutating func within(_ range: ClosedRange<Int64>) -> Int64 {
    range.lowerBound + Int64(state.next() % UInt64(range.upperBound - range.lowerBound + 1))
  }

  /// True `perMille` times in a thousand.
  mutating func chance(_ perMille: Int64) -> Bool { perMille > 0 && Int64(state.next() % 1000) < perMille }

  /// True `perMillion` times in a million.
  mutating func rarely(_ perMillion: Int64) -> Bool { perMillion > 0 && Int64(state.next() % 1_000_000) < perMillion }

  mutating func pick<Element>(_ elements: [Element]) -> Element? {
    elements.isEmpty ? nil : elements[Int(state.next() % UInt64(elements.count))]
  }

  /// The text of a UUID.
  mutating func uuid() -> String {
    func hex(_ value: UInt64, _ digits: Int) -> String {
      let text = String(value, radix: 16)
      return String(String(repeating: "0", count: 16 - text.count) + text).suffix(digits).description
    }
    return [hex(next(), 8), hex(next(), 4), "4" + hex(next(), 3), "8" + hex(next(), 3), hex(next(), 12)]
      .joined(separator: "-")
  }
}
