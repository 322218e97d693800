// SPDX-License-Identifier: GPL-3.0-or-later

/// Text and bytes of an answer that nobody has to trust.
package enum AnswerText {
  /// The largest difference between the reply's `Date` and our clock at which a refusal counts (design, section 6).
  static let maximumSkewSeconds: Int64 = 240
  /// The longest error code taken over from an answer, in bytes.
  static let maximumCodeLength = 100

  /// Printable ASCII only, at most `limit` bytes.
  static func cleaned(_ text: String, limit: Int) -> String {
    String(decoding: text.utf8.prefix(limit).map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
  }

  /// The text if it is a name as error codes are (letters, digits, dots, underscores, hyphens), else empty.
  static func code(_ text: String?) -> String {
    guard let text, text.utf8.count <= maximumCodeLength else { return "" }
    let isName = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
    return isName ? text : ""
  }

  /// The text of the first XML element of this name that has no attributes and no children.
  static func element(_ name: String, in body: Span<UInt8>) -> String? {
    elementRange(name, in: body).flatMap { JSONText.text($0, escaped: false, in: body) }
  }

  /// Where the text of the first XML element of this name lies.
  static func elementRange(_ name: String, in body: Span<UInt8>) -> Range<Int>? {
    let open = Array("<\(name)>".utf8)
    guard let start = find(open, in: body, from: 0) else { return nil }
    let text = start + open.count
    guard let end = find(Array("</\(name)>".utf8), in: body, from: text), end - text <= 16 << 10 else { return nil }
    return text..<end
  }

  private static func find(_ needle: [UInt8], in body: Span<UInt8>, from start: Int) -> Int? {
    var index = start
    while index + needle.count <= body.count {
      var length = 0
      while length < needle.count, body[index + length] == needle[length] { length += 1 }
      if length == needle.count { return index }
      index += 1
    }
    return nil
  }
}

/// When an answer was given, and whether that goes with our clock.
struct AnswerClock {
  /// The `Date` header in seconds since 1970; nil if it is missing or unreadable.
  let dateSeconds: Int64?
  let nowSeconds: Int64

  init(_ answer: HTTPAnswer, nowSeconds: Int64) {
    self.init(
      dateSeconds: answer.header("date").flatMap { CivilTime(httpDate: $0) }?.seconds, nowSeconds: nowSeconds)
  }

  init(dateSeconds: Int64?, nowSeconds: Int64) {
    self.dateSeconds = dateSeconds
    self.nowSeconds = nowSeconds
  }

  /// What is wrong with the clocks; nil if nothing is, or there is nothing to compare.
  var skew: String? {
    guard let dateSeconds, abs(dateSeconds - nowSeconds) > AnswerText.maximumSkewSeconds else { return nil }
    return "the KMS's clock and this machine's differ by \(abs(dateSeconds - nowSeconds)) s; set this machine's clock"
  }
}
