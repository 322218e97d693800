// SPDX-License-Identifier: GPL-3.0-or-later

/// Reads length-prefixed little-endian fields and never beyond the end; nil means "not enough bytes".
struct ByteReader {
  private let bytes: [UInt8]
  private(set) var offset = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var remaining: Int { bytes.count - offset }

  mutating func byte() -> UInt8? {
    guard remaining >= 1 else { return nil }
    defer { offset += 1 }
    return bytes[offset]
  }

  mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
    guard count >= 0, count <= remaining else { return nil }
    defer { offset += count }
    return bytes[offset..<offset + count]
  }

  mutating func uint16() -> Int? { take(2).map { $0.reversed().reduce(0) { $0 << 8 | Int($1) } } }

  mutating func uint32() -> Int? { take(4).map { $0.reversed().reduce(0) { $0 << 8 | Int($1) } } }

  /// Text with a 16-bit length in front; nil if it is cut off or no UTF-8.
  mutating func text() -> String? {
    guard let count = uint16(), let slice = take(count) else { return nil }
    return String(validating: slice, as: UTF8.self)
  }
}

extension [UInt8] {
  mutating func appendUInt16(_ value: Int) {
    for shift in [0, 8] { append(UInt8(truncatingIfNeeded: value >> shift)) }
  }

  mutating func appendUInt32(_ value: Int) {
    for shift in [0, 8, 16, 24] { append(UInt8(truncatingIfNeeded: value >> shift)) }
  }
}
