// SPDX-License-Identifier: GPL-3.0-or-later
import Testing

@Suite("Lengths are limited")
struct LengthTests {
  private func lines(_ count: Int, of text: String = "a\n") -> String { String(repeating: text, count: count) }

  @Test("a file has at most 400 lines")
  func files() {
    #expect(Lengths.findings(in: snippet(lines(400))).isEmpty)
    #expect(Lengths.findings(in: snippet(lines(401))).marks == ["1 long-file"])
    #expect(Lengths.findings(in: snippet("// DO NOT EDIT\n" + lines(401))).isEmpty)
    #expect(Lengths.findings(in: snippet(lines(401), at: "deploy/words.txt")).isEmpty)
  }

  @Test("a line has at most 120 characters")
  func columns() {
    #expect(Lengths.findings(in: snippet(lines(120, of: "ä"))).isEmpty)
    #expect(Lengths.findings(in: snippet("a\n" + lines(121, of: "ä"))).marks == ["2 long-line"])
    #expect(Lengths.findings(in: snippet("  /// | " + lines(121, of: "ä"))).isEmpty)
  }

  @Test(
    "a function takes at most 70 lines",
    arguments: [
      "func a() {", "init() {", "deinit {", "subscript(a: Int) -> Int {", "var a: Int {",
      "func a(b: () -> Void = {}) -> Int {",
      "static func a<B: C>(b: B) where B: D {",
    ])
  func functions(head: String) {
    let fits = "struct A {\n\(head)\n\(lines(68))}\n\(lines(80))}\n"
    #expect(FunctionLengths.findings(in: snippet(fits)).isEmpty)
    let long = "struct A {\n\(head)\n\(lines(69))}\n}\n"
    #expect(FunctionLengths.findings(in: snippet(long)).marks == ["2 long-function"])
  }

  @Test("a head of several lines counts")
  func longHead() {
    let text = "func a(\n  b: Int,\n  c: Int\n)\n  throws -> Int\n{\n\(lines(64))}"
    #expect(FunctionLengths.findings(in: snippet(text)).marks == ["1 long-function"])
  }

  @Test("what has no body has no length")
  func requirements() {
    let text = "protocol A {\n  func a()\n  var b: Int { get }\n  init()\n}\nstruct B {\n  var c = 1\n\(lines(80))}\n"
    #expect(FunctionLengths.findings(in: snippet(text)).isEmpty)
    #expect(FunctionLengths.findings(in: snippet("struct A {\nlet a = B.init()\n\(lines(80))}")).isEmpty)
  }

  @Test("functions of C count as well")
  func cFunctions() {
    let path = "Sources/Shared/CSample/shim.c"
    let text = "struct a {\n\(lines(80, of: "int b;\n"))};\nint c(void) {\n\(lines(69, of: "b();\n"))}\n"
    #expect(FunctionLengths.findings(in: snippet(text, at: path)).marks == ["83 long-function"])
  }

  @Test("each source begins with its licence")
  func licences() {
    let line = "SPDX-License-Identifier: GPL-3.0-or-later"
    for good in ["// \(line)\n", "// swift-tools-version: 6.2\n// \(line)\n"] {
      #expect(Licence.findings(in: snippet(good)).isEmpty)
    }
    #expect(Licence.findings(in: snippet("#!/bin/sh\n# \(line)\n", at: "deploy/run")).isEmpty)
    #expect(Licence.findings(in: snippet("prose\n", at: "deploy/notes.md")).isEmpty)
    for bad in ["", "\n// \(line)\n", "import A\n// \(line)\n", "// SPDX-License-Identifier: MIT\n", "/// \(line)"] {
      #expect(Licence.findings(in: snippet(bad)).marks == ["1 licence"])
    }
    #expect(Licence.findings(in: snippet("#!/bin/sh\necho\n", at: "deploy/run")).marks == ["2 licence"])
  }
}
