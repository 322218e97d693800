// SPDX-License-Identifier: GPL-3.0-or-later
internal import Glibc
public import Logging

/// Where a daemon's log lines go and how they look.
public enum DaemonLogging {
  /// Sends all logs of the process to standard error: text if that is a terminal, else a JSON object a line.
  ///
  /// To be called once, before the first logger is made. The level can be changed through what it answers.
  @discardableResult
  public static func start(level initial: Logger.Level) -> LogLevel {
    let level = LogLevel(initial)
    let isTerminal = isatty(STDERR_FILENO) == 1
    LoggingSystem.bootstrap { label in
      LineLogHandler(label: label, level: level, format: isTerminal ? .text : .json, write: writeToStandardError)
    }
    return level
  }

  /// One write(2) a line, so that lines of several threads do not mix; what cannot be written is lost, as it must be.
  private static func writeToStandardError(_ line: String) {
    var bytes = Array(line.utf8)[...]
    while !bytes.isEmpty {
      let count = unsafe bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { return }
      bytes = bytes.dropFirst(count)
    }
  }
}
