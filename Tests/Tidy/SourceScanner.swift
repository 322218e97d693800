// SPDX-License-Identifier: GPL-3.0-or-later
/// Splits Swift or C into tokens and comments, so that no rule mistakes a text or a comment for code.
///
/// It knows nested block comments, raw and multi-line strings and interpolations. It doesn't know regex literals
/// between slashes: the house has none.
struct SourceScanner {
  private(set) var tokens: [Token] = []
  private(set) var comments: [CommentLine] = []

  private let bytes: [UInt8]
  private let isC: Bool
  private var position = 0
  private var line = 1
  private var lastTokenEnd = -1
  private var lastTokenLine = 0

  /// Scans the whole text.
  init(_ text: String, isC: Bool = false) {
    bytes = Array(text.utf8)
    self.isC = isC
    scanCode(inInterpolation: false)
  }

  private func byte(_ offset: Int = 0) -> UInt8 {
    position + offset < bytes.count ? bytes[position + offset] : 0
  }

  private func isAt(_ text: String) -> Bool {
    text.utf8.enumerated().allSatisfy { byte($0.offset) == $0.element }
  }

  private mutating func advance(_ count: Int = 1) {
    for _ in 0..<count where position < bytes.count {
      if bytes[position] == UInt8(ascii: "\n") { line += 1 }
      position += 1
    }
  }

  private func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

  private mutating func add(_ kind: Token.Kind, from start: Int, text: String, line: Int) {
    tokens.append(Token(kind: kind, text: text, line: line, isGlued: start == lastTokenEnd))
    lastTokenEnd = position
    lastTokenLine = self.line
  }

  /// Scans to the end of the text, or to just behind the parenthesis that ends an interpolation.
  private mutating func scanCode(inInterpolation: Bool) {
    var depth = 0
    while position < bytes.count {
      let next = byte()
      if isAt("//") {
        scanLineComment()
      } else if isAt("/*") {
        scanBlockComment()
      } else if next <= UInt8(ascii: " ") {
        advance()
      } else if isC, next == UInt8(ascii: "#"), lastTokenLine != line {
        skipDirective()
      } else if isC, next == UInt8(ascii: "'") {
        scanCharacter()
      } else if let hashes = stringStart() {
        scanString(hashes: hashes)
      } else if Self.isWordByte(next) {
        scanWord()
      } else {
        if next == UInt8(ascii: "(") { depth += 1 }
        if next == UInt8(ascii: ")") { depth -= 1 }
        let start = position
        advance()
        add(.mark, from: start, text: text(start..<position), line: line)
        if inInterpolation, depth == 0 { return }
      }
    }
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...: true
    default: false
    }
  }

  private mutating func scanWord() {
    let start = position
    while Self.isWordByte(byte()) { advance() }
    add(.word, from: start, text: text(start..<position), line: line)
  }

  private mutating func addComment(_ text: String, line: Int) {
    comments.append(CommentLine(line: line, text: text.trimmed, ownsLine: lastTokenLine != line))
  }

  private mutating func scanLineComment() {
    let start = position
    while position < bytes.count, byte() != UInt8(ascii: "\n") { advance() }
    addComment(String(text(start..<position).drop { $0 == "/" }), line: line)
  }

  private mutating func scanBlockComment() {
    let (start, firstLine) = (position, line)
    var depth = 0
    repeat {
      if isAt("/*"), depth == 0 || !isC {
        depth += 1
        advance(2)
      } else if isAt("*/") {
        depth -= 1
        advance(2)
      } else {
        advance()
      }
    } while depth > 0 && position < bytes.count
    let lines = text(start..<position).split(separator: "\n", omittingEmptySubsequences: false)
    for (offset, content) in lines.enumerated() {
      addComment(content.trimmed { " \t\r/*".contains($0) }, line: firstLine + offset)
    }
  }

  /// Skips a preprocessor directive with its continuation lines.
  private mutating func skipDirective() {
    while position < bytes.count, byte() != UInt8(ascii: "\n"), !isAt("//"), !isAt("/*") {
      advance(isAt("\\\n") ? 2 : 1)
    }
  }

  private mutating func scanCharacter() {
    let start = position
    advance()
    while position < bytes.count, byte() != UInt8(ascii: "'") { advance(byte() == UInt8(ascii: "\\") ? 2 : 1) }
    advance()
    add(.string, from: start, text: text(start..<position), line: line)
  }

  /// The number of hash signs before the quotation mark that begins here, if one does.
  private func stringStart() -> Int? {
    var hashes = 0
    while !isC, byte(hashes) == UInt8(ascii: "#") { hashes += 1 }
    return byte(hashes) == UInt8(ascii: "\"") ? hashes : nil
  }

  private mutating func scanString(hashes: Int) {
    let (start, firstLine, glued) = (position, line, position == lastTokenEnd)
    advance(hashes)
    let quotes = !isC && isAt("\"\"\"") ? "\"\"\"" : "\""
    advance(quotes.utf8.count)
    let (end, escape) = (quotes + String(repeating: "#", count: hashes), "\\" + String(repeating: "#", count: hashes))
    let contentStart = position
    while position < bytes.count, !isAt(end), quotes.utf8.count == 3 || byte() != UInt8(ascii: "\n") {
      guard isAt(escape) else {
        advance()
        continue
      }
      advance(escape.utf8.count)
      if !isC, byte() == UInt8(ascii: "(") { scanCode(inInterpolation: true) } else { advance() }
    }
    let content = text(contentStart..<position)
    if isAt(end) { advance(end.utf8.count) }
    add(.string, from: glued ? lastTokenEnd : start, text: content, line: firstLine)
  }
}

extension StringProtocol {
  /// Without the space around it.
  var trimmed: String { trimmed { $0.isWhitespace } }

  /// Without the characters around it that the condition names.
  func trimmed(_ isDropped: (Character) -> Bool) -> String {
    var rest = drop(while: isDropped)
    while let last = rest.last, isDropped(last) { rest.removeLast() }
    return String(rest)
  }
}
