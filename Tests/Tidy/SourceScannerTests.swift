// SPDX-License-Identifier: GPL-3.0-or-later
import Testing

@Suite("The scanner tells code from texts and comments")
struct SourceScannerTests {
  private func words(_ text: String, isC: Bool = false) -> [String] {
    SourceScanner(text, isC: isC).tokens.filter { $0.kind != .string }.map(\.text)
  }

  @Test(
    "finds no code in texts and comments",
    arguments: [
      "a // b", "a /* b /* c */ d */", "a \"b\"", "a \"b \\\" c\"", "a #\"b \" \\(c) \"#", "a \"\"\"\nb \" c\n\"\"\"",
    ])
  func skips(text: String) {
    #expect(words(text) == ["a"])
  }

  @Test("finds the code of interpolations")
  func interpolations() {
    #expect(words(#"a "b \(c("d \(e)")) f" g"#) == ["a", "(", "c", "(", "(", "e", ")", ")", ")", "g"])
    #expect(words(##"a #"b \(no) \#(c)"# d"##) == ["a", "(", "c", ")", "d"])
  }

  @Test("goes on behind a text that isn't closed")
  func openText() {
    #expect(words("a \"b\nc") == ["a", "c"])
    #expect(words("a /* b").first == "a")
  }

  @Test("counts lines through texts and comments")
  func lines() {
    let scanner = SourceScanner("/* 1\n2 */\na\n\"\"\"\nb\n\"\"\"\nc // d")
    #expect(scanner.tokens.map(\.line) == [3, 4, 7])
    #expect(scanner.comments.map(\.line) == [1, 2, 7])
    #expect(scanner.comments.map(\.ownsLine) == [true, true, false])
  }

  @Test("knows what stands close")
  func glue() {
    #expect(SourceScanner("a!b !c").tokens.map(\.isGlued) == [false, true, true, false, true])
    #expect(SourceScanner("\"a\"!").tokens.last?.isGlued == true)
  }

  @Test("skips directives and characters of C")
  func cCode() {
    #expect(
      words("#define A { \\\n  {\nint a = '\"'; char b = '\\'';", isC: true).joined(separator: " ")
        == "int a = ; char b = ;")
  }
}
