// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore

/// What operators ask about rotation and maintenance.
extension Coordinator {
  /// Does what is asked; nil if it is about something else.
  func answerOnMaintenance(_ command: OperatorCommand, of admin: OperatorName) throws -> OperatorAnswer? {
    let now = now
    switch command {
    case .setMaintenance(let name, let change):
      return .project(
        view(
          of: try performed { () throws(CoordinatorError) in try core.setMaintenance(name, change, now: now) }))
    case .setKeyAlert(let name, let provider, let days):
      return .project(
        view(
          of: try performed { () throws(CoordinatorError) in
            try core.setKeyAlert(name, provider: provider, days: days, now: now)
          }))
    case .deferRotation(let name):
      _ = try performed { () throws(CoordinatorError) in try core.deferRotation(name, by: admin, now: now) }
      return .rotations(core.rotations(of: name, now: now))
    case .showRotations(let cluster):
      if let cluster { _ = try found { () throws(CoordinatorError) in try core.cluster(named: cluster) } }
      return .rotations(core.rotations(of: cluster, now: now))
    default: return nil
    }
  }
}
