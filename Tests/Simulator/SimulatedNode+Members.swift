// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import ReplicationCore

/// A change of the members whose commit a command waits for.
struct PendingMemberChange {
  let position: LogPosition
  let command: CommandID
}

/// Nodes that join and leave a shard, as `AgentShell+Members` has them.
extension SimulatedNode {
  func change(_ change: MembershipChange, _ command: CommandID, _ life: AgentProcess) throws {
    guard let member = life.member, !member.isClosed else {
      return finish(command, .failed(reason: "the engine is closed"))
    }
    let isDone =
      switch change {
      case .addLearner(let node): member.core.membership.contains(node)
      case .remove(let node): !member.core.membership.contains(node)
      case .promoteLearner, .demoteVoter: false
      }
    if isDone, member.core.isMembershipCommitted { return finish(command, .done) }
    switch member.core.onProposeMembership(change, now: member.now) {
    case .refused(let refusal): finish(command, .failed(reason: "\(refusal)"))
    case .accepted(let position, _, let directives):
      world.note("\(name) changes the members: \(change)")
      member.changes.append(PendingMemberChange(position: position, command: command))
      try member.perform(directives)
    }
  }

  /// All it has goes, keystores first; a new process tells what is left.
  func destroyEverything(_ life: AgentProcess) throws {
    world.checkLeave(of: self)
    world.note("\(name) destroys all it has")
    isLeaving = true
    let keepsKeys = world.profile.broken == .keysSurviveLeaving
    try disk.destroyEverything(keepingKeys: keepsKeys, step)
    isLeaving = false
    perform(life.core.onDestroyed())
  }
}

extension SimulatedMember {
  /// Answers those whose change is committed now, or was replaced.
  func settleChanges(upTo index: UInt64) {
    let due = changes.filter { $0.position.index <= index }
    changes.removeAll { $0.position.index <= index }
    for change in due {
      let isKept = core.log.contains(change.position)
      node.later(0) { [node] _ in
        node.finish(change.command, isKept ? .done : .failed(reason: "the change was replaced by another primary"))
      }
    }
  }

  /// Nobody can say any more what becomes of the changes under way.
  func abandonChanges() {
    for change in changes {
      node.later(0) { [node] _ in node.finish(change.command, .failed(reason: "the primary stepped down")) }
    }
    changes = []
  }
}
