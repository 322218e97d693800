// SPDX-License-Identifier: GPL-3.0-or-later

/// Reads WiredTiger's message lines: `[seconds:micros][pid:thread], file:x.wt, WT_CURSOR.search: what happened`.
enum MessageText {
  /// The name of the file a message is about, if it names one.
  static func file(in message: String) -> String? {
    for word in message.split(whereSeparator: { " ,[]()\"'".contains($0) }) {
      var name = word
      if name.hasPrefix("file:") { name = name.dropFirst(5) }
      while let last = name.last, ":;.".contains(last) { name = name.dropLast() }
      if let slash = name.lastIndex(of: "/") { name = name[name.index(after: slash)...] }
      if isStoreFile(name) { return String(name) }
    }
    return nil
  }

  /// The message without time, process and thread.
  static func body(of message: String) -> String {
    guard message.hasPrefix("["), let end = message.range(of: "], ") else { return message }
    return String(message[end...])
  }

  private static func isStoreFile(_ name: Substring) -> Bool {
    (name.hasSuffix(".wt") && name.count > 3) || name.hasPrefix("WiredTigerLog.") || name == "WiredTiger.turtle"
  }
}

extension String {
  /// The index after the first occurrence of a piece of ASCII.
  fileprivate func range(of piece: String) -> Index? {
    let bytes = Array(utf8)
    let wanted = Array(piece.utf8)
    guard bytes.count >= wanted.count else { return nil }
    for start in 0...(bytes.count - wanted.count) where bytes[start...].starts(with: wanted) {
      return utf8.index(utf8.startIndex, offsetBy: start + wanted.count)
    }
    return nil
  }
}
