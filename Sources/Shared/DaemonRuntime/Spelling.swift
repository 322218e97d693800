// SPDX-License-Identifier: GPL-3.0-or-later

/// Finds what somebody probably meant to type, and makes text safe to show.
public enum Spelling {
  /// The word of `candidates` with the fewest edits from `word`, if there are few enough; of equals the first in order.
  public static func nearest(to word: String, among candidates: [String]) -> String? {
    let limit = max(2, word.count / 3)
    return candidates.sorted()
      .map { (word: $0, edits: edits(between: word.lowercased(), and: $0.lowercased())) }
      .filter { $0.edits <= limit }
      .min { $0.edits < $1.edits }?
      .word
  }

  /// Text without control characters and cut to `limit` characters, for logs and error texts.
  public static func printable(_ text: String, limit: Int = 200) -> String {
    var result = ""
    for scalar in text.unicodeScalars.prefix(limit) {
      switch scalar.properties.generalCategory {
      case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator:
        result += "\\u{" + String(scalar.value, radix: 16) + "}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return text.unicodeScalars.count > limit ? result + "…" : result
  }

  /// The Damerau-Levenshtein distance in its restricted form: insertions, deletions, exchanges, swapped neighbours.
  private static func edits(between first: String, and second: String) -> Int {
    let (left, right) = (Array(first.unicodeScalars.prefix(128)), Array(second.unicodeScalars.prefix(128)))
    var beforePrevious = [Int](repeating: 0, count: right.count + 1)
    var previous = Array(0...right.count)
    for (row, scalar) in left.enumerated() {
      var current = [row + 1]
      for (column, other) in right.enumerated() {
        var best = min(previous[column + 1] + 1, current[column] + 1, previous[column] + (scalar == other ? 0 : 1))
        if row > 0, column > 0, scalar == right[column - 1], left[row - 1] == other {
          best = min(best, beforePrevious[column - 1] + 1)
        }
        current.append(best)
      }
      (beforePrevious, previous) = (previous, current)
    }
    return previous[right.count]
  }
}
