// SPDX-License-Identifier: GPL-3.0-or-later

extension AgentConfiguration {
  /// Memory for pages, in MiB: WiredTiger's own bounds are 1 MiB and 10 TiB (`cache_size`), and below 16 MiB this
  /// node's sessions leave no room for pages.
  static let cacheMegabytesAllowed = 16...10 * 1024 * 1024
  /// Seconds between two checkpoints: a start replays what lies between them, a day of it at most.
  static let checkpointSecondsAllowed = 1...86_400

  /// Throws `configuration` for an engine that can't be.
  func checkEngine() throws(AgentError) {
    let checks = [
      ("cacheMegabytes", cacheMegabytes, Self.cacheMegabytesAllowed),
      ("checkpointSeconds", checkpointSeconds, Self.checkpointSecondsAllowed),
    ]
    for (name, value, allowed) in checks {
      guard let value, !allowed.contains(value) else { continue }
      throw AgentError(
        .configuration, "\(name) is \(value); it has to be from \(allowed.lowerBound) to \(allowed.upperBound)")
    }
  }
}
