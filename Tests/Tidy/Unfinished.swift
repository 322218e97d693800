// SPDX-License-Identifier: GPL-3.0-or-later
/// No source leaves a note that it isn't finished.
enum Unfinished {
  private static let notes: Set<String> = ["TODO", "FIXME", "XXX", "HACK"]

  static func findings(in source: Source) -> [Finding] {
    guard source.isInSources || source.path.hasPrefix("deploy/") else { return [] }
    return source.lines.enumerated().flatMap { offset, line -> [Finding] in
      guard notes.contains(where: { line.contains($0) }) else { return [] }
      let words = line.split { !$0.isLetter && !$0.isNumber && $0 != "_" }.map(String.init)
      return Set(words).intersection(notes).sorted().map {
        source.finding(offset + 1, .unfinished, "\($0): finish it or say what is so, not what is missing")
      }
    }
  }
}
