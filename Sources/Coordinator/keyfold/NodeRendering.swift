// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Nodes and clusters as text.
enum NodeRendering {
  static func list(_ nodes: [NodeView], now: OperatorTime, _ palette: Palette) -> [String] {
    var table = Table("node", "cluster", "phase", "role", "drivers", "encrypted", "applied", "heard")
    for node in nodes {
      table.rows.append([
        "\(node.name)", "\(node.cluster?.text ?? "-")", phase(node), "\(node.role?.rawValue ?? "-")",
        drivers(node), encryption(node), "\(node.oplog.map { Wording.count($0.appliedIndex) } ?? "-")",
        heard(node, now: now),
      ])
    }
    return table.lines(palette) + remarks(nodes, palette)
  }

  static func facts(_ node: NodeView, now: OperatorTime, _ palette: Palette) -> [String] {
    let own: [(String, Table.Cell?)] = [
      ("node", "\(node.name)"),
      ("cluster", "\(node.cluster?.text ?? "none yet")"),
      ("project", node.project.map { "\($0)" }),
      ("phase", phase(node)),
      ("reason", node.reason.map { "\($0)" }),
      ("role", node.role.map { "\($0.rawValue)" }),
      ("heard", heard(node, now: now)),
      ("enrolled", node.enrolledAt.map { "\($0)" }),
      ("public key", "\(node.publicKey)"),
      ("revoked", node.revokedAt.map { Table.Cell("\($0)", .bad) }),
      ("drivers", node.driverAddress.map { "\($0)" }),
      ("drivers' port", node.driverPort?.waiting.map { Table.Cell($0, .warning) }),
      ("drivers log in", node.driverPort.map(logIn)),
      ("drivers' TLS", node.driverPort.map { "\($0.tls.rawValue)" }),
      ("replication", node.replicationAddress.map { "\($0)" }),
      ("agent version", node.agentVersion.map { "\($0)" }),
      ("boot", node.boot.map { "\($0)" }),
      ("initial sync", node.initialSync.map { Table.Cell($0, .warning) }),
      ("at work", node.work.map { "\(PlanRendering.progressText($0))" }),
      ("distrusted", node.distrust.map { Table.Cell($0, .bad) }),
      ("second agent", node.secondBoot.map { Table.Cell("boot \($0)", .bad) }),
    ]
    return Table.facts(own + data(node) + [("scrub", node.scrub.map { scrub($0, now: now) })] + check(node), palette)
      + remarks([node], palette)
  }

  /// Where drivers connect, or will once the port is bound.
  private static func drivers(_ node: NodeView) -> Table.Cell {
    guard let address = node.driverAddress else { return "-" }
    return node.driverPort?.waiting == nil ? "\(address)" : Table.Cell("\(address), not bound", .warning)
  }

  private static func logIn(_ port: DriverPortReport) -> Table.Cell {
    switch port.authentication {
    case .on: "yes"
    case .off: Table.Cell("no: there is no user, anybody on the node's machine may read and write", .warning)
    case .unknown: Table.Cell("not known yet: the engine is closed", .faint)
    }
  }

  private static func data(_ node: NodeView) -> [(String, Table.Cell?)] {
    [
      ("encrypted", encryption(node)),
      ("generation", node.generation.map { "\($0.id)" }),
      (
        "superseded generations",
        node.supersededGenerations > 0 ? "\(node.supersededGenerations), being destroyed" : nil
      ),
      ("master key", node.generation?.masterKeyID.map { "\($0)" }),
      ("restart proven", node.generation?.masterKeyID == nil ? nil : proof(node)),
      ("customer's key", node.generation?.customerKeyID.map { "\($0)" }),
      ("keystore version", node.generation?.masterKeyID == nil ? nil : node.generation.map { "\($0.keystoreVersion)" }),
      (
        "oplog",
        node.oplog.map {
          Table.Cell(
            "term \($0.term), on disk \(Wording.count($0.lastIndex)), committed \(Wording.count($0.commitIndex)), "
              + "applied \(Wording.count($0.appliedIndex))")
        }
      ),
      ("oplog kept", node.oplog.flatMap(kept)),
      ("disk", node.disk.map(room)),
      ("catching up", node.oplog.flatMap(trouble)),
      ("assignment", "version \(node.assignmentVersion)"),
      ("IP list", "version \(node.ipListVersion)"),
    ]
  }

