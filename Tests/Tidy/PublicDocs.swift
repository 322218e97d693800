// SPDX-License-Identifier: GPL-3.0-or-later
/// Each public declaration and each requirement of a public protocol has a comment that documents it.
enum PublicDocs {
  private static let requirements: Set<String> = ["func", "init", "var", "subscript", "associatedtype"]

  static func findings(in source: Source) -> [Finding] {
    guard source.language == .swift, source.isInSources else { return [] }
    let tokens = source.tokens
    var lines: Set<Int> = []
    for index in tokens.indices where isAccess(tokens, at: index) {
      guard let keyword = declarationKeyword(tokens, after: index) else { continue }
      lines.insert(tokens[index].line)
      if tokens[keyword].text == "protocol" { lines.formUnion(requirementLines(tokens, from: keyword)) }
    }
    return lines.sorted().filter { !isDocumented(source, $0) }.map {
      source.finding($0, .publicDocs, "public, but no `///` above says what it is")
    }
  }

  /// Whether this word makes a declaration public; `open` is a name as well.
  private static func isAccess(_ tokens: [Token], at index: Int) -> Bool {
    if tokens[index].isWord("open") {
      return ["class", "func", "var", "subscript", "override"].contains { tokens.matches([$0], at: index + 1) }
    }
    return tokens[index].isWord("public")
  }

  /// The index of the keyword that says what is declared; nil for imports and extensions, which need no comment.
  private static func declarationKeyword(_ tokens: [Token], after index: Int) -> Int? {
    let declarations = requirements.union(["let", "struct", "class", "enum", "protocol", "actor", "typealias"])
    for next in (index + 1)..<max(index + 1, min(tokens.count, index + 16)) where tokens[next].kind == .word {
      if ["import", "extension"].contains(tokens[next].text) { return nil }
      if declarations.contains(tokens[next].text) { return next }
    }
    return nil
  }

  private static func requirementLines(_ tokens: [Token], from keyword: Int) -> Set<Int> {
    var lines: Set<Int> = []
    var depth = 0
    for token in tokens[keyword...] {
      if token.isMark("{") { depth += 1 }
      if token.isMark("}") {
        depth -= 1
        if depth == 0 { break }
      }
      if depth == 1, token.kind == .word, requirements.contains(token.text) { lines.insert(token.line) }
    }
    return lines
  }

  private static func isDocumented(_ source: Source, _ line: Int) -> Bool {
    var above = line - 1
    while source.trimmedLine(above).hasPrefix("@") || source.trimmedLine(above).hasPrefix("// tidy:") { above -= 1 }
    return source.trimmedLine(above).hasPrefix("///")
  }
}
