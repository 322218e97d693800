// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import Logging
internal import Transport

/// Decides when an agent's log says what its node is in and what it waits for: at every change, and once in a while as
/// long as it keeps the node from serving.
struct PhaseLog: Sendable {
  /// How often the same is said again.
  static let repetition: Milliseconds = 60_000

  /// A line of the log.
  struct Line: Sendable, Equatable {
    let level: Logger.Level
    let phase: String
    let reason: String?
  }

  private var told: (name: String, reason: String?, at: Milliseconds)?

  /// The line that is due for a phase and the sentence behind it, nil if none is.
  mutating func line(for phase: NodePhase, reason: String?, now: Milliseconds) -> Line? {
    let isTrouble =
      switch phase {
      case .awaitingKMS, .disabled, .failed, .notApproved: true
      case .awaitingSettings, .empty, .opening, .serving, .stopped: false
      }
    if let told, told.name == phase.name {
      let isNews = told.reason != reason || (reason != nil && !phase.isGood)
      guard isNews, now - told.at >= Self.repetition else { return nil }
    }
    told = (phase.name, reason, now)
    return Line(level: isTrouble ? .warning : .notice, phase: phase.name, reason: reason)
  }
}

extension NodePhase {
  fileprivate var isGood: Bool { self == .serving || self == .opening }
}

extension AgentShell {
  /// Why the node is in its phase, also where only the shell knows.
  var phaseReason: String? {
    if let reason = core.phase.reason { return reason }
    guard core.phase == .awaitingSettings else { return nil }
    let address = configuration.coordinator.address
    return link?.isConnected == true
      ? "the coordinator at \(address) has given it no cluster yet" : "the coordinator at \(address) can't be reached"
  }

  /// Says in the log what the node is in, if that is due.
  func logPhase() {
    guard let line = phaseLog.line(for: core.phase, reason: phaseReason, now: now) else { return }
    logger.log(
      level: line.level, "the node is \(line.phase)", metadata: line.reason.map { ["reason": "\($0)"] } ?? [:])
  }
}
