// SPDX-License-Identifier: GPL-3.0-or-later

/// A table with aligned columns; the last column is not padded.
struct Table {
  /// A cell: its text and its colour.
  struct Cell: ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    let text: String
    let ink: Palette.Ink?

    init(_ text: String, _ ink: Palette.Ink? = nil) {
      self.text = text
      self.ink = ink
    }

    init(stringLiteral text: String) { self.init(text) }
  }

  let headings: [String]
  var rows: [[Cell]] = []

  init(_ headings: String...) { self.headings = headings }

  /// The table's lines; headings are set off by case alone, so that they survive a pipe.
  func lines(_ palette: Palette) -> [String] {
    let all = [headings.map { Cell($0.uppercased(), .strong) }] + rows
    let widths = headings.indices.map { column in all.map { $0[column].text.count }.max() ?? 0 }
    return all.map { row in
      let cells = row.enumerated().map { column, cell in
        let isLast = column == headings.count - 1
        return palette.paint(cell.text, cell.ink)
          + String(repeating: " ", count: isLast ? 0 : widths[column] - cell.text.count)
      }
      return cells.joined(separator: "  ").trimmingSuffix { $0 == " " }
    }
  }

  /// Names and values below one another, for one thing with many facts.
  static func facts(_ facts: [(String, Cell?)], _ palette: Palette) -> [String] {
    let known = facts.compactMap { name, cell in cell.map { (name, $0) } }
    let width = known.map(\.0.count).max() ?? 0
    return known.map { name, cell in
      let label = name + String(repeating: " ", count: width - name.count)
      return palette.paint(label, .faint) + "  " + palette.paint(cell.text, cell.ink)
    }
  }
}

extension String {
  fileprivate func trimmingSuffix(while matches: (Character) -> Bool) -> String {
    var end = endIndex
    while end > startIndex, matches(self[index(before: end)]) { end = index(before: end) }
    return String(self[..<end])
  }
}
