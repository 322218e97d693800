// SPDX-License-Identifier: GPL-3.0-or-later

/// Takes a binary format apart; each step is nil at the end of the bytes, nothing traps on hostile input.
package struct ByteReader: Sendable {
  private let bytes: ArraySlice<UInt8>
  private var position: Int

  package init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    self.position = bytes.startIndex
  }

  package init(_ bytes: [UInt8]) { self.init(bytes[...]) }

  package var remaining: Int { bytes.endIndex - position }
  package var isAtEnd: Bool { remaining == 0 }

  package mutating func bytes(_ count: Int) -> [UInt8]? {
    guard count >= 0, count <= remaining else { return nil }
    defer { position += count }
    return Array(bytes[position..<position + count])
  }

  package mutating func number<Number: FixedWidthInteger & UnsignedInteger>(_: Number.Type) -> Number? {
    let size = Number.bitWidth / 8
    guard size <= remaining else { return nil }
    defer { position += size }
    return bytes[position..<position + size].reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
  }

  /// A time in milliseconds since 1970.
  package mutating func milliseconds() -> Int64? { number(UInt64.self).map { Int64(bitPattern: $0) } }

  /// Bytes behind their length of type `Length`, at most `limit`.
  package mutating func bytes<Length: FixedWidthInteger & UnsignedInteger>(
    behind: Length.Type, limit: Int
  ) -> [UInt8]? {
    guard let length = number(Length.self).flatMap({ Int(exactly: $0) }), length <= limit else { return nil }
    return bytes(length)
  }

  /// A string of valid UTF-8 without NUL behind its length of type `Length`.
  package mutating func string<Length: FixedWidthInteger & UnsignedInteger>(
    behind: Length.Type, limit: Int
  ) -> String? {
    guard let raw = bytes(behind: Length.self, limit: limit), !raw.contains(0) else { return nil }
    return String(validating: raw, as: UTF8.self)
  }
}
