// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Testing

@Suite("A document is bytes that were checked")
struct DocumentTests {
  static let everyType: Document = [
    "double": 1.5, "string": "text\0more", "document": ["a": 1], "array": [1, "two", [3]],
    "binary": .binary(subtype: 0, bytes: [1, 2]), "old binary": .binary(subtype: 2, bytes: [3]),
    "undefined": .undefined,
    "objectID": .objectID(ObjectID(term: 7)), "true": true, "false": false, "date": .date(-1), "null": .null,
    "regex": .regex(pattern: "a+", options: "i"), "dbPointer": .dbPointer(namespace: "a.b", id: ObjectID(term: 8)),
    "code": .code("f()"), "symbol": .symbol("s"), "scope": .codeWithScope("g()", scope: ["x": 1]), "int32": .int32(-5),
    "timestamp": .timestamp(1 << 32 | 2), "int64": .int64(.min), "decimal": .decimal128(Decimal128(high: 1, low: 2)),
    "min": .minKey, "max": .maxKey, "": "",
  ]

  @Test("carries every type through libbson and back")
  func everyTypeRoundTrips() throws {
    let read = try Document(DocumentTests.everyType.bytes)
    #expect(Document(read.map { ($0.key, $0.value) }).bytes == DocumentTests.everyType.bytes)
    #expect(Set(read.map(\.value.type)) == Set(BSONType.allCases))
    #expect(read["old binary"] == .binary(subtype: 2, bytes: [3]))
    #expect(read["string"] == "text\0more")
    #expect(read["absent"] == nil)
    #expect(read[""] == "")
  }

  @Test("gives embedded documents as documents of their own")
  func embedded() throws {
    let read = try Document(DocumentTests.everyType.bytes)
    guard case .document(let inner)? = read["document"] else { throw DocumentError(.malformed, "no document") }
    #expect(inner == ["a": 1])
    #expect(inner.bytes == [12, 0, 0, 0, 16, 97, 0, 1, 0, 0, 0, 0])
    #expect(read["array"]?.elements == [1, "two", [3]])
  }

  @Test("tells a composed letter from a decomposed one, as bytes do")
  func canonicalEquivalence() {
    let document: Document = ["é": 1, "e\u{301}": 2]
    #expect(document["é"] == 1)
    #expect(document["e\u{301}"] == 2)
    #expect(BSONValue.string("é") != .string("e\u{301}"))
  }

  @Test("allows 100 levels and not one more")
  func nesting() throws {
    #expect(throws: Never.self) { try Document(DocumentTests.nested(100).bytes) }
    #expect(throws: DocumentError.self) { try Document(DocumentTests.nested(101).bytes) }
  }

  @Test("refuses a million levels without recursing")
  func deepNesting() {
    let depth = 1_000_000
    var bytes: [UInt8] = []
    for level in 0..<depth {
      let length = UInt32((depth - level) * 8 - 3)
      bytes +=
        (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * UInt32($0))) } + (level == depth - 1 ? [] : [3, 97, 0])
    }
    bytes += [UInt8](repeating: 0, count: depth)
    let limits = DocumentLimits(maximumSize: .max, maximumNesting: .max)
    #expect(throws: Never.self) { try Document(bytes, limits: limits) }
    #expect { try Document(bytes) } throws: { ($0 as? DocumentError)?.code == .tooDeep }
  }

  @Test("allows 16 MiB and not one byte more")
  func size() {
    let most = 16 * 1024 * 1024
    let fitting: Document = ["": .binary(subtype: 0, bytes: [UInt8](repeating: 1, count: most - 12))]
    let larger: Document = ["": .binary(subtype: 0, bytes: [UInt8](repeating: 1, count: most - 11))]
    #expect(fitting.size == most)
    #expect(throws: Never.self) { try Document(fitting.bytes) }
    #expect { try Document(larger.bytes) } throws: { ($0 as? DocumentError)?.code == .tooLarge }
  }

  @Test(
    "refuses bytes that are not a document",
    arguments: [
      [], [0], [5, 0, 0, 0], [4, 0, 0, 0, 0], [5, 0, 0, 0, 1], [5, 0, 0, 0, 0, 0], [6, 0, 0, 0, 0],
      [255, 255, 255, 255, 0], [0, 0, 0, 128, 0],
      [12, 0, 0, 0, 16, 97, 0, 1, 0, 0, 0, 1],  // no NUL at the end
      [12, 0, 0, 0, 99, 97, 0, 1, 0, 0, 0, 0],  // an unknown type
      [11, 0, 0, 0, 16, 97, 0, 1, 0, 0, 0],  // a number cut off
      [9, 0, 0, 0, 8, 97, 0, 2, 0],  // a bool of 2
      [8, 0, 0, 0, 10, 97, 97, 97],  // a key without an end
      [14, 0, 0, 0, 2, 97, 0, 0, 0, 0, 0, 0, 0, 0],  // a string of length 0
      [14, 0, 0, 0, 2, 97, 0, 2, 0, 0, 0, 97, 97, 0],  // a string without NUL
      [14, 0, 0, 0, 2, 97, 0, 255, 255, 255, 255, 97, 0, 0],  // a negative length
      [14, 0, 0, 0, 2, 97, 0, 2, 0, 0, 0, 255, 0, 0],  // not UTF-8
      [9, 0, 0, 0, 10, 255, 0, 0, 0],  // a key that is not UTF-8, and a stray byte
      [13, 0, 0, 0, 3, 97, 0, 6, 0, 0, 0, 0, 0],  // an embedded document past its parent
      [14, 0, 0, 0, 5, 97, 0, 2, 0, 0, 0, 2, 1, 0],  // an old binary without its inner length
    ] as [[UInt8]])
  func malformed(_ bytes: [UInt8]) {
    #expect(throws: DocumentError.self) { try Document(bytes) }
  }

  static func nested(_ depth: Int) -> Document {
    (1..<depth).reduce(Document()) { inner, _ in ["a": .document(inner)] }
  }
}

@Suite("Hostile bytes give an error or a document, never a crash")
struct HostileBytesTests {
  @Test("survives random changes of good documents", arguments: 0..<20 as Range<UInt64>)
  func mutations(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<1_000 {
      var bytes =
        (Bool.random(using: &generator) ? DocumentTests.everyType : BSONValue.randomDocument(using: &generator)).bytes
      for _ in 0...Int.random(in: 0..<4, using: &generator) where !bytes.isEmpty {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: bytes.remove(at: place)
        case 1: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: place)
        case 2: bytes.removeLast(bytes.count - place)
        case 3: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        default: bytes[place] = [0, 1, 2, 3, 4, 0x7F, 0x80, 0xFF].randomElement(using: &generator) ?? 0
        }
      }
      exercise(bytes)
    }
  }

  private func exercise(_ bytes: [UInt8]) {
    if let document = try? Document(bytes) {
      // What was accepted is read completely: putting it together again gives the same bytes.
      #expect(rebuilt(document).bytes == bytes)
      #expect(document.order(document) == .same)
      _ = try? DocumentKey(.document(document))
    }
    // Stored bytes are not checked again: reading them may end early but stays inside.
    if let damaged = Document(stored: bytes) { _ = rebuilt(damaged) }
  }

  private func rebuilt(_ document: Document) -> Document {
    Document(
      document.map { element in
        switch element.value {
        case .document(let inner): (element.key, .document(rebuilt(inner)))
        case .array(let inner): (element.key, .array(rebuilt(inner)))
        case let value: (element.key, value)
        }
      })
  }
}
