// SPDX-License-Identifier: GPL-3.0-or-later
import Testing

@Suite("A line may break a rule if it says why")
struct AllowanceTests {
  private func marks(_ text: String) -> [String] {
    let source = snippet(text)
    return Allowances(of: source).applied(to: Constructs.findings(in: source)).marks
  }

  @Test("covers its own line")
  func sameLine() {
    #expect(marks("print(1)  // tidy:allow print the caller asked for it").isEmpty)
    #expect(marks("print(1)  // tidy:allow print the caller asked for it\nprint(2)") == ["2 print"])
  }

  @Test("covers the line below, through further comments")
  func lineBelow() {
    #expect(marks("// tidy:allow print the caller asked for it\nprint(1)\nprint(2)") == ["3 print"])
    #expect(marks("// tidy:allow print the caller\n// asked for it\nprint(1)").isEmpty)
    #expect(marks("// tidy:allow print why\n// tidy:allow force-try why\nprint(try! a())").isEmpty)
    #expect(marks("// tidy:allow print why\n\nprint(1)") == ["1 allow", "3 print"])
  }

  @Test("needs a reason, a rule that may be broken, and something to allow")
  func findings() {
    #expect(marks("print(1)  // tidy:allow print") == ["1 allow", "1 print"])
    #expect(marks("a()  // tidy:allow printing why") == ["1 allow"])
    #expect(marks("a()  // tidy:allow public-docs why") == ["1 allow"])
    #expect(marks("a()  // tidy:allow print why") == ["1 allow"])
    #expect(marks("a()  // tidy:allow") == ["1 allow"])
    #expect(marks("print(1)  // tidy:allow force-try why") == ["1 allow", "1 print"])
  }

  @Test("isn't one inside a text or a sentence")
  func noAllowance() {
    #expect(marks("let a = \"// tidy:allow print why\"\n// see tidy:allow print why").isEmpty)
  }

  @Test("is understood in scripts")
  func scripts() {
    let long = String(repeating: "x", count: 121)
    let source = snippet("# tidy:allow long-line one address\n\(long)\n", at: "deploy/run.sh")
    #expect(Allowances(of: source).applied(to: Lengths.findings(in: source)).isEmpty)
  }
}
