// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Clusters as text.
enum ClusterRendering {
  static func list(_ clusters: [ClusterView], _ palette: Palette) -> [String] {
    var table = Table("cluster", "project", "state", "encryption", "primary", "nodes", "open plans")
    for cluster in clusters {
      table.rows.append([
        "\(cluster.name)", "\(cluster.project)", state(cluster), encryption(cluster),
        "\(cluster.primary?.text ?? "-")", "\(cluster.nodes.count)",
        "\(cluster.openPlans.isEmpty ? "-" : plans(cluster))",
      ])
    }
    return table.lines(palette)
  }

  static func facts(_ cluster: ClusterView, now: OperatorTime, _ palette: Palette) -> [String] {
    let plans = plans(cluster)
    let facts = Table.facts(
      [
        ("cluster", "\(cluster.name)"), ("project", "\(cluster.project)"), ("state", state(cluster)),
        ("class", cluster.clusterClass.map { "\($0.rawValue)" }), ("reason", cluster.reason.map { "\($0)" }),
        ("disabled since", cluster.disabledSince.map { "\($0)" }), ("what to do", cluster.next.map { "\($0)" }),
        ("queued", cluster.queued.map { "\($0.joined(separator: ", ")); applied once the key is back" }),
        ("encryption", encryption(cluster)), ("master keys", cluster.rotation.map(RotationRendering.summary)),
        ("customer key", cluster.keyChange.map { Table.Cell($0, .warning) }),
        ("change under way", cluster.change.map { "\($0.joined(separator: "; "))" }),
        ("primary", cluster.primary.map { "\($0)" }), ("connect with", cluster.connectionString.map { "\($0)" }),
        ("open plans", plans.isEmpty ? nil : "\(plans)   (keyfold plan watch ID)"),
      ], palette)
    return facts + [""] + NodeRendering.list(cluster.nodes, now: now, palette)
  }

  private static func plans(_ cluster: ClusterView) -> String {
    cluster.openPlans.map { String($0.text.prefix(8)) }.joined(separator: ", ")
  }

  private static func state(_ cluster: ClusterView) -> Table.Cell {
    switch cluster.state {
    case "serving": Table.Cell(cluster.state, .good)
    case "disabled", "no primary": Table.Cell(cluster.state, .bad)
    case "stopped": Table.Cell(cluster.state)
    default: Table.Cell(cluster.state, .warning)
    }
  }

  private static func encryption(_ cluster: ClusterView) -> Table.Cell {
    Table.Cell(cluster.encryption, cluster.encryption == "on" ? .good : cluster.encryption == "off" ? nil : .warning)
  }
}
