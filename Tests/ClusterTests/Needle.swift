// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation

/// Bytes that must stand nowhere; they have a name, because they are never printed.
struct Needle {
  let name: String
  let spellings: [[UInt8]]

  /// Raw, in hex of both cases, and in base64 at each of the three places where it may begin.
  init(_ bytes: [UInt8], named name: String) {
    self.name = name
    let hex = bytes.map { byte in
      String(repeating: "0", count: byte < 16 ? 1 : 0) + String(byte, radix: 16)
    }.joined()
    var spellings = [bytes, Array(hex.utf8), Array(hex.uppercased().utf8)]
    for lead in 0..<3 {
      // What stands before and behind the bytes changes the first and the last digits, which are left out.
      let text = Data([UInt8](repeating: 0, count: lead) + bytes).base64EncodedString()
      let digits = Array(text.utf8.filter { $0 != UInt8(ascii: "=") })
      spellings.append(Array(digits.dropFirst(lead == 0 ? 0 : lead + 1).dropLast(2)))
    }
    self.spellings = spellings
  }

  /// A secret that is text already, as a file holds it.
  init(textOf file: String, named name: String) throws {
    let text = try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    self.name = name
    spellings = [Array(text.utf8)]
  }

  /// Whether it stands in these bytes, in any spelling.
  func stands(in hay: UnsafeRawBufferPointer) -> Bool {
    spellings.contains { unsafe Self.stands($0, in: hay) }
  }

  private static func stands(_ bytes: [UInt8], in hay: UnsafeRawBufferPointer) -> Bool {
    // Looked for by a byte that is not 0, of which memory is full.
    let pivot = bytes.firstIndex { $0 != 0 } ?? 0
    return unsafe bytes.withUnsafeBytes { needle in
      guard let start = hay.baseAddress, let what = needle.baseAddress, needle.count > 0, needle.count <= hay.count
      else { return false }
      var place = unsafe start + pivot
      var left = hay.count - needle.count + 1
      while left > 0, let found = unsafe memchr(place, Int32(bytes[pivot]), left) {
        if unsafe memcmp(UnsafeRawPointer(found) - pivot, what, needle.count) == 0 { return true }
        left -= unsafe UnsafeRawPointer(found) - place + 1
        unsafe place = UnsafeRawPointer(found) + 1
      }
      return false
    }
  }
}
