// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import Logging
internal import Replication
internal import ReplicationCore

/// Nodes that join and leave a shard.
extension AgentShell {
  /// Changes who belongs to the shard, as its primary.
  func change(_ change: MembershipChange, _ id: CommandID) async {
    guard let member else { return finish(id, .failed(reason: "the engine is closed")) }
    do {
      if !Self.isDone(change, member.status) { try await member.change(change) }
      logger.notice("the shard's members changed", metadata: ["change": "\(change)"])
      finish(id, .done)
    } catch {
      finish(id, .failed(reason: "\(error)"))
    }
  }

  private static func isDone(_ change: MembershipChange, _ status: MemberStatus) -> Bool {
    guard let members = status.members else { return false }
    switch change {
    case .addLearner(let node): return members.contains(node)
    case .remove(let node): return !members.contains(node)
    case .promoteLearner, .demoteVoter: return false
    }
  }

  /// Destroys all the node has: keys first, files second. Its identity and its part of the audit record stay.
  func destroyEverything() async {
    partial = nil
    memo = nil
    do {
      try await workshop.run { [directory] in
        try directory.destroyEverything()
        try MembershipMemo.write(nil, to: directory.root)
      }
      leftovers = Leftovers()
      logger.notice("left the cluster: all keys and files are destroyed")
    } catch {
      logger.error("not everything could be destroyed", metadata: ["reason": "\(error)"])
    }
    perform(core.onDestroyed())
  }
}
