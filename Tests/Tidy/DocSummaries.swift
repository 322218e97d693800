// SPDX-License-Identifier: GPL-3.0-or-later
/// The first paragraph of a documenting comment ends as a sentence does.
enum DocSummaries {
  static func findings(in source: Source) -> [Finding] {
    guard source.language == .swift, source.isInSources else { return [] }
    return source.lines.indices.compactMap { index in
      guard text(source, index) != nil, text(source, index - 1) == nil else { return nil }
      var end = index
      while let next = text(source, end + 1), !next.isEmpty, !startsBlock(next) { end += 1 }
      let summary = text(source, end) ?? ""
      guard !endsSentence(summary) else { return nil }
      return source.finding(end + 1, .docSummary, "`\(summary.suffix(24))` doesn't end a sentence")
    }
  }

  /// What a line of a documenting comment says; nil for other lines.
  private static func text(_ source: Source, _ index: Int) -> String? {
    let line = source.trimmedLine(index + 1)
    guard line.hasPrefix("///"), !line.hasPrefix("////") else { return nil }
    return line.dropFirst(3).trimmed
  }

  /// A list, a table, a heading or a block of code ends a paragraph as an empty line does.
  private static func startsBlock(_ text: String) -> Bool {
    ["- ", "* ", "| ", "```", "#", "1. "].contains { text.hasPrefix($0) }
  }

  private static func endsSentence(_ text: String) -> Bool {
    let bare = text.trimmed { ")`\"*_”".contains($0) }
    return bare.last.map { ".!?:…".contains($0) } ?? false
  }
}
