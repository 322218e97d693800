// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Foundation

/// What an agent's log says, line by line. The agent stamps its lines as things happen, however late a busy machine
/// lets a test look.
struct AgentLog {
  private let lines: [(time: OperatorTime, message: String)]

  init(of daemon: Daemon) {
    lines = daemon.logText.split(separator: "\n").compactMap { line in
      guard let fields = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
        let time = (fields["time"] as? String).flatMap({ OperatorTime(text: $0) }),
        let message = fields["message"] as? String
      else { return nil }
      return (time, message)
    }
  }

  /// When the node was closed first since a moment: it says so, or speaks anew.
  func closed(since moment: OperatorTime) -> OperatorTime? {
    let said = lines.first { $0.time.milliseconds >= moment.milliseconds && $0.message == "the node is disabled" }
    return said?.time ?? replaced(since: moment)
  }

  /// When the first process image that replaced another since a moment said its first word.
  func replaced(since moment: OperatorTime) -> OperatorTime? {
    let end = lines.firstIndex {
      $0.time.milliseconds >= moment.milliseconds && $0.message == "replacing the process image"
    }
    return end.flatMap { lines.dropFirst($0 + 1).first?.time }
  }
}
