// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore

/// What operators ask about whom to trust.
extension Coordinator {
  /// Answers what belongs here, nil for everything else.
  func answerOnTrust(_ command: OperatorCommand, of admin: OperatorName) throws -> OperatorAnswer? {
    let now = now
    switch command {
    case .approveNode(let name):
      let node = try performed { () throws(CoordinatorError) in
        try core.approveNode(name, by: admin, now: now)
      }
      return .node(core.view(of: node, now: now))
    case .adopt(let withoutMajority):
      _ = try performed { () throws(CoordinatorError) in
        try core.adopt(withoutMajority: withoutMajority, by: admin, now: now)
      }
      return .coordinator(core.coordinatorView(now: now))
    case .rebuild(let isDryRun):
      if isDryRun { return .rebuild(core.rebuildView(now: now)) }
      return .rebuild(
        try performed { () throws(CoordinatorError) in try core.rebuild(by: admin, now: now) })
    case .showRecovery(let name):
      return .recovery(
        try found { () throws(CoordinatorError) in try core.recoveryView(of: name, now: now) })
    case .recover(let name, let node):
      return try plan { () throws(CoordinatorError) in try core.recover(name, from: node, by: admin, now: now) }
    case .revokeNode(let name):
      let node = try performed { () throws(CoordinatorError) in try core.revokeNode(name, now: now) }
      return .node(core.view(of: node, now: now))
    case .showCoordinator: return .coordinator(core.coordinatorView(now: now))
    case .readAudit(let sequence, let limit): return .audit(try auditPage(after: sequence, limit: limit))
    default: return nil
    }
  }
}
