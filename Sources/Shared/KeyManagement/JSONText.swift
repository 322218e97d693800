// SPDX-License-Identifier: GPL-3.0-or-later

/// Reads strings and numbers of a `JSONItem` out of the text it was read from.
package enum JSONText {
  /// The string in `range`; nil if its escapes or its UTF-8 are wrong.
  package static func text(_ range: Range<Int>, escaped: Bool, in bytes: Span<UInt8>) -> String? {
    var plain: [UInt8] = []
    plain.reserveCapacity(range.count)
    if !escaped {
      for index in range { plain.append(bytes[index]) }
      return String(validating: plain, as: UTF8.self)
    }
    var index = range.lowerBound
    while index < range.upperBound {
      if bytes[index] != UInt8(ascii: "\\") {
        plain.append(bytes[index])
        index += 1
      } else {
        guard let scalar = escape(at: &index, end: range.upperBound, in: bytes) else { return nil }
        plain.append(contentsOf: Array(String(Character(scalar)).utf8))
      }
    }
    return String(validating: plain, as: UTF8.self)
  }

  /// The number in `range`; nil if it does not fit a `Double`.
  package static func number(_ range: Range<Int>, in bytes: Span<UInt8>) -> Double? {
    text(range, escaped: false, in: bytes).flatMap { Double($0) }
  }

  private static func escape(at index: inout Int, end: Int, in bytes: Span<UInt8>) -> UnicodeScalar? {
    guard index + 1 < end else { return nil }
    let kind = bytes[index + 1]
    index += 2
    switch kind {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return UnicodeScalar(kind)
    case UInt8(ascii: "b"): return UnicodeScalar(8)
    case UInt8(ascii: "f"): return UnicodeScalar(12)
    case UInt8(ascii: "n"): return UnicodeScalar(10)
    case UInt8(ascii: "r"): return UnicodeScalar(13)
    case UInt8(ascii: "t"): return UnicodeScalar(9)
    case UInt8(ascii: "u"): break
    default: return nil
    }
    guard let first = hexadecimal(at: &index, end: end, in: bytes) else { return nil }
    guard (0xD800..<0xDC00).contains(first) else { return UnicodeScalar(first) }
    guard index + 1 < end, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u") else { return nil }
    index += 2
    guard let second = hexadecimal(at: &index, end: end, in: bytes), (0xDC00..<0xE000).contains(second) else {
      return nil
    }
    return UnicodeScalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
  }

  private static func hexadecimal(at index: inout Int, end: Int, in bytes: Span<UInt8>) -> UInt32? {
    guard index + 4 <= end else { return nil }
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = Character(UnicodeScalar(bytes[index])).hexDigitValue else { return nil }
      value = value << 4 | UInt32(digit)
      index += 1
    }
    return value
  }
}

extension JSONItem {
  /// A member of an object; nil if this is none or has no such member.
  package func member(_ name: String) -> JSONItem? {
    guard case .object(let members) = self else { return nil }
    return members[name]
  }

  /// The text of a string; nil for anything else.
  package func text(in bytes: Span<UInt8>) -> String? {
    guard case .string(let range, let escaped) = self else { return nil }
    return JSONText.text(range, escaped: escaped, in: bytes)
  }

  /// The value of a number; nil for anything else.
  package func number(in bytes: Span<UInt8>) -> Double? {
    guard case .number(let range) = self else { return nil }
    return JSONText.number(range, in: bytes)
  }

  /// The pairs of an object that maps names to texts; nil for anything else.
  package func texts(in bytes: Span<UInt8>) -> [String: String]? {
    guard case .object(let members) = self else { return nil }
    var pairs: [String: String] = [:]
    for (name, item) in members {
      guard let text = item.text(in: bytes) else { return nil }
      pairs[name] = text
    }
    return pairs
  }
}
