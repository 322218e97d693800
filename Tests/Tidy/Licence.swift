// SPDX-License-Identifier: GPL-3.0-or-later
/// Each source and script begins with its licence; only a line its reader needs first (`#!`, the tools version) may
/// precede.
enum Licence {
  private static let licence = "SPDX-License-Identifier: GPL-3.0-or-later"

  static func findings(in source: Source) -> [Finding] {
    guard source.isCode else { return [] }
    let first = source.trimmedLine(1)
    let line = first.hasPrefix("#!") || first.hasPrefix("// swift-tools-version") ? 2 : 1
    let accepted = ["// ", "# "].map { $0 + licence }
    guard !accepted.contains(source.trimmedLine(line)) else { return [] }
    return [source.finding(line, .licence, "the line `\(licence)` is missing here")]
  }
}
