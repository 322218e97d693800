// SPDX-License-Identifier: GPL-3.0-or-later

/// A JSON value to write; members keep their order.
package enum JSONValue: Sendable, Equatable {
  case object([Member])
  case array([JSONValue])
  case string(String)
  case integer(Int64)
  case number(Double)
  case bool(Bool)
  case null

  /// A named value of an object.
  package struct Member: Sendable, Equatable {
    /// The name.
    package let name: String
    /// The value.
    package let value: JSONValue

    /// Names a value.
    package init(_ name: String, _ value: JSONValue) {
      self.name = name
      self.value = value
    }
  }

  /// An object of texts, sorted by name.
  package static func texts(_ pairs: [String: String]) -> JSONValue {
    .object(pairs.sorted { $0.key < $1.key }.map { Member($0.key, .string($0.value)) })
  }

  /// The value as a compact JSON text in UTF-8.
  package func encoded() -> [UInt8] {
    var bytes: [UInt8] = []
    append(to: &bytes)
    return bytes
  }

  /// Appends the value as a compact JSON text.
  package func append(to bytes: inout [UInt8]) {
    switch self {
    case .object(let members):
      bytes.append(UInt8(ascii: "{"))
      for (offset, member) in members.enumerated() {
        if offset > 0 { bytes.append(UInt8(ascii: ",")) }
        Self.append(member.name, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        member.value.append(to: &bytes)
      }
      bytes.append(UInt8(ascii: "}"))
    case .array(let items):
      bytes.append(UInt8(ascii: "["))
      for (offset, item) in items.enumerated() {
        if offset > 0 { bytes.append(UInt8(ascii: ",")) }
        item.append(to: &bytes)
      }
      bytes.append(UInt8(ascii: "]"))
    case .string(let text): Self.append(text, to: &bytes)
    case .integer(let value): bytes.append(contentsOf: Array(String(value).utf8))
    case .number(let value): bytes.append(contentsOf: Array((value.isFinite ? String(value) : "null").utf8))
    case .bool(let value): bytes.append(contentsOf: Array((value ? "true" : "false").utf8))
    case .null: bytes.append(contentsOf: Array("null".utf8))
    }
  }

  private static func append(_ text: String, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(contentsOf: [UInt8(ascii: "\\"), byte])
      case 0..<0x20, 0x7F: bytes.append(contentsOf: Array("\\u00".utf8) + Hexadecimal.text([byte]).utf8)
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