  private static func proof(_ node: NodeView) -> Table.Cell {
    node.restartProofAgeSeconds.map { Table.Cell("\(Wording.span(seconds: Double($0))) ago, with the key in use") }
      ?? Table.Cell("not yet with the key in use", .warning)
  }

  /// From which entry on, how large, and for how long a member may be away.
  private static func kept(_ oplog: OplogView) -> Table.Cell? {
    guard let first = oplog.firstIndex, let bytes = oplog.bytes, let window = oplog.windowSeconds else { return nil }
    let span = Wording.span(seconds: Double(window))
    return Table.Cell("from \(Wording.count(first)) on, \(Wording.bytes(Double(bytes))), a window of \(span)")
  }

  private static func trouble(_ oplog: OplogView) -> Table.Cell? {
    if oplog.needsInitialSync {
      return Table.Cell("impossible: the primary's oplog starts too late; it needs an initial sync", .bad)
    }
    guard oplog.recovering else { return nil }
    return Table.Cell(
      "it lost what it had acknowledged, and neither votes nor is elected until it has caught up", .warning)
  }

  private static func room(_ disk: DiskReport) -> Table.Cell {
    let text =
      "\(DiskReport.text(disk.freeBytes)) free of \(DiskReport.text(disk.totalBytes)), data takes "
      + DiskReport.text(disk.dataBytes)
    return Table.Cell(text, disk.freeBytes < disk.dataBytes ? .warning : nil)
  }

  /// How far the reading of all tables has come.
  private static func scrub(_ scrub: ScrubView, now: OperatorTime) -> Table.Cell {
    var parts = [scrub.lastPassAt.map { "all tables read \(Wording.ago($0, now: now))" } ?? "not all tables read yet"]
    if scrub.tablesTotal > 0 { parts.append("\(scrub.tablesDone) of \(scrub.tablesTotal) of this pass") }
    parts.append("\(Wording.bytes(Double(scrub.bytes))) since the start")
    if let pause = scrub.pause { parts.append("waits: \(pause)") }
    return Table.Cell(parts.joined(separator: ", "), scrub.pause == nil ? nil : .warning)
  }

  private static func check(_ node: NodeView) -> [(String, Table.Cell?)] {
    [
      ("last KMS check", node.lastCheck.map { ProjectRendering.verdict($0) }),
      ("checked at", node.lastCheck?.checkedAt.map { "\($0)" }),
    ]
  }

  /// What does not fit into a row: reasons and damage.
  private static func remarks(_ nodes: [NodeView], _ palette: Palette) -> [String] {
    nodes.flatMap { node in
      var lines: [String] = []
      if nodes.count > 1, let reason = node.reason { lines.append("\(node.name): \(reason)") }
      lines += trust(node, palette)
      for damage in node.damage {
        lines.append(palette.paint("\(node.name): \(damage.file) is damaged: \(damage.reason)", .bad))
      }
      return lines
    }
  }

  /// Why a node is not approved, and what can be done.
  private static func trust(_ node: NodeView, _ palette: Palette) -> [String] {
    var lines: [String] = []
    if let distrust = node.distrust {
      lines.append(palette.paint("\(node.name): \(distrust)", .bad))
      lines.append(
        "  if you know why: keyfold node approve \(node.name); for fresh data: keyfold node resync \(node.name)")
    }
    if let second = node.secondBoot {
      lines.append(palette.paint("\(node.name): a second agent with its identity runs, boot \(second)", .bad))
      lines.append("  stop one of the two; if the second is the right one: keyfold node approve \(node.name)")
    }
    return lines
  }

  private static func phase(_ node: NodeView) -> Table.Cell {
    switch node.phase {
    case "serving": Table.Cell(node.phase, .good)
    case "failed", "disabled", "not approved": Table.Cell(node.phase, .bad)
    case "stopped", "empty": Table.Cell(node.phase)
    default: Table.Cell(node.phase, .warning)
    }
  }

  private static func encryption(_ node: NodeView) -> Table.Cell {
    guard let generation = node.generation else { return Table.Cell("no data", .faint) }
    return generation.encrypted ? Table.Cell("yes", .good) : Table.Cell("no")
  }

  private static func heard(_ node: NodeView, now: OperatorTime) -> Table.Cell {
    let text = Wording.ago(node.lastHeardAt, now: now)
    return node.connected ? Table.Cell(text) : Table.Cell(text == "never" ? text : "silent, \(text)", .bad)
  }
}
