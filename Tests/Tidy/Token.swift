// SPDX-License-Identifier: GPL-3.0-or-later
/// One word, mark or literal of a source file.
struct Token: Equatable {
  enum Kind {
    /// A name, a keyword or a number.
    case word
    /// The content of a string literal, as written; the tokens of its interpolations come before it.
    case string
    /// A single byte of punctuation.
    case mark
  }

  let kind: Kind
  let text: String
  /// Counted from 1; a string's is the line it begins in.
  let line: Int
  /// Nothing stands between this token and the one before.
  let isGlued: Bool

  func isWord(_ word: String) -> Bool { kind == .word && text == word }
  func isMark(_ mark: String) -> Bool { kind == .mark && text == mark }
}

/// A comment, or one line of a block comment.
struct CommentLine: Equatable {
  let line: Int
  /// What follows the slashes, without the space around it.
  let text: String
  /// No code stands before it in its line.
  let ownsLine: Bool
}

extension Array where Element == Token {
  /// The token at an index, if there is one.
  func token(_ index: Int) -> Token? { indices.contains(index) ? self[index] : nil }

  /// Whether the next tokens from here are these words and marks.
  func matches(_ texts: [String], at index: Int) -> Bool {
    guard index >= 0, index + texts.count <= count else { return false }
    return texts.indices.allSatisfy { self[index + $0].kind != .string && self[index + $0].text == texts[$0] }
  }
}
