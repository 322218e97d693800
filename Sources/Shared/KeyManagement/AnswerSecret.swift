// SPDX-License-Identifier: GPL-3.0-or-later

internal import Secrets

/// Takes secrets out of answers, straight into secret memory; whoever has the answer wipes it.
enum AnswerSecret {
  /// The longest token taken over, in bytes.
  static let maximumBytes = 16 << 10

  /// The bytes in `range` as they stand.
  static func copy(_ range: Range<Int>, of bytes: Span<UInt8>) throws(SecretsError) -> Secret {
    guard range.count <= maximumBytes else {
      throw SecretsError(.heapExhausted, "an issuer's token has more than \(maximumBytes) bytes")
    }
    return Secret(
      try SecretBytes(capacity: range.count) { (span) throws(SecretsError) in
        for index in range { span.append(bytes[index]) }
      })
  }
}

/// Percent-encoding of everything but unreserved characters (RFC 3986, section 2.3).
enum PercentEncoding {
  static func text(_ text: String) -> String {
    var encoded: [UInt8] = []
    for byte in text.utf8 { append(byte, to: &encoded) }
    return String(decoding: encoded, as: UTF8.self)
  }

  /// Appends one encoded byte.
  static func append(_ byte: UInt8, to encoded: inout [UInt8]) {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "~"):
      encoded.append(byte)
    default:
      encoded.append(UInt8(ascii: "%"))
      encoded.append(digit(byte >> 4))
      encoded.append(digit(byte & 15))
    }
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
  }
}
