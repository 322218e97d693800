// SPDX-License-Identifier: GPL-3.0-or-later

/// Reads little-endian numbers, strings and whole documents from a message, never past its end.
struct WireReader {
  private let bytes: [UInt8]
  private(set) var offset: Int
  private(set) var end: Int

  init(_ bytes: [UInt8], from offset: Int = 0) {
    self.bytes = bytes
    self.offset = offset
    end = bytes.count
  }

  var remaining: Int { end - offset }

  /// Hides the last `count` bytes; false if there are fewer.
  mutating func dropLast(_ count: Int) -> Bool {
    guard remaining >= count else { return false }
    end -= count
    return true
  }

  mutating func byte() throws(WireError) -> UInt8 {
    guard remaining >= 1 else { throw WireError("a message is cut off") }
    defer { offset += 1 }
    return bytes[offset]
  }

  mutating func int32() throws(WireError) -> Int32 {
    guard remaining >= 4 else { throw WireError("a message is cut off") }
    defer { offset += 4 }
    return Int32(bitPattern: WireReader.uint32(bytes, at: offset))
  }

  /// Text up to a NUL.
  mutating func cString() throws(WireError) -> String {
    guard let terminator = bytes[offset..<end].firstIndex(of: 0) else { throw WireError("a name does not end") }
    defer { offset = terminator + 1 }
    guard let text = String(validating: bytes[offset..<terminator], as: UTF8.self) else {
      throw WireError("a name is not UTF-8")
    }
    return text
  }

  /// The bytes of a document, framed by its own length; what they hold is not looked at.
  mutating func documentBytes() throws(WireError) -> [UInt8] {
    guard remaining >= 5 else { throw WireError("a document is cut off") }
    let length = Int(WireReader.uint32(bytes, at: offset))
    guard length >= 5, length <= remaining else { throw WireError("a document has a wrong length") }
    defer { offset += length }
    return Array(bytes[offset..<offset + length])
  }

  /// Moves to `place`, which the caller has checked to lie before the end.
  func part(of length: Int) -> WireReader {
    var part = self
    part.end = offset + length
    return part
  }

  mutating func skip(to place: Int) { offset = min(max(place, offset), end) }

  static func uint32(_ bytes: [UInt8], at offset: Int) -> UInt32 {
    UInt32(bytes[offset]) | UInt32(bytes[offset + 1]) << 8 | UInt32(bytes[offset + 2]) << 16
      | UInt32(bytes[offset + 3]) << 24
  }
}
