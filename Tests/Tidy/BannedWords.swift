// SPDX-License-Identifier: GPL-3.0-or-later
/// What no text file of the repository holds: private keys, places of the machine it was built on, names from there.
///
/// Each word is put together from pieces, so that this file may be searched as well.
enum BannedWords {
  private static let everywhere: [(word: String, reason: String)] = [
    ("farm" + "-bench", "the name of an internal tool"),
    ("farm" + "-studio", "the name of an internal tool"),
    ("pypi" + ".org", "a package registry's host; the user's configuration names it"),
    ("deb.debian" + ".org", "a package registry's host; the user's configuration names it"),
  ]
  private static let keyHeader = ("-----BEGIN", "PRIVATE KEY" + "-----")
  /// As many base64 characters in a row after the header as no placeholder has.
  private static let keyBytesMin = 40

  static func findings(in source: Source) -> [Finding] {
    var findings: [Finding] = []
    for (offset, line) in source.lines.enumerated() {
      let lowered = line.lowercased()
      for (word, reason) in everywhere where lowered.contains(word) {
        findings.append(source.finding(offset + 1, .bannedWord, "`\(word)`: \(reason)"))
      }
      for root in ["work", "tmp"] where names(absolute: root, in: line) && (root == "work" || source.isInSources) {
        findings.append(source.finding(offset + 1, .bannedWord, "an absolute path below `\(root)`"))
      }
      if let header = line.splitOnce(at: keyHeader.1), header.before.contains(keyHeader.0),
        holdsKey(header.after, source, offset)
      {
        findings.append(source.finding(offset + 1, .bannedWord, "a private key; make one where it is used"))
      }
    }
    return findings
  }

  /// Whether the line has the path `/root/` as the beginning of a path, not as a part of one.
  private static func names(absolute root: String, in line: String) -> Bool {
    var rest = line[...]
    while let range = rest.firstRange(of: "/" + root + "/") {
      let before = line[..<range.lowerBound].last
      if before.map({ !$0.isLetter && !$0.isNumber && !"._-})".contains($0) }) ?? true { return true }
      rest = rest[range.upperBound...]
    }
    return false
  }

  /// Whether base64 follows the header, behind it or in the next lines.
  private static func holdsKey(_ rest: String, _ source: Source, _ offset: Int) -> Bool {
    let next = source.lines.dropFirst(offset + 1).prefix(2).map(\.trimmed)
    let texts = [rest.replacing("\\n", with: "").trimmed] + next
    return texts.contains { text in
      text.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "+/=".contains($0)) }.count >= keyBytesMin
    }
  }
}
