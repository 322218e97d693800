// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement

/// The ids of keys, requests and access keys.
enum KeyIdentifier {
  /// A fresh random UUID, version 4 (RFC 9562, section 5.4).
  static func random() -> String {
    var generator = SystemRandomNumberGenerator()
    var bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }
    bytes[6] = bytes[6] & 0x0F | 0x40
    bytes[8] = bytes[8] & 0x3F | 0x80
    return text(bytes)
  }

  /// A fresh id of a multi-Region key: `mrk-` and 32 hexadecimal digits.
  static func randomMultiRegion() -> String { "mrk-" + random().filter { $0 != "-" } }

  /// Whether an id is one of a multi-Region key.
  static func isMultiRegion(_ id: String) -> Bool { id.hasPrefix("mrk-") }

  /// The text of a multi-Region key's id.
  static func multiRegionText(_ bytes: [UInt8]) -> String { "mrk-" + Hexadecimal.text(bytes) }

  /// A fresh access key id of AWS's form: `AKIA`, or `ASIA` for temporary ones, and sixteen letters and digits.
  static func randomAccessKey(isTemporary: Bool) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    var generator = SystemRandomNumberGenerator()
    let word = (0..<16).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] }
    return (isTemporary ? "ASIA" : "AKIA") + String(word)
  }

  /// A UUID's text: 8-4-4-4-12 hexadecimal digits.
  static func text(_ bytes: [UInt8]) -> String {
    let digits = Array(Hexadecimal.text(bytes))
    var text = ""
    for (offset, digit) in digits.enumerated() {
      if [8, 12, 16, 20].contains(offset) { text.append("-") }
      text.append(digit)
    }
    return text
  }

  /// The sixteen bytes of the text of a UUID or a multi-Region key's id; nil if it is none.
  static func bytes(_ text: String) -> [UInt8]? {
    let isMultiRegion = isMultiRegion(text)
    let digits = Array(text.utf8.dropFirst(isMultiRegion ? 4 : 0)).filter { $0 != UInt8(ascii: "-") }
    guard text.utf8.count == 36, digits.count == 32 else { return nil }
    var bytes: [UInt8] = []
    for offset in stride(from: 0, to: 32, by: 2) {
      guard let byte = UInt8(String(decoding: digits[offset..<(offset + 2)], as: UTF8.self), radix: 16) else {
        return nil
      }
      bytes.append(byte)
    }
    return (isMultiRegion ? multiRegionText(bytes) : Self.text(bytes)) == text ? bytes : nil
  }
}
