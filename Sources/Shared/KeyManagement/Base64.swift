// SPDX-License-Identifier: GPL-3.0-or-later

package import Secrets

/// Base64 with padding (RFC 4648, section 4), without tables, so that no memory access depends on a secret.
package enum Base64 {
  /// The text of bytes.
  package static func text(_ bytes: [UInt8]) -> String {
    String(decoding: unsafe encoded(bytes.span.bytes), as: UTF8.self)
  }

  /// The text of bytes as ASCII; the caller wipes it if it is secret.
  package static func encoded(_ bytes: RawSpan) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.byteCount + 2) / 3 * 4)
    var offset = 0
    while offset < bytes.byteCount {
      let first = byte(bytes, offset)
      let second = byte(bytes, offset + 1)
      let third = byte(bytes, offset + 2)
      text.append(digit(first >> 2))
      text.append(digit((first & 3) << 4 | second >> 4))
      text.append(offset + 1 < bytes.byteCount ? digit((second & 15) << 2 | third >> 6) : UInt8(ascii: "="))
      text.append(offset + 2 < bytes.byteCount ? digit(third & 63) : UInt8(ascii: "="))
      offset += 3
    }
    return text
  }

  /// The bytes of a text; nil if it is not canonical base64.
  package static func bytes(_ text: String) -> [UInt8]? {
    var decoded: [UInt8] = []
    let ascii = Array(text.utf8)
    return decode(ascii.span, 0..<ascii.count) { decoded.append($0) } ? decoded : nil
  }

  /// The secret a text in `range` encodes, decoded straight into secret memory; nil if it is not canonical base64.
  package static func secret(in text: Span<UInt8>, _ range: Range<Int>) throws(SecretsError) -> SecretBytes? {
    var isValid = false
    let secret = try SecretBytes(capacity: max(1, range.count / 4 * 3)) { (span) throws(SecretsError) in
      isValid = decode(text, range) { span.append($0) }
    }
    if isValid { return secret }
    return nil
  }

  private static func decode(_ text: Span<UInt8>, _ range: Range<Int>, append: (UInt8) -> Void) -> Bool {
    guard range.count.isMultiple(of: 4) else { return false }
    var padding = 0
    while padding < 2, padding < range.count, text[range.upperBound - 1 - padding] == UInt8(ascii: "=") { padding += 1 }
    var (bits, count, invalid): (UInt32, Int, UInt32) = (0, 0, 0)
    for index in range.lowerBound..<(range.upperBound - padding) {
      let value = value(text[index])
      invalid |= value >> 8
      bits = (bits << 6 | value & 63) & 0xFF_FFFF
      count += 1
      if count.isMultiple(of: 4) {
        for shift: UInt32 in [16, 8, 0] { append(UInt8(truncatingIfNeeded: bits >> shift)) }
      }
    }
    switch padding {
    case 1:
      append(UInt8(truncatingIfNeeded: bits >> 10))
      append(UInt8(truncatingIfNeeded: bits >> 2))
      invalid |= bits & 3
    case 2:
      append(UInt8(truncatingIfNeeded: bits >> 4))
      invalid |= bits & 15
    default: break
    }
    return invalid == 0
  }

  private static func byte(_ bytes: RawSpan, _ offset: Int) -> UInt8 {
    offset < bytes.byteCount ? unsafe bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self) : 0
  }

  /// The digit of six bits, by arithmetic: A-Z, a-z, 0-9, +, /.
  private static func digit(_ six: UInt8) -> UInt8 {
    let value = Int32(six)
    var character = value + 65
    character += ((25 - value) >> 8) & 6  // from 'a'
    character -= ((51 - value) >> 8) & 75  // from '0'
    character -= ((61 - value) >> 8) & 15  // '+'
    character += ((62 - value) >> 8) & 3  // '/'
    return UInt8(truncatingIfNeeded: character)
  }

  /// The six bits of a digit; bit 8 is set for anything else.
  private static func value(_ character: UInt8) -> UInt32 {
    let code = Int32(character)
    var found: Int32 = 0x100
    found = select(found, code - 65, code, 65, 90)
    found = select(found, code - 71, code, 97, 122)
    found = select(found, code + 4, code, 48, 57)
    found = select(found, 62, code, 43, 43)
    found = select(found, 63, code, 47, 47)
    return UInt32(bitPattern: found)
  }

  /// `chosen` if `code` is in `low...high`, else `other`, without a branch.
  private static func select(_ other: Int32, _ chosen: Int32, _ code: Int32, _ low: Int32, _ high: Int32) -> Int32 {
    let isOutside = ((code - low) | (high - code)) >> 31  // all ones outside the range
    return (other & isOutside) | (chosen & ~isOutside)
  }
}
