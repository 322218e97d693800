// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// What was told of a plan so far, so that a log gets a line for each change and none for what stays.
struct PlanStory: Sendable {
  /// A step that was told of; its place keeps two steps of one title apart.
  private struct Told: Hashable {
    let index: Int
    let title: String
    let node: NodeName?
    let state: PlanStepView.State
  }

  private var steps: Set<Told> = []
  private var reason: String?
  private var isEnded = false

  /// The lines that are new in a plan as it stands now.
  mutating func news(_ plan: PlanView) -> [String] {
    let name = "plan \(plan.id.text.prefix(8))"
    var lines: [String] = []
    var now: Set<Told> = []
    for (index, step) in plan.steps.enumerated() where step.state != .pending {
      let told = Told(index: index, title: step.title, node: step.node, state: step.state)
      now.insert(told)
      if steps.contains(told) { continue }
      lines.append("\(name): \(step.node.map { "\($0): " } ?? "")\(step.title): \(step.state.rawValue)")
    }
    steps = now
    let gist = plan.waitingReason.map { Self.gist(of: $0) }
    if let text = plan.waitingReason, gist != reason { lines.append("\(name): \(plan.state.rawValue): \(text)") }
    reason = gist
    if plan.state.isFinal, !isEnded { lines.append("\(name): \(plan.state.rawValue)") }
    isEnded = plan.state.isFinal
    return lines
  }

  /// A reason without the numbers that stand alone: how long something takes is no news, another node is.
  private static func gist(of reason: String) -> String {
    reason.split(separator: " ").filter { word in word.contains { !$0.isNumber && !$0.isPunctuation } }
      .joined(separator: " ")
  }
}
