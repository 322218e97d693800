// SPDX-License-Identifier: GPL-3.0-or-later

internal import Secrets

/// Base64 for URLs (RFC 4648, section 5), written without padding, read with or without it.
enum Base64URL {
  static func text(_ bytes: [UInt8]) -> String { String(decoding: unsafe encoded(bytes.span.bytes), as: UTF8.self) }

  /// The text of bytes as ASCII; the caller wipes it if it is secret.
  static func encoded(_ bytes: RawSpan) -> [UInt8] {
    var text = Base64.encoded(bytes)
    while text.last == UInt8(ascii: "=") { text.removeLast() }
    exchange(&text, plus: (UInt8(ascii: "+"), UInt8(ascii: "-")), slash: (UInt8(ascii: "/"), UInt8(ascii: "_")))
    return text
  }

  /// The bytes of a text; nil if it is not canonical.
  static func bytes(_ text: String) -> [UInt8]? {
    standard(Array(text.utf8)).flatMap { Base64.bytes(String(decoding: $0, as: UTF8.self)) }
  }

  /// The secret a text in `range` encodes; nil if it is not canonical.
  static func secret(in text: Span<UInt8>, _ range: Range<Int>) throws(SecretsError) -> SecretBytes? {
    var copy: [UInt8] = []
    copy.reserveCapacity(range.count + 2)  // never moved: one wipe reaches all of it
    for index in range { copy.append(text[index]) }
    guard var standard = standard(copy) else { return nil }
    SecretBytes.wipe(&copy)
    defer { SecretBytes.wipe(&standard) }
    return try Base64.secret(in: standard.span, 0..<standard.count)
  }

  /// The same in the usual alphabet with padding; nil for characters of that alphabet only, and impossible lengths.
  private static func standard(_ text: [UInt8]) -> [UInt8]? {
    var digits = text
    while digits.last == UInt8(ascii: "="), digits.count > 0, text.count.isMultiple(of: 4) { digits.removeLast() }
    guard digits.count % 4 != 1, text.count - digits.count <= 2, !digits.contains(UInt8(ascii: "+")),
      !digits.contains(UInt8(ascii: "/"))
    else { return nil }
    exchange(&digits, plus: (UInt8(ascii: "-"), UInt8(ascii: "+")), slash: (UInt8(ascii: "_"), UInt8(ascii: "/")))
    while !digits.count.isMultiple(of: 4) { digits.append(UInt8(ascii: "=")) }
    return digits
  }

  private static func exchange(_ text: inout [UInt8], plus: (UInt8, UInt8), slash: (UInt8, UInt8)) {
    for index in text.indices {
      if text[index] == plus.0 { text[index] = plus.1 } else if text[index] == slash.0 { text[index] = slash.1 }
    }
  }
}
