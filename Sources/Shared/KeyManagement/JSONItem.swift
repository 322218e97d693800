// SPDX-License-Identifier: GPL-3.0-or-later

/// One value of a JSON text, as the places of its parts in that text.
///
/// The tree holds no bytes of strings, so that a plaintext inside an answer can be decoded straight into secret memory
/// and the one buffer that held it can be wiped.
package enum JSONItem: Sendable {
  case object([String: JSONItem])
  case array([JSONItem])
  /// The bytes between the quotes; `escaped` if a backslash is among them.
  case string(Range<Int>, escaped: Bool)
  case number(Range<Int>)
  case bool(Bool)
  case null
}

/// A text that is not the JSON this module takes.
package struct JSONFault: Error, Sendable, Equatable {
  /// What is wrong.
  package let text: String
  /// The byte where it is wrong.
  package let offset: Int
}

/// A strict JSON reader (RFC 8259) with limits, over bytes it only borrows.
package struct JSONReader {
  /// The deepest nesting accepted.
  package static let maximumDepth = 16
  /// The most values in one text.
  package static let maximumValues = 4096

  private var position = 0
  private var values = 0

  /// Reads one JSON text and nothing after it.
  package static func read(_ bytes: Span<UInt8>) throws(JSONFault) -> JSONItem {
    var reader = JSONReader()
    let item = try reader.value(bytes, depth: 0)
    reader.skipSpace(bytes)
    guard reader.position == bytes.count else { throw reader.fault("text after the end of the value") }
    return item
  }

  private func fault(_ text: String) -> JSONFault { JSONFault(text: text, offset: position) }

  private func peek(_ bytes: Span<UInt8>) -> UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace(_ bytes: Span<UInt8>) {
    while let byte = peek(bytes), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  private mutating func expect(_ byte: UInt8, _ bytes: Span<UInt8>) throws(JSONFault) {
    guard peek(bytes) == byte else { throw fault("expected '\(Character(UnicodeScalar(byte)))'") }
    position += 1
  }

  private mutating func value(_ bytes: Span<UInt8>, depth: Int) throws(JSONFault) -> JSONItem {
    guard depth < Self.maximumDepth else { throw fault("nested too deep") }
    values += 1
    guard values <= Self.maximumValues else { throw fault("too many values") }
    skipSpace(bytes)
    switch peek(bytes) {
    case UInt8(ascii: "{"): return try object(bytes, depth: depth)
    case UInt8(ascii: "["): return try array(bytes, depth: depth)
    case UInt8(ascii: "\""):
      let (range, escaped) = try string(bytes)
      return .string(range, escaped: escaped)
    case UInt8(ascii: "t"): return try word("true", .bool(true), bytes)
    case UInt8(ascii: "f"): return try word("false", .bool(false), bytes)
    case UInt8(ascii: "n"): return try word("null", .null, bytes)
    case let byte? where byte == UInt8(ascii: "-") || (0x30...0x39).contains(byte): return .number(try number(bytes))
    default: throw fault("not a JSON value")
    }
  }

  private mutating func object(_ bytes: Span<UInt8>, depth: Int) throws(JSONFault) -> JSONItem {
    var members: [String: JSONItem] = [:]
    try expect(UInt8(ascii: "{"), bytes)
    skipSpace(bytes)
    if peek(bytes) == UInt8(ascii: "}") {
      position += 1
      return .object(members)
    }
    while true {
      skipSpace(bytes)
      let (range, escaped) = try string(bytes)
      guard let name = JSONText.text(range, escaped: escaped, in: bytes) else { throw fault("name is not UTF-8") }
      guard members[name] == nil else { throw fault("a name stands twice in one object") }
      skipSpace(bytes)
      try expect(UInt8(ascii: ":"), bytes)
      members[name] = try value(bytes, depth: depth + 1)
      skipSpace(bytes)
      if peek(bytes) == UInt8(ascii: ",") {
        position += 1
      } else {
        try expect(UInt8(ascii: "}"), bytes)
        return .object(members)
      }
    }
  }

  private mutating func array(_ bytes: Span<UInt8>, depth: Int) throws(JSONFault) -> JSONItem {
    var items: [JSONItem] = []
    try expect(UInt8(ascii: "["), bytes)
    skipSpace(bytes)
    if peek(bytes) == UInt8(ascii: "]") {
      position += 1
      return .array(items)
    }
    while true {
      items.append(try value(bytes, depth: depth + 1))
      skipSpace(bytes)
      if peek(bytes) == UInt8(ascii: ",") {
        position += 1
      } else {
        try expect(UInt8(ascii: "]"), bytes)
        return .array(items)
      }
    }
  }

  /// The range between two quotes; escapes are checked when the text is decoded.
  private mutating func string(_ bytes: Span<UInt8>) throws(JSONFault) -> (Range<Int>, Bool) {
    try expect(UInt8(ascii: "\""), bytes)
    let start = position
    var escaped = false
    while let byte = peek(bytes) {
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return (start..<(position - 1), escaped)
      case UInt8(ascii: "\\"):
        escaped = true
        position += 1
        guard peek(bytes) != nil else { throw fault("string without an end") }
      case 0..<0x20: throw fault("control character in a string")
      default: break
      }
      position += 1
    }
    throw fault("string without an end")
  }

  private mutating func number(_ bytes: Span<UInt8>) throws(JSONFault) -> Range<Int> {
    let start = position
    if peek(bytes) == UInt8(ascii: "-") { position += 1 }
    let first = peek(bytes)
    let whole = digits(bytes)
    guard whole > 0, first != UInt8(ascii: "0") || whole == 1 else { throw fault("not a number") }
    if peek(bytes) == UInt8(ascii: ".") {
      position += 1
      guard digits(bytes) > 0 else { throw fault("not a number") }
    }
    if let byte = peek(bytes), byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
      position += 1
      if let sign = peek(bytes), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { position += 1 }
      guard digits(bytes) > 0 else { throw fault("not a number") }
    }
    return start..<position
  }

  private mutating func digits(_ bytes: Span<UInt8>) -> Int {
    let start = position
    while let byte = peek(bytes), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
    return position - start
  }

  private mutating func word(_ word: String, _ item: JSONItem, _ bytes: Span<UInt8>) throws(JSONFault) -> JSONItem {
    for byte in word.utf8 { try expect(byte, bytes) }
    return item
  }
}
