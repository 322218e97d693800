// SPDX-License-Identifier: GPL-3.0-or-later

/// The only source of chance in a simulation: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), replayed by its seed.
struct SimulationRandom {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// Evenly from `range`.
  mutating func within(_ range: ClosedRange<Int64>) -> Int64 {
    range.lowerBound + Int64(next() % UInt64(range.upperBound - range.lowerBound + 1))
  }

  /// True `perMille` times in a thousand.
  mutating func chance(_ perMille: Int64) -> Bool { within(0...999) < perMille }

  mutating func pick<Element>(_ elements: [Element]) -> Element? {
    elements.isEmpty ? nil : elements[Int(next() % UInt64(elements.count))]
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
