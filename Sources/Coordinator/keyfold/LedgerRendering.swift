// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// The ledger of customer keys as text.
enum LedgerRendering {
  static func lines(_ keys: [KeyNeedView], _ palette: Palette) -> [String] {
    if keys.isEmpty { return ["No customer key is known yet."] }
    return keys.enumerated().flatMap { index, key in (index == 0 ? [] : [""]) + lines(key, palette) }
  }

  private static func lines(_ key: KeyNeedView, _ palette: Palette) -> [String] {
    let facts = [
      key.provider?.rawValue, key.version.map { "version \($0)" }, key.state.rawValue,
      key.projects.isEmpty ? nil : "project \(key.projects.map(\.text).joined(separator: ", "))",
      key.replacedAt.map { "replaced \($0)" }, key.retiredAt.map { "retired \($0)" },
    ]
    let verdict =
      key.canBeDeleted
      ? palette.paint("nothing that is known here depends on it: it can be deleted", .good)
      : palette.paint("do not disable or delete it", .warning)
    var lines = [palette.paint(key.keyID, .strong), "  " + facts.compactMap { $0 }.joined(separator: ", ")]
    lines += (key.replicas ?? []).map { "  the same key as \($0)" }
    lines += key.dependents.map { "  needed by \($0)" }
    lines.append("  " + verdict)
    return key.canBeDeleted ? lines + ["  " + condition(key)] : lines
  }

  /// What nobody here can know.
  private static func condition(_ key: KeyNeedView) -> String {
    let moment = key.freedAt.map { "\($0)" } ?? "it was replaced"
    return "but copies of disks (snapshots too) and of the coordinator made before \(moment) open with it alone"
  }
}
