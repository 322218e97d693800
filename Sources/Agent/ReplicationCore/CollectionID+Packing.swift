// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel

extension CollectionID {
  /// The UUID's 16 bytes; nil if the text is none.
  var packed: [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(16)
    var high: UInt8?
    for (offset, character) in text.utf8.enumerated() {
      if [8, 13, 18, 23].contains(offset) {
        if character != UInt8(ascii: "-") { return nil }
        continue
      }
      guard let digit = Self.value(of: character) else { return nil }
      if let upper = high { bytes.append(upper << 4 | digit) }
      high = high == nil ? digit : nil
    }
    return bytes.count == 16 && high == nil ? bytes : nil
  }

  /// The id of 16 bytes.
  init(packed bytes: ArraySlice<UInt8>) {
    var text: [UInt8] = []
    text.reserveCapacity(36)
    for (offset, byte) in bytes.enumerated() {
      if [4, 6, 8, 10].contains(offset) { text.append(UInt8(ascii: "-")) }
      text.append(Self.digit(byte >> 4))
      text.append(Self.digit(byte & 15))
    }
    self.init(checked: String(decoding: text, as: UTF8.self))
  }

  private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 48 + value : 87 + value }

  private static func value(of character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - 48
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - 87
    default: nil
    }
  }
}
