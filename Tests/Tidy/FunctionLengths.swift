// SPDX-License-Identifier: GPL-3.0-or-later
/// A function, initialiser, subscript or computed property takes at most 70 lines, from its first to its closing one.
enum FunctionLengths {
  private static let linesMax = 70
  private static let continuations: Set<String> = [
    "-", ">", "throws", "async", "rethrows", "where", "{", "&", ",", ":", "(", ")", "=",
  ]

  static func findings(in source: Source) -> [Finding] {
    guard !source.isGenerated else { return [] }
    let bodies: [(line: Int, end: Int)]
    switch source.language {
    case .swift: bodies = source.tokens.indices.compactMap { swiftBody(source.tokens, at: $0) }
    case .c: bodies = cBodies(source.tokens)
    case .script, .schema, .text: return []
    }
    return bodies.filter { $0.end - $0.line + 1 > linesMax }.map {
      source.finding($0.line, .functionLength, "a function of \($0.end - $0.line + 1) lines, more than \(linesMax)")
    }
  }

  private static func swiftBody(_ tokens: [Token], at index: Int) -> (line: Int, end: Int)? {
    let token = tokens[index]
    guard token.kind == .word, ["func", "init", "deinit", "subscript", "var"].contains(token.text),
      tokens.token(index - 1)?.isMark(".") != true, let open = bodyStart(tokens, after: index)
    else { return nil }
    return (token.line, closingLine(tokens, of: open))
  }

  /// The index of the brace that opens the body of the declaration at `index`; nil if it has none.
  private static func bodyStart(_ tokens: [Token], after index: Int) -> Int? {
    var depth = 0
    for next in (index + 1)..<max(index + 1, tokens.count) {
      let (token, before) = (tokens[next], tokens[next - 1])
      if depth == 0, token.line > before.line, before.kind != .string,
        !continuations.contains(token.text), !continuations.contains(before.text)
      {
        return nil
      }
      guard token.kind == .mark else { continue }
      switch token.text {
      case "{" where depth == 0: return next
      case "(", "[", "{": depth += 1
      case ")", "]", "}": depth -= 1
      case ";" where depth == 0: return nil
      default: break
      }
      if depth < 0 { return nil }
    }
    return nil
  }

  private static func closingLine(_ tokens: [Token], of open: Int) -> Int {
    var depth = 0
    for token in tokens[open...] where token.kind == .mark {
      if token.text == "{" { depth += 1 }
      if token.text == "}" { depth -= 1 }
      if depth == 0 { return token.line }
    }
    return tokens[open].line
  }

  private static func cBodies(_ tokens: [Token]) -> [(line: Int, end: Int)] {
    var bodies: [(line: Int, end: Int)] = []
    var (depth, start) = (0, 0)
    for (index, token) in tokens.enumerated() where token.kind == .mark {
      switch token.text {
      case "{":
        if depth == 0, tokens.token(index - 1)?.isMark(")") == true {
          bodies.append((tokens[start].line, closingLine(tokens, of: index)))
        }
        depth += 1
      case "}":
        depth -= 1
        if depth == 0 { start = index + 1 }
      case ";" where depth == 0: start = index + 1
      default: break
      }
    }
    return bodies
  }
}
