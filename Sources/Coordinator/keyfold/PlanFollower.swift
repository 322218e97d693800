// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel
internal import UnixSignals

/// Follows a plan to its end: redraws on a terminal, one line a change elsewhere.
struct PlanFollower: Sendable {
  /// What is written as JSON.
  enum Style: Sendable {
    /// The plan at each change, one line each.
    case everyChange
    /// The plan at its end.
    case onlyEnd
  }

  /// How often the coordinator is asked.
  static let interval = Duration.milliseconds(500)
  /// How long the coordinator may be out of reach before the watching ends.
  static let patience = Duration.seconds(120)

  let session: OperatorSession
  let terminal: Terminal
  let style: Style
  /// How long it is followed, nil for as long as it takes.
  var limit: Duration?

  private enum Ending: Sendable {
    case plan(PlanView)
    case timeUp(PlanView)
    case interrupted
    case failure(OperatorFailure)
  }

  /// Follows `plan`; throws the exit code if it does not reach its goal or the watching is interrupted.
  func follow(_ plan: PlanView) async throws {
    let ending = await withTaskGroup(of: Ending.self) { group in
      group.addTask { await self.watch(plan) }
      group.addTask { await Self.interrupted() }
      let first = await group.next() ?? .interrupted
      group.cancelAll()
      return first
    }
    switch ending {
    case .plan(let plan):
      if terminal.json && style == .onlyEnd { terminal.write(json: plan) }
      try Self.conclude(plan)
    case .timeUp(let plan):
      if terminal.json && style == .onlyEnd { terminal.write(json: plan) }
      terminal.complain(
        "The time to wait is over and the plan is not; it goes on"
          + (plan.waitingReason.map { " (\($0))" } ?? "")
          + ". Follow it again with: keyfold plan watch \(plan.id.text.prefix(8))")
      throw ExitCode(ExitStatus.unfinished.rawValue)
    case .interrupted:
      terminal.complain("The plan goes on; follow it again with: keyfold plan watch \(plan.id.text.prefix(8))")
      throw ExitCode(130)
    case .failure(let failure): throw failure
    }
  }

  /// Throws the exit code 1 if a plan ended without reaching its goal.
  static func conclude(_ plan: PlanView) throws {
    if plan.state == .failed || plan.state == .superseded { throw ExitCode(ExitStatus.failed.rawValue) }
  }

  private func watch(_ first: PlanView) async -> Ending {
    var screen = Screen(terminal: terminal, style: style)
    var plan = first
    screen.draw(plan)
    let clock = ContinuousClock()
    let began = clock.now
    var heardAt = began
    while !plan.state.isFinal {
      if let limit, clock.now - began > limit { return .timeUp(plan) }
      do {
        try await clock.sleep(for: Self.interval)
        plan = try await session.plan(first.id.text)
        heardAt = clock.now
        screen.draw(plan)
      } catch let failure as OperatorFailure {
        guard [.unreachable, .unanswered].contains(failure.code), clock.now - heardAt < Self.patience else {
          return .failure(failure)
        }
        screen.note("The coordinator is out of reach; the plan goes on as soon as it is back. Trying again…")
      } catch {
        return .interrupted
      }
    }
    return .plan(plan)
  }

  private static func interrupted() async -> Ending {
    for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { break }
    return .interrupted
  }

  /// What was drawn last, and how to draw the next.
  private struct Screen {
    let terminal: Terminal
    let style: Style
    var drawn = 0
    var last = ""
    var story = PlanStory()

    init(terminal: Terminal, style: Style) { (self.terminal, self.style) = (terminal, style) }

    mutating func draw(_ plan: PlanView) {
      if terminal.json {
        guard style == .everyChange, let text = Terminal.text(of: plan, compact: true), last != text else { return }
        last = text
        return terminal.write(text)
      }
      // Without a terminal: one line for each change.
      guard terminal.isInteractive else {
        last = ""
        return terminal.write(story.news(plan))
      }
      let columns = max(20, terminal.columns - 1)
      let lines = PlanRendering.lines(plan, now: .now, columns: columns, terminal.palette).map { line in
        Palette.cut(line, to: columns)
      }
      terminal.erase(lines: drawn)
      terminal.write(lines)
      drawn = lines.count
    }

    mutating func note(_ text: String) {
      if terminal.json || (last == text && !terminal.isInteractive) { return }
      if terminal.isInteractive {
        terminal.erase(lines: drawn)
        drawn = 1
      } else {
        last = text
      }
      terminal.write(text)
    }
  }
}
