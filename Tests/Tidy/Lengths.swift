// SPDX-License-Identifier: GPL-3.0-or-later
/// A file has at most 400 lines (a schema 800), a line at most 120 characters; generated code and tables in comments
/// may be longer.
enum Lengths {
  private static let linesMax = 400
  /// The schema is one file, so that field numbers are seen side by side.
  private static let schemaLinesMax = 800
  private static let columnsMax = 120

  static func findings(in source: Source) -> [Finding] {
    guard source.isCode, !source.isGenerated else { return [] }
    var findings: [Finding] = []
    let count = source.lines.last == "" ? source.lines.count - 1 : source.lines.count
    let most = source.path.hasSuffix(".proto") ? schemaLinesMax : linesMax
    if count > most {
      findings.append(source.finding(1, .fileLength, "\(count) lines, more than \(most)"))
    }
    for (offset, line) in source.lines.enumerated() where line.utf8.count > columnsMax {
      let columns = line.count
      guard columns > columnsMax, !isTable(line) else { continue }
      findings.append(source.finding(offset + 1, .lineLength, "\(columns) columns, more than \(columnsMax)"))
    }
    return findings
  }

  private static func isTable(_ line: String) -> Bool {
    let text = line.trimmed
    return ["/// |", "// |", "# |"].contains { text.hasPrefix($0) }
  }
}
