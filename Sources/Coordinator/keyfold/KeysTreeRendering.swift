// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// The tree of keys as a picture in text.
enum KeysTreeRendering {
  /// How many keys of a node are drawn unless all are asked for.
  static let keysShown = 25

  static func lines(_ tree: KeysTreeView, keysShown: Int, _ palette: Palette) -> [String] {
    var lines: [String] = []
    for key in tree.customerKeys {
      if !lines.isEmpty { lines.append("") }
      lines += customerKey(key, now: tree.drawnAt, keysShown: keysShown, palette)
    }
    if !tree.plainNodes.isEmpty {
      if !lines.isEmpty { lines.append("") }
      lines.append(palette.paint("under no key", .strong))
      lines += branches(tree.plainNodes) { node in
        ["\(node.node) (\(node.cluster))  \(palette.paint(node.reason, .faint))"]
      }
    }
    return lines.isEmpty ? ["There is no key and no node yet."] : lines
  }

  private static func customerKey(
    _ key: CustomerKeyView, now: OperatorTime, keysShown: Int, _ palette: Palette
  ) -> [String] {
    let verdict = ProjectRendering.verdict(key.lastCheck)
    let facts = [
      key.projects.isEmpty
        ? "no project's settings name it" : "project \(key.projects.map(\.text).joined(separator: ", "))",
      palette.paint(verdict.text, verdict.ink),
      key.lastCheck.map { "checked \(Wording.ago($0.checkedAt, now: now))" },
    ]
    let head = palette.paint("CMK \(key.keyID)", .strong)
    let note = key.note.map { palette.paint($0, .warning) }
    let subhead = "    " + ([key.provider?.rawValue] + facts + [note]).compactMap { $0 }.joined(separator: ", ")
    if key.masterKeys.isEmpty { return [head, subhead, "└─ " + palette.paint("wraps no master key yet", .faint)] }
    return [head, subhead]
      + branches(key.masterKeys) { masterKey in
        masterKeyLines(masterKey, now: now, keysShown: keysShown, palette)
      }
  }

  private static func masterKeyLines(
    _ key: MasterKeyView, now: OperatorTime, keysShown: Int, _ palette: Palette
  ) -> [String] {
    let facts = [
      "master key \(key.id.text.prefix(8))", "\(Wording.age(key.createdAt, now: now)) old",
      palette.paint(key.state, key.state == "in use" ? .good : .warning), "keystore version \(key.keystoreVersion)",
      key.checkValue.map { "check value \($0.prefix(12))" },
      key.restartProofAgeSeconds.map { "restart proven \(Wording.span(seconds: Double($0))) ago" },
    ]
    let head =
      palette.paint("\(key.node)", .strong) + " (\(key.cluster))  " + facts.compactMap { $0 }.joined(separator: ", ")
    let shown = key.keys.prefix(keysShown)
    let width = shown.map(\.scope.count).max() ?? 0
    var leaves = shown.map { leaf in
      let scope = leaf.scope + String(repeating: " ", count: width - leaf.scope.count)
      return "\(scope)  \(palette.paint(String(leaf.id.text.suffix(36).prefix(8)), .faint))  "
        + "\(Wording.age(leaf.createdAt, now: now)) old"
    }
    if key.keys.count > shown.count {
      leaves.append(palette.paint("and \(key.keys.count - shown.count) more (--all draws them)", .faint))
    }
    return [head] + branches(leaves) { [$0] }
  }

  /// Draws each item below one another with its own lines below it.
  private static func branches<Item>(_ items: [Item], _ draw: (Item) -> [String]) -> [String] {
    items.enumerated().flatMap { index, item in
      let isLast = index == items.count - 1
      return draw(item).enumerated().map { line, text in
        (line == 0 ? (isLast ? "└─ " : "├─ ") : (isLast ? "   " : "│  ")) + text
      }
    }
  }
}
