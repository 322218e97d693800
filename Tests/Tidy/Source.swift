// SPDX-License-Identifier: GPL-3.0-or-later
/// A text file of the repository, scanned.
struct Source: Sendable {
  enum Language: Sendable { case swift, c, script, schema, text }

  /// Below the repository's root, with slashes.
  let path: String
  let lines: [String]
  let language: Language
  let tokens: [Token]
  let comments: [CommentLine]

  init(path: String, text: String) {
    self.path = path
    lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    language = Self.language(of: path, text: text)
    switch language {
    case .swift, .c:
      let scanner = SourceScanner(text, isC: language == .c)
      (tokens, comments) = (scanner.tokens, scanner.comments)
    case .schema: (tokens, comments) = ([], Self.comments(of: lines, after: "//"))
    case .script: (tokens, comments) = ([], Self.comments(of: lines, after: "#"))
    case .text: (tokens, comments) = ([], [])
    }
  }

  var isInSources: Bool { path.hasPrefix("Sources/") }
  var isInTests: Bool { path.hasPrefix("Tests/") }

  /// A source or a script, as opposed to prose, data and configuration.
  var isCode: Bool { language != .text }

  /// Written by a tool that says so at its top.
  var isGenerated: Bool { lines.prefix(4).contains { $0.contains("DO NOT EDIT") } }

  /// Line `number` without the space around it; empty outside the file.
  func trimmedLine(_ number: Int) -> String {
    lines.indices.contains(number - 1) ? lines[number - 1].trimmed : ""
  }

  func finding(_ line: Int, _ rule: Rule, _ message: String) -> Finding {
    Finding(file: path, line: line, rule: rule, message: message)
  }

  private static func language(of path: String, text: String) -> Language {
    let name = path.split(separator: "/").last ?? ""
    let suffix = name.contains(".") ? name.split(separator: ".").last.map(String.init) ?? "" : ""
    switch suffix {
    case "swift": return .swift
    case "c", "h": return .c
    case "proto", "modulemap": return .schema
    case "sh", "py": return .script
    default: return text.hasPrefix("#!") ? .script : .text
    }
  }

  private static func comments(of lines: [String], after mark: String) -> [CommentLine] {
    lines.enumerated().compactMap { offset, line in
      guard let parts = line.splitOnce(at: mark) else { return nil }
      return CommentLine(line: offset + 1, text: parts.after.trimmed, ownsLine: parts.before.trimmed.isEmpty)
    }
  }
}

extension StringProtocol {
  /// What stands before and after the first occurrence of `separator`, if there is one.
  func splitOnce(at separator: String) -> (before: String, after: String)? {
    guard let range = firstRange(of: separator) else { return nil }
    return (String(self[..<range.lowerBound]), String(self[range.upperBound...]))
  }
}
