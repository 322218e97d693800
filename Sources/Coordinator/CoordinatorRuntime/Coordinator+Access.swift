// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore

/// What operators ask about access lists.
extension Coordinator {
  /// Does what is asked; nil if it is about something else.
  func answerOnAccess(_ command: OperatorCommand) throws -> OperatorAnswer? {
    let now = now
    switch command {
    case .addAccess(let name, let range, let comment, let hours, let anywhere):
      return .accessList(
        try performed { () throws(CoordinatorError) in
          try core.addAccess(range, to: name, comment: comment, hours: hours, anywhere: anywhere, now: now)
        })
    case .removeAccess(let name, let range):
      return .accessList(
        try performed { () throws(CoordinatorError) in try core.removeAccess(range, from: name, now: now) })
    case .dropAccessList(let name):
      return .accessList(try performed { () throws(CoordinatorError) in try core.dropAccessList(of: name, now: now) })
    case .listAccess(let name):
      return .accessList(
        try found { () throws(CoordinatorError) in try core.accessListView(of: name, now: now) })
    default: return nil
    }
  }
}
