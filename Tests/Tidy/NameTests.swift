// SPDX-License-Identifier: GPL-3.0-or-later
import Testing

@Suite("Names say something, and some words stay out")
struct NameTests {
  @Test("splits names into words")
  func words() {
    #expect(BannedNames.words(of: "KeyManager") == ["Key", "Manager"])
    #expect(BannedNames.words(of: "key_manager-utils/a") == ["Key", "Manager", "Utils", "A"])
    #expect(BannedNames.words(of: "KMSManagement") == ["KMSManagement"])
  }

  @Test(
    "finds names that say nothing",
    arguments: [
      ("Sources/Shared/Utils/A.swift", ""), ("Sources/Shared/A/A+Helpers.swift", ""), ("Tests/Common/a.c", ""),
      ("deploy/misc", ""), ("A.swift", "struct KeyManager {}"), ("A.swift", "typealias Utility = Int"),
      ("A.swift", "final class TestHelper {}"),
    ])
  func banned(path: String, text: String) {
    #expect(BannedNames.findings(in: snippet(text, at: path)).marks == ["1 banned-name"])
  }

  @Test(
    "leaves names alone",
    arguments: [
      "struct KeyManagement {}", "let manager = FileManager.default", "// struct Utils", "struct Commons {}",
    ])
  func fine(text: String) {
    #expect(BannedNames.findings(in: snippet(text)).isEmpty)
  }

  private static let key = "-----BEGIN RSA PRIVATE" + " KEY-----"
  private static let base64 = String(repeating: "MIIE", count: 16)

  @Test(
    "finds banned words in any text",
    arguments: [
      "see " + "farm" + "-bench", "Farm" + "-Studio", "https://pypi" + ".org/simple", "deb.debian" + ".org",
      "cd /" + "work/main", "(/" + "work/a)", "\(key)\n\(base64)", "\"\(key)\\n\(base64)\"",
    ])
  func bannedWords(text: String) {
    #expect(BannedWords.findings(in: snippet(text, at: "deploy/notes.md")).marks == ["1 banned-word"])
  }

  @Test(
    "leaves alone what only looks like them",
    arguments: [
      "a net/work/b", "$HOME/work/a", "\(key)", "\(key)\n...", "-----BEGIN CERTIFICATE-----\n\(base64)", "/workers/a",
    ])
  func fineWords(text: String) {
    #expect(BannedWords.findings(in: snippet(text, at: "deploy/notes.md")).isEmpty)
  }

  @Test("finds the folder of temporary files in sources only")
  func temporary() {
    let text = "let a = \"/" + "tmp/a\""
    #expect(BannedWords.findings(in: snippet(text)).marks == ["1 banned-word"])
    #expect(BannedWords.findings(in: snippet(text, at: "Tests/A/A.swift")).isEmpty)
  }

  @Test("finds sleeps and switched-off tests in tests")
  func habits() {
    let text = """
      try await Task.sleep(for: .seconds(1))
      usleep(10)
      @Test("a", .disabled("b"))
      withKnownIssue { c() }
      func sleep(until: Int) {}
      let asleep = sleeper(1), b: State = .disabled("c")  // sleep(1)
      @Test(.enabled(if: d))
      """
    let source = snippet(text, at: "Tests/SampleTests/A.swift")
    #expect(TestHabits.findings(in: source).marks == ["1 sleep", "2 sleep", "3 disabled-test", "4 disabled-test"])
    #expect(TestHabits.findings(in: snippet(text)).isEmpty)
  }
}
