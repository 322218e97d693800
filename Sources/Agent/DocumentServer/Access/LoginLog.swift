// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Logging
internal import Synchronization

/// Who came in and who did not. Never with passwords or proofs, and so that nobody can fill the disk with failures.
final class LoginLog: Sendable {
  /// How many failures are logged in one window; further ones are only counted.
  static let linesPerWindow = 20
  /// How long a window is.
  static let window = Duration.seconds(60)
  /// How much of a name that somebody made up is shown, in bytes.
  static let shownName = 64

  private struct State {
    var windowEnd: ContinuousClock.Instant?
    var lines = 0
    var suppressed = 0
  }

  private let logger: Logger
  private let now: @Sendable () -> ContinuousClock.Instant
  private let state = Mutex(State())

  init(logger: Logger, now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }) {
    self.logger = logger
    self.now = now
  }

  func succeeded(_ user: DriverUserName, peer: String) {
    logger.info("logged in", metadata: ["user": "\(user)", "peer": "\(peer)"])
  }

  func failed(user: String, database: String, reason: String, peer: String) {
    refused(
      "a login failed",
      metadata: [
        "user": "\(user.clipped(to: Self.shownName))", "database": "\(database.clipped(to: Self.shownName))",
        "reason": "\(reason)",
      ],
      peer: peer)
  }

  /// Notes that a connection was not let in for another reason.
  func refused(_ what: Logger.Message, metadata: Logger.Metadata = [:], peer: String) {
    let now = now()
    let (isWritten, suppressed) = state.withLock { state -> (Bool, Int) in
      var suppressed = 0
      if state.windowEnd.map({ now >= $0 }) ?? true {
        suppressed = state.suppressed
        state = State(windowEnd: now + Self.window)
      }
      state.lines += 1
      if state.lines > Self.linesPerWindow { state.suppressed += 1 }
      return (state.lines <= Self.linesPerWindow, suppressed)
    }
    if suppressed > 0 {
      logger.warning("more logins failed than were logged", metadata: ["not logged": "\(suppressed)"])
    }
    guard isWritten else { return }
    logger.warning(what, metadata: metadata.merging(["peer": "\(peer)"]) { $1 })
  }
}
