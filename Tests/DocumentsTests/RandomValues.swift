// SPDX-License-Identifier: GPL-3.0-or-later
import Documents

/// SplitMix64: the same numbers for the same seed on every machine.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}

extension BSONValue {
  /// A value of any type, near the places where orders go wrong.
  static func random(using generator: inout SeededGenerator, depth: Int = 3) -> BSONValue {
    switch Int.random(in: 0..<22, using: &generator) {
    case 0: .double(randomDouble(using: &generator))
    case 1: .string(randomText(using: &generator))
    case 2 where depth > 0: .document(randomDocument(using: &generator, depth: depth - 1))
    case 3 where depth > 0:
      .array(
        of: (0..<Int.random(in: 0..<3, using: &generator)).map { _ in random(using: &generator, depth: depth - 1) })
    case 4:
      .binary(subtype: UInt8.random(in: 0...3, using: &generator), bytes: Array(randomText(using: &generator).utf8))
    case 5: .undefined
    case 6:
      .objectID(
        ObjectID(
          seconds: UInt32.random(in: 0...2, using: &generator), maker: 1,
          counter: UInt32.random(in: 0...2, using: &generator)))
    case 7: .bool(Bool.random(using: &generator))
    case 8: .date([Int64.min, -1, 0, 1, Int64.max].randomElement(using: &generator) ?? 0)
    case 9: .null
    case 10: .regex(pattern: randomKey(using: &generator), options: randomKey(using: &generator))
    case 11: .dbPointer(namespace: randomText(using: &generator), id: ObjectID(term: 1))
    case 12: .code(randomText(using: &generator))
    case 13: .symbol(randomText(using: &generator))
    case 14 where depth > 0:
      .codeWithScope(randomText(using: &generator), scope: randomDocument(using: &generator, depth: depth - 1))
    case 15: .int32([Int32.min, -1, 0, 1, 2, Int32.max].randomElement(using: &generator) ?? 0)
    case 16: .timestamp([0, 1, 1 << 32, UInt64.max].randomElement(using: &generator) ?? 0)
    case 17: .int64(randomInteger(using: &generator))
    case 18: .decimal128(Decimal128(high: 0x3040_0000_0000_0000, low: UInt64.random(in: 0...3, using: &generator)))
    case 19: .minKey
    case 20: .maxKey
    default: .int64(randomInteger(using: &generator))
    }
  }

  static func randomDocument(using generator: inout SeededGenerator, depth: Int = 3) -> Document {
    var builder = DocumentBuilder()
    for _ in 0..<Int.random(in: 0..<4, using: &generator) {
      builder.append(randomKey(using: &generator), random(using: &generator, depth: depth))
    }
    return builder.finish()
  }

  private static func randomDouble(using generator: inout SeededGenerator) -> Double {
    let chosen: [Double] = [
      0, -0.0, 1, -1, 0.5, 1.5, 9_007_199_254_740_992, 9_007_199_254_740_994, -9_007_199_254_740_992, 0x1p63, -0x1p63,
      0x1p62, .infinity, -.infinity, .nan, .leastNonzeroMagnitude, .greatestFiniteMagnitude,
    ]
    return chosen.randomElement(using: &generator) ?? 0
  }

  private static func randomInteger(using generator: inout SeededGenerator) -> Int64 {
    let chosen: [Int64] = [
      0, 1, -1, 9_007_199_254_740_991, 9_007_199_254_740_992, 9_007_199_254_740_993, -9_007_199_254_740_993,
      Int64.max, Int64.max - 1, Int64.min, Int64.min + 1, 1 << 62, (1 << 62) + 1, (1 << 62) - 1,
    ]
    return chosen.randomElement(using: &generator) ?? 0
  }

  private static func randomText(using generator: inout SeededGenerator) -> String {
    ["", "a", "a\0", "a\0b", "aa", "b", "é", "e\u{301}", "\u{FFFF}", "\u{10000}"].randomElement(using: &generator) ?? ""
  }

  private static func randomKey(using generator: inout SeededGenerator) -> String {
    ["", "a", "aa", "b", "é", "0"].randomElement(using: &generator) ?? ""
  }
}
