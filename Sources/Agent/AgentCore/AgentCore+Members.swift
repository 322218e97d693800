// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Nodes that join and leave a shard.
extension AgentCore {
  /// A change of who belongs to the shard: asked of the primary, which may be another by the time it arrives.
  mutating func onChangeOfMembers(_ command: NodeCommand, _ directive: AgentDirective) -> [AgentDirective] {
    guard life == .serving else { return [.reply(result(command, .failed(reason: notServing)))] }
    return beginWork(command, directive)
  }

  /// The node leaves its cluster: everything it has is destroyed, if it is what the coordinator expects. The order is
  /// good in any state in which nothing works on the files; after a crash half-way it is given again.
  mutating func onLeave(_ command: NodeCommand, expecting: GenerationID?) -> [AgentDirective] {
    if let generation, generation.id != expecting {
      return [
        .reply(record(command, .refused(reason: "the live generation is \(generation.id), not the one expected")))
      ]
    }
    if let work {
      return [.reply(result(command, .failed(reason: "the node still works on \(work.command.action.name)")))]
    }
    switch life {
    case .serving:
      life = .closing(.leave)
      return [.reply(result(command, .accepted)), .close, .report]
    case .closing(.leave): return [.reply(result(command, .accepted))]
    case .opening, .rebuilding, .closing:
      return [.reply(result(command, .failed(reason: "the node is \(phase.name)")))]
    case .awaitingSettings, .empty, .awaitingKMS, .retrying, .stopped, .disabled, .failed, .notApproved:
      life = .closing(.leave)
      return [.reply(result(command, .accepted)), .destroyEverything, .report]
    }
  }

  /// Whether the node leaves its cluster: what it was told of it is no more kept.
  public var isLeaving: Bool { life == .closing(.leave) }

  /// What could be destroyed is gone. A new process tells what there is now: nothing of this one's memory may stay, and
  /// what could not be destroyed is found and asked for again.
  public mutating func onDestroyed() -> [AgentDirective] {
    guard life == .closing(.leave) else { return [] }
    return [.replaceProcessImage]
  }
}
