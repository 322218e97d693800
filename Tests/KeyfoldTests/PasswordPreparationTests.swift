// SPDX-License-Identifier: GPL-3.0-or-later
import Secrets
import Testing

@testable import keyfold

@Suite("Passwords are prepared as drivers prepare them, or refused")
struct PasswordPreparationTests {
  @Test(
    "prepares RFC 4013's own examples, and spaces, ligatures and accents",
    arguments: [
      ("I\u{AD}X", "IX"), ("user", "user"), ("USER", "USER"), ("\u{AA}", "a"), ("\u{2168}", "IX"),
      ("p\u{A0}w", "p w"), ("\u{FB01}x", "fix"), ("cafe\u{301}", "caf\u{E9}"),
      ("\u{627}\u{661}\u{628}", "\u{627}\u{661}\u{628}"),
    ])
  func examples(input: String, output: String) throws {
    #expect(Array(try PasswordPreparation.prepare(input).utf8) == Array(output.utf8))
  }

  @Test(
    "refuses what RFC 4013 prohibits, what mixes directions, and what Unicode 3.2 did not know",
    arguments: [
      "\u{7}", "a\u{85}b", "\u{627}\u{31}", "\u{627}a\u{628}", "a\u{627}", "\u{E000}", "\u{FFFD}", "\u{202E}a",
      "\u{1F600}", "\u{221}", "\u{2F868}", "\u{AD}", "\u{E0041}", "\u{1F9}\u{10FFFF}",
    ])
  func refusals(_ input: String) {
    #expect(throws: PasswordPreparation.Refusal.self) { try PasswordPreparation.prepare(input) }
  }

  @Test("leaves plain ASCII as it is, and refuses controls and what is not UTF-8")
  func bytes() throws {
    func prepared(_ bytes: [UInt8]) throws -> [UInt8] {
      try PasswordPreparation.prepare(Secret(SecretBytes(copying: bytes))).withSecret { $0.unprotectedCopy() }
    }
    #expect(try prepared(Array(" p@ss\\w0rd~".utf8)) == Array(" p@ss\\w0rd~".utf8))
    #expect(try prepared(Array("\u{FB01}".utf8)) == Array("fi".utf8))
    for bytes: [UInt8] in [Array("a\tb".utf8), [0x61, 0x7F], [0x61, 0], [0xC3], [0xFF, 0xFE]] {
      #expect(throws: PasswordPreparation.Refusal.self) { try prepared(bytes) }
    }
  }
}
