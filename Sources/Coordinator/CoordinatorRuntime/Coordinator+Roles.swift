// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore

/// What operators ask about each other.
extension Coordinator {
  /// Does what is asked; nil if it is about something else.
  func answerOnRoles(_ command: OperatorCommand) throws -> OperatorAnswer? {
    let now = now
    switch command {
    case .addOperator(let name, let key, let role):
      try performed { () throws(CoordinatorError) in try core.addOperator(name, publicKey: key, role: role, now: now) }
      return .operators(core.operatorViews)
    case .removeOperator(let name):
      try performed { () throws(CoordinatorError) in try core.removeOperator(name, now: now) }
      return .operators(core.operatorViews)
    case .setOperatorRole(let name, let role):
      try performed { () throws(CoordinatorError) in try core.setRole(of: name, to: role, now: now) }
      return .operators(core.operatorViews)
    case .listOperators: return .operators(core.operatorViews)
    case .addMember(let project, let name, let role):
      try performed { () throws(CoordinatorError) in try core.addMember(name, to: project, role: role, now: now) }
      return .members(core.members(of: project))
    case .removeMember(let project, let name):
      try performed { () throws(CoordinatorError) in try core.removeMember(name, from: project, now: now) }
      return .members(core.members(of: project))
    case .listMembers(let project): return .members(core.members(of: project))
    default: return nil
    }
  }
}
