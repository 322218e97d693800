// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// What an error tells a driver of the replica set, besides what went wrong.
extension CommandError {
  /// A retryable write may be sent again (retryable writes, section "RetryableWriteError labels").
  static let retryableWrite = "RetryableWriteError"
  /// This attempt has written nothing, so an earlier attempt's error says more (since MongoDB 6.0).
  static let noWritesPerformed = "NoWritesPerformed"

  /// Codes after which a retryable write may be sent again: the node is not the one to write to, or no longer
  /// (retryable writes, section "Determining retryable errors").
  static let retryableCodes: Set<Int32> = [6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436]

  /// Codes by which a driver takes the node for another part than it thought: "not writable primary" and "node is
  /// recovering" of server discovery and monitoring. A driver that has newer news passes them over.
  private static let stateChangeCodes: Set<Int32> = [91, 189, 10058, 10107, 11600, 11602, 13435, 13436]

  var tellsStateChange: Bool { CommandError.stateChangeCodes.contains(code.number) }

  /// The error as the driver of this request has to see it.
  func told(to request: CommandRequest) -> CommandError {
    var told = self
    // The server labels the errors of retryable writes, and of nothing else (wire version 9 and later).
    if request.body.contains("txnNumber"), CommandError.retryableCodes.contains(code.number) {
      told.labels.append(CommandError.retryableWrite)
      if wroteNothing { told.labels.append(CommandError.noWritesPerformed) }
    }
    return told
  }

  /// While the server stops, "can't serve now" means that it will not serve again.
  func whileStopping() -> CommandError {
    guard code == .notPrimaryOrSecondary else { return self }
    var error = CommandError(.shutdownInProgress, "the server is shutting down: \(message)")
    error.wroteNothing = wroteNothing
    return error
  }
}
