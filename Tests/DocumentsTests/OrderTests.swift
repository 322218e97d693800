// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Testing

@Suite("Values stand in MongoDB's order")
struct OrderTests {
  static let ascending: [BSONValue] = [
    .minKey, .undefined, .null, .double(.nan), .double(-.infinity), .int64(.min), -1, -0.5, 0,
    .double(.leastNonzeroMagnitude),
    1, 1.5, .int64(9_007_199_254_740_991), .double(9_007_199_254_740_992), .int64(9_007_199_254_740_993),
    .int64(.max), .double(0x1p63), .double(.infinity), "", "a", "a\0", "aa", "b", "é", [:], ["a": 1], ["a": 1, "b": 0],
    ["a": 2], ["b": 1], ["a": "x"], .array(of: []), [1], [1, 2], [2], ["a"], .binary(subtype: 0, bytes: []),
    .binary(subtype: 0, bytes: [9]), .binary(subtype: 1, bytes: [1]), .binary(subtype: 0, bytes: [0, 0]),
    .objectID(ObjectID(term: 1)), .objectID(ObjectID(term: 2)), false, true, .date(-1), .date(0), .timestamp(0),
    .timestamp(.max), .regex(pattern: "a", options: ""), .regex(pattern: "a", options: "i"),
    .dbPointer(namespace: "a", id: ObjectID(term: 1)), .code("a"), .codeWithScope("a", scope: [:]), .maxKey,
  ]

  @Test("orders all types and the values within them")
  func allPairs() {
    for (place, left) in OrderTests.ascending.enumerated() {
      for (other, right) in OrderTests.ascending.enumerated() {
        let expected: ValueOrder = place < other ? .before : place > other ? .after : .same
        #expect(left.order(right) == expected, "\(left) and \(right)")
      }
    }
  }

  @Test(
    "counts equal numbers of different types as the same",
    arguments: [
      (.int32(1), .int64(1)), (.int32(1), .double(1)), (.double(0), .double(-0.0)), (.int64(1 << 62), .double(0x1p62)),
      (.int32(3), .decimal128(Decimal128(high: 0x3040_0000_0000_0000, low: 3))),
      (.int32(3), .decimal128(Decimal128(high: 0x303E_0000_0000_0000, low: 30))), (.string("a"), .symbol("a")),
    ] as [(BSONValue, BSONValue)])
  func equivalence(_ left: BSONValue, _ right: BSONValue) throws {
    #expect(left.order(right) == .same)
    #expect(left != right)
    if left != .double(0) { #expect(try DocumentKey(left) == DocumentKey(right)) }
    #expect(try DocumentKey(["k": left]) == DocumentKey(["k": right]))
  }

  @Test("reads decimals exactly where they are whole numbers, else as the nearest double")
  func decimals() {
    #expect(Decimal128(high: 0x303E_0000_0000_0000, low: 1).exactInteger == nil)
    #expect(Decimal128(high: 0x303E_0000_0000_0000, low: 1).approximation == 0.1)
    #expect(Decimal128(high: 0xB040_0000_0000_0000, low: 5).exactInteger == -5)
    #expect(Decimal128(high: 0x7800_0000_0000_0000, low: 0).approximation == .infinity)
    #expect(Decimal128(high: 0x7C00_0000_0000_0000, low: 0).approximation.isNaN)
    #expect(Decimal128(high: 0x3040_0000_0000_0000, low: .max).exactInteger == nil)
    #expect(Decimal128(high: 0x5FFE_0000_0000_0000, low: 1).approximation == .infinity)
  }
}

@Suite("Keys order like the values they stand for")
struct DocumentKeyTests {
  @Test("orders the list of all types by memcmp")
  func ascending() throws {
    let keys = try OrderTests.ascending.map { try DocumentKey(["k": $0]) }
    for (left, right) in zip(keys, keys.dropFirst()) { #expect(left < right) }
  }

  @Test("agrees with the comparison for random values", arguments: 0..<20 as Range<UInt64>)
  func property(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<2_000 {
      let left = BSONValue.random(using: &generator)
      let right = BSONValue.random(using: &generator)
      let keys = try (DocumentKey(["k": left]), DocumentKey(["k": right]))
      let expected = left.order(right)
      #expect((keys.0 < keys.1) == (expected == .before), "\(left) and \(right)")
      #expect((keys.0 == keys.1) == (expected == .same), "\(left) and \(right)")
    }
  }

  @Test(
    "refuses what can't be an _id",
    arguments: [
      [1], .regex(pattern: "a", options: ""), .undefined, .decimal128(Decimal128(high: 0x303E_0000_0000_0000, low: 1)),
      ["a": .decimal128(Decimal128(high: 0x303E_0000_0000_0000, low: 1))],
    ] as [BSONValue])
  func refused(_ value: BSONValue) {
    #expect { try DocumentKey(value) } throws: { ($0 as? DocumentError)?.code == .invalidIdentifier }
  }
}

@Suite("A path goes through documents and arrays")
struct FieldPathTests {
  static let document: Document = [
    "a": ["b": 1], "list": [["b": 1], ["c": 2], 3, ["b": [4, 5]]], "empty": [], "nested": [[1, 2]], "scalar": 7,
  ]

  static func found(_ path: String, spreading: Bool = true) -> [String] {
    var found: [String] = []
    _ = document.contains(FieldPath(path), spreading: spreading) { value in
      switch value {
      case .value(.int32(let number)): found.append("\(number)")
      case .value(let other): found.append(other.type.name)
      case .wholeArray: found.append("whole")
      case .missing: found.append("missing")
      }
      return false
    }
    return found
  }

  @Test(
    "visits what MongoDB visits",
    arguments: [
      ("a.b", ["1"]), ("a.x", ["missing"]), ("x", ["missing"]), ("scalar.x", ["missing"]),
      ("list.b", ["1", "missing", "4", "5", "whole"]), ("list.0.b", ["missing", "1", "missing", "missing"]),
      ("list.2", ["missing", "missing", "3", "missing"]), ("empty", ["whole"]), ("empty.x", []),
      ("nested", ["array", "whole"]), ("nested.0", ["array"]), ("nested.0.1", ["2"]), ("nested.x", []),
    ])
  func visits(_ path: String, _ expected: [String]) {
    #expect(FieldPathTests.found(path).sorted() == expected.sorted())
  }

  @Test("leaves arrays whole when asked to")
  func whole() { #expect(FieldPathTests.found("list.3.b", spreading: false).contains("whole")) }
}
