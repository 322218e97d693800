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

  /// Shows a plan as it stands.
  static func show(_ plan: PlanView, _ terminal: Terminal) {
    terminal.show(plan) { plan, palette in
      lines(plan, now: .now, columns: terminal.isInteractive ? terminal.columns : nil, palette)
    }
  }

  /// A plan with its steps, as it is shown and redrawn. In a terminal of so many `columns` what says least of a copy is
  /// left out, so that its rate and the time left are never cut off.
  static func lines(_ plan: PlanView, now: OperatorTime, columns: Int? = nil, _ palette: Palette) -> [String] {
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
    return lines + plan.steps.flatMap { step($0, nodeWidth: width, now: now, columns: columns, palette) }
  }

  private static func step(
    _ step: PlanStepView, nodeWidth: Int, now: OperatorTime, columns: Int?, _ palette: Palette
  ) -> [String] {
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
      if let progress = step.progress {
        lines += progressLines(progress, columns: columns.map { $0 - indent.count }).map { indent + $0 }
      }
      if !step.detail.isEmpty { lines.append(indent + palette.paint(step.detail, .warning)) }
    }
    return lines
  }

  /// The bar, rates, the time left and counts of a running job in a line.
  static func progressText(_ progress: ProgressView) -> String {
    (parts(of: progress, .everything) + remark(of: progress)).joined(separator: "  ")
  }

  /// The same in at most `columns` characters: bytes, then the bar, then documents are left out for it; what is to be
  /// remarked gets a line of its own.
  static func progressLines(_ progress: ProgressView, columns: Int?) -> [String] {
    let whole = progressText(progress)
    guard let columns, whole.count > columns else { return [whole] }
    let texts = Detail.allCases.map { parts(of: progress, $0).joined(separator: "  ") }
    let text = texts.first { $0.count <= columns } ?? texts.last ?? whole
    return [text] + remark(of: progress)
  }

  /// How much is told of a running job; each leaves out one thing more than the one before.
  private enum Detail: Int, CaseIterable { case everything, withoutBytes, withoutBar, withoutDocuments }

  private static func remark(of progress: ProgressView) -> [String] {
    progress.remark.isEmpty ? [] : ["(\(progress.remark))"]
  }

  private static func parts(of progress: ProgressView, _ detail: Detail) -> [String] {
    var parts = [progress.stage]
    if progress.documentsTotal > 0 {
      let bar = detail.rawValue < Detail.withoutBar.rawValue ? bar(progress.fraction) + " " : ""
      parts.append("\(bar)\(Int((progress.fraction * 100).rounded(.down)))%")
    }
    if progress.documentsPerSecond >= 1 {
      let rate = UInt64(min(progress.documentsPerSecond, 1e15))
      parts.append("\(Wording.count(rate))/s, \(Wording.bytes(progress.bytesPerSecond))/s")
    }
    if let left = progress.secondsLeft, progress.documentsDone < progress.documentsTotal {
      parts.append("\(Wording.span(seconds: left)) left")
    }
    return parts + counts(of: progress, detail)
  }

  private static func counts(of progress: ProgressView, _ detail: Detail) -> [String] {
    guard detail != .withoutDocuments, max(progress.documentsTotal, progress.documentsDone) > 0 else { return [] }
    let about = progress.documentsDone < progress.documentsTotal ? "about " : ""
    let isTotalKnown = progress.documentsTotal > 0
    let total = isTotalKnown ? " of \(about)\(Wording.count(progress.documentsTotal))" : ""
    var parts = ["\(Wording.count(progress.documentsDone))\(total) documents"]
    if detail == .everything, progress.bytesTotal > 0 || !isTotalKnown {
      let total = progress.bytesTotal > 0 ? " of \(about)\(Wording.bytes(Double(progress.bytesTotal)))" : ""
      parts.append("\(Wording.bytes(Double(progress.bytesDone)))\(total)")
    }
    return parts
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

  /// What passed between two moments, to the millisecond below a second: a rolling rotation takes less.
  static func took(_ from: OperatorTime?, _ to: OperatorTime?) -> String? {
    guard let from, let to else { return nil }
    let (milliseconds, overflow) = to.milliseconds.subtractingReportingOverflow(from.milliseconds)
    guard !overflow else { return nil }
    return milliseconds > 0 && milliseconds < 1000
      ? "\(milliseconds) ms" : Wording.span(seconds: Double(max(0, milliseconds)) / 1000)
  }
}

extension String {
  fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
