// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import Secrets

/// Base64 for URLs (RFC 4648, section 5): written without padding, read with and without.
enum Base64URL {
  /// The text of bytes.
  static func text(_ bytes: [UInt8]) -> String { String(decoding: unsafe encoded(bytes.span.bytes), as: UTF8.self) }

  /// The text of bytes as ASCII; the caller wipes it if it is secret.
  static func encoded(_ bytes: RawSpan) -> [UInt8] {
    var text = Base64.encoded(bytes)
    while text.last == UInt8(ascii: "=") { text.removeLast() }
    for index in text.indices {
      switch text[index] {
      case UInt8(ascii: "+"): text[index] = UInt8(ascii: "-")
      case UInt8(ascii: "/"): text[index] = UInt8(ascii: "_")
      default: break
      }
    }
    return text
  }

  /// The bytes of a text; nil if it is neither base64 for URLs nor the ordinary one.
  static func bytes(_ text: some StringProtocol) -> [UInt8]? {
    let ordinary = ordinary(Array(text.utf8))
    return Base64.bytes(String(decoding: ordinary, as: UTF8.self))
  }

  /// The secret that a part of a text encodes; nil if it is no base64.
  static func secret(in text: Span<UInt8>, _ range: Range<Int>) throws(SecretsError) -> SecretBytes? {
    var part: [UInt8] = []
    part.reserveCapacity(range.count + 3)
    for index in range { part.append(text[index]) }
    defer { SecretBytes.wipe(&part) }
    part = ordinary(part)
    return try Base64.secret(in: part.span, 0..<part.count)
  }

  private static func ordinary(_ text: consuming [UInt8]) -> [UInt8] {
    for index in text.indices {
      switch text[index] {
      case UInt8(ascii: "-"): text[index] = UInt8(ascii: "+")
      case UInt8(ascii: "_"): text[index] = UInt8(ascii: "/")
      default: break
      }
    }
    while !text.count.isMultiple(of: 4) { text.append(UInt8(ascii: "=")) }
    return text
  }
}
