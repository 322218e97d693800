// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Plans as text.
enum PlanRendering {
  /// The width of a progress bar, in characters.
  static let barWidth = 20

  static func list(_ plans: [PlanView], now: OperatorTime, _ palette: Palette) -> [String] {
    var table = Table("plan", "kind", "cluster", "state", "steps", "made", "took", "remark")
    for plan in plans {
      table.rows.append([
        "\(plan.id.text.prefix(8))", "\(plan.kind)", "\(plan.cluster)", state(plan),
        "\(plan.stepsDone)/\(plan.steps.count)", "\(Wording.ago(plan.createdAt, now: now))",
        "\(took(plan.createdAt, plan.finishedAt) ?? "-")", "\(plan.waitingReason ?? "")",
      ])
    }
    return table.lines(palette)
  }

  /// A plan with its steps, as it is shown and redrawn.
  static func lines(_ plan: PlanView, now: OperatorTime, _ palette: Palette) -> [String] {
    let state = state(plan)
    let span = took(plan.createdAt, plan.finishedAt ?? now) ?? "0 s"
    var lines = [
      palette.paint("Plan \(plan.id.text.prefix(8))", .strong) + "  \(plan.kind), cluster \(plan.cluster): "
        + palette.paint(state.text, state.ink)
        + ", \(plan.stepsDone) of \(Wording.counted(plan.steps.count, "step")), \(span)"
    ]
    if let reason = plan.reason { lines.append("  because " + reason) }
    if let reason = plan.waitingReason {
      let label = plan.state == .failed ? "failed: " : plan.state == .superseded ? "replaced: " : "waiting: "
      lines.append("  " + palette.paint(label + reason, plan.state == .failed ? .bad : .warning))
    }
    let width = plan.steps.map { $0.node?.text.count ?? 0 }.max() ?? 0
    return lines + plan.steps.flatMap { step($0, nodeWidth: width, now: now, palette) }
  }

  /// One line for each thing worth a line in a log.
  static func changes(_ plan: PlanView) -> [String] {
    let name = "plan \(plan.id.text.prefix(8))"
    var lines = plan.steps.filter { $0.state != .pending }.map { step in
      "\(name): \(step.node.map { "\($0): " } ?? "")\(step.title): \(step.state.rawValue)"
    }
    if let reason = plan.waitingReason { lines.append("\(name): \(plan.state.rawValue): \(reason)") }
    if plan.state.isFinal { lines.append("\(name): \(plan.state.rawValue)") }
    return lines
  }

  private static func step(_ step: PlanStepView, nodeWidth: Int, now: OperatorTime, _ palette: Palette) -> [String] {
    let node = (step.node?.text ?? "").padded(to: nodeWidth)
    var line = "  \(mark(step, palette)) \(node)  \(step.title)"
    switch step.state {
    case .pending: line = "  \(mark(step, palette)) " + palette.paint("\(node)  \(step.title)", .faint)
    case .done: line += took(step.startedAt, step.finishedAt).map { "  in \($0)" } ?? ""
    case .failed: line += "  not done"
    case .running, .waiting: line += took(step.startedAt, now).map { "  for \($0)" } ?? ""
    }
    var lines = [line]
    if step.state == .running || step.state == .waiting {
      let indent = String(repeating: " ", count: 6 + nodeWidth)
      if let progress = step.progress { lines.append(indent + progressText(progress)) }
      if !step.detail.isEmpty { lines.append(indent + palette.paint(step.detail, .warning)) }
    }
    return lines
  }

  /// The bar, counts, rates and the time left of a running job.
  static func progressText(_ progress: ProgressView) -> String {
    var parts = [progress.stage]
    if progress.documentsTotal > 0 {
      parts.append("\(bar(progress.fraction)) \(Int((progress.fraction * 100).rounded(.down)))%")
      let about = progress.documentsDone < progress.documentsTotal ? "about " : ""
      parts.append(
        "\(Wording.count(progress.documentsDone)) of \(about)\(Wording.count(progress.documentsTotal)) documents")
      if progress.bytesTotal > 0 {
        parts.append(
          "\(Wording.bytes(Double(progress.bytesDone))) of \(about)\(Wording.bytes(Double(progress.bytesTotal)))")
      }
    } else if progress.documentsDone > 0 {
      parts.append("\(Wording.count(progress.documentsDone)) documents, \(Wording.bytes(Double(progress.bytesDone)))")
    }
    if progress.documentsPerSecond >= 1 {
      let rate = UInt64(min(progress.documentsPerSecond, 1e15))
      parts.append("\(Wording.count(rate))/s, \(Wording.bytes(progress.bytesPerSecond))/s")
    }
    if let left = progress.secondsLeft, progress.documentsDone < progress.documentsTotal {
      parts.append("\(Wording.span(seconds: left)) left")
    }
    if !progress.remark.isEmpty { parts.append("(\(progress.remark))") }
    return parts.joined(separator: "  ")
  }

  static func bar(_ fraction: Double) -> String {
    let filled = Int((max(0, min(1, fraction)) * Double(barWidth)).rounded(.down))
    return "▕" + String(repeating: "█", count: filled) + String(repeating: "░", count: barWidth - filled) + "▏"
  }

  private static func mark(_ step: PlanStepView, _ palette: Palette) -> String {
    switch step.state {
    case .pending: palette.paint("·", .faint)
    case .running: palette.paint("▶", .strong)
    case .waiting: palette.paint("…", .warning)
    case .failed: palette.paint("✗", .bad)
    case .done: palette.paint("✓", .good)
    }
  }

  private static func state(_ plan: PlanView) -> Table.Cell {
    switch plan.state {
    case .done: Table.Cell(plan.state.rawValue, .good)
    case .failed: Table.Cell(plan.state.rawValue, .bad)
    case .waiting, .superseded: Table.Cell(plan.state.rawValue, .warning)
    case .running: Table.Cell(plan.state.rawValue)
    }
  }

  private static func took(_ from: OperatorTime?, _ to: OperatorTime?) -> String? {
    guard let from, let to else { return nil }
    let (milliseconds, overflow) = to.milliseconds.subtractingReportingOverflow(from.milliseconds)
    return overflow ? nil : Wording.span(seconds: Double(max(0, milliseconds)) / 1000)
  }
}

extension String {
  fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
