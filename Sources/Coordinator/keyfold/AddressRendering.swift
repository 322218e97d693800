// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Addresses as text.
enum AddressRendering {
  static func list(_ view: IPListView, now: OperatorTime, _ palette: Palette) -> [String] {
    var table = Table("cluster", "node", "address", "used", "holds version")
    for entry in view.list.nodes {
      let held = view.heldBy.first { $0.node == entry.node }?.version ?? 0
      let use = entry.direction?.rawValue ?? "both ways"
      table.rows.append([
        "\(entry.cluster)", "\(entry.node)", "\(entry.address)",
        Table.Cell(entry.future == true ? "\(use), in future" : use),
        held == view.list.version ? Table.Cell("\(held)", .good) : Table.Cell("\(held)", .warning),
      ])
    }
    let control = view.controlPlane?.map(text) ?? view.list.controlPlane
    var lines = [
      "version \(view.list.version), control plane: \(control.isEmpty ? "not known" : control.joined(separator: ", "))"
    ]
    lines += view.list.nodes.isEmpty ? ["no node has told its address yet"] : table.lines(palette)
    for access in view.access ?? [] { lines += [""] + self.access(access, now: now, palette) }
    return lines
  }

  static func access(_ view: AccessListView, now: OperatorTime, _ palette: Palette) -> [String] {
    guard view.isOn else {
      return ["Project \(view.project) has no access list: drivers may connect from anywhere."]
    }
    let state =
      "project \(view.project), version \(view.version) held by \(view.nodesUpToDate) of \(view.nodes) "
      + (view.nodes == 1 ? "node" : "nodes")
    guard !view.entries.isEmpty else {
      return [state, "The list has no entry: nobody is let in but the clusters' own nodes and localhost."]
    }
    var table = Table("let in", "until", "added", "comment")
    for entry in view.entries {
      table.rows.append([
        "\(entry.range)", "\(entry.expiresAt.map(\.description) ?? "-")", "\(Wording.ago(entry.addedAt, now: now))",
        "\(entry.comment.isEmpty ? "-" : entry.comment)",
      ])
    }
    return [state] + table.lines(palette)
  }

  private static func text(_ address: ControlPlaneAddress) -> String {
    guard let provider = address.provider, let region = address.region else { return address.address }
    return "\(address.address) (\(provider.rawValue) \(region))"
  }
}
