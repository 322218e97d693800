// SPDX-License-Identifier: GPL-3.0-or-later
/// No path and no type is called by a name that says nothing: what belongs together has a name of its own.
enum BannedNames {
  private static let banned: Set<String> = [
    "Util", "Utils", "Utility", "Utilities", "Helper", "Helpers", "Common", "Misc", "Manager",
  ]
  private static let declarations: Set<String> = ["struct", "class", "enum", "actor", "protocol", "typealias"]

  static func findings(in source: Source) -> [Finding] {
    var findings = words(of: source.path).intersection(banned).sorted().map {
      source.finding(1, .bannedName, "`\($0)` in the path says nothing about what is in it")
    }
    for (index, token) in source.tokens.enumerated() where token.kind == .word && declarations.contains(token.text) {
      guard let name = source.tokens.token(index + 1), name.kind == .word else { continue }
      findings += words(of: name.text).intersection(banned).sorted().map {
        source.finding(name.line, .bannedName, "`\($0)` in `\(name.text)` says nothing about what it is")
      }
    }
    return findings
  }

  /// The words of a name, each with a capital: `KeyManager`, `key_manager` and `key-manager` are Key and Manager.
  static func words(of name: String) -> Set<String> {
    var words: Set<String> = []
    for part in name.split(whereSeparator: { !$0.isLetter && !$0.isNumber }) {
      var word = ""
      for character in part {
        if character.isUppercase, word.last?.isUppercase == false {
          words.insert(word)
          word = ""
        }
        word.append(word.isEmpty ? Character(character.uppercased()) : character)
      }
      words.insert(word)
    }
    return words
  }
}
