// SPDX-License-Identifier: GPL-3.0-or-later
/// A test waits for an event, never for a time, and is never switched off.
enum TestHabits {
  private static let sleeps: Set<String> = ["sleep", "usleep", "nanosleep", "clock_nanosleep"]

  static func findings(in source: Source) -> [Finding] {
    guard source.isInTests, source.language == .swift else { return [] }
    let tokens = source.tokens
    return tokens.indices.compactMap { index in
      let token = tokens[index]
      guard token.kind == .word else { return nil }
      if sleeps.contains(token.text), tokens.matches(["("], at: index + 1),
        tokens.token(index - 1)?.isWord("func") != true
      {
        return source.finding(token.line, .sleep, "wait for the event itself")
      }
      if token.text == "withKnownIssue" || isDisabling(tokens, at: index) {
        return source.finding(token.line, .disabledTest, "`\(token.text)`: repair it or remove it")
      }
      return nil
    }
  }

  /// Whether this is the trait `.disabled(…)` of a test or suite, not a state of some other type.
  private static func isDisabling(_ tokens: [Token], at index: Int) -> Bool {
    guard tokens.matches([".", "disabled", "("], at: index - 1) else { return false }
    var depth = 0
    for before in tokens.indices.prefix(index).reversed() where tokens[before].kind == .mark {
      if tokens[before].text == ")" { depth += 1 }
      if tokens[before].text == "(" { depth -= 1 }
      if depth < 0 { return ["Test", "Suite"].contains { tokens.matches(["@", $0], at: before - 2) } }
      if depth == 0, ["{", "}"].contains(tokens[before].text) { return false }
    }
    return false
  }
}
