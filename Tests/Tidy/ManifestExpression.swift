// SPDX-License-Identifier: GPL-3.0-or-later
/// As much of a Swift expression as a package manifest uses to declare its targets.
indirect enum ManifestExpression {
  struct Argument {
    let label: String?
    let value: ManifestExpression
  }

  case string(String)
  /// A name with its dots, such as `Target.Dependency.product`.
  case name(String)
  case list([ManifestExpression])
  case call(String, [Argument], line: Int)

  /// Reads the expression that begins at `index` and moves `index` behind it; operators and what follows them are
  /// skipped.
  static func parse(_ tokens: [Token], at index: inout Int) -> ManifestExpression {
    var result = ManifestExpression.name("")
    let line = tokens.token(index)?.line ?? 0
    if let token = tokens.token(index), token.kind == .string {
      result = .string(token.text)
      index += 1
    } else if tokens.token(index)?.isMark("[") == true {
      result = .list(parseArguments(tokens, at: &index, until: "]").map(\.value))
    } else {
      var name = ""
      while let token = tokens.token(index), token.kind == .word || token.isMark(".") {
        name += token.text
        index += 1
      }
      result = .name(name)
      if tokens.token(index)?.isMark("(") == true {
        result = .call(name, parseArguments(tokens, at: &index, until: ")"), line: line)
      }
    }
    skipRest(tokens, at: &index)
    return result
  }

  /// Reads what stands between the bracket at `index` and its partner.
  private static func parseArguments(_ tokens: [Token], at index: inout Int, until close: String) -> [Argument] {
    var arguments: [Argument] = []
    index += 1
    while let token = tokens.token(index), !token.isMark(close) {
      if token.isMark(",") {
        index += 1
        continue
      }
      var label: String?
      if token.kind == .word, tokens.token(index + 1)?.isMark(":") == true {
        label = token.text
        index += 2
      }
      arguments.append(Argument(label: label, value: parse(tokens, at: &index)))
    }
    index += 1
    return arguments
  }

  /// Moves to the comma or bracket that ends the expression.
  private static func skipRest(_ tokens: [Token], at index: inout Int) {
    var depth = 0
    while let token = tokens.token(index) {
      if token.kind == .mark {
        if depth == 0, [",", ")", "]", "}"].contains(token.text) { return }
        if ["(", "[", "{"].contains(token.text) { depth += 1 }
        if [")", "]", "}"].contains(token.text) { depth -= 1 }
      } else if depth == 0, token.isWord("let") {
        return
      }
      index += 1
    }
  }
}

extension [ManifestExpression.Argument] {
  /// The value with this label.
  func labelled(_ label: String) -> ManifestExpression? { first { $0.label == label }?.value }

  /// The value at this place among those without a label.
  func unlabelled(_ place: Int) -> ManifestExpression? {
    let values = filter { $0.label == nil }
    return values.indices.contains(place) ? values[place].value : nil
  }
}
