// SPDX-License-Identifier: GPL-3.0-or-later

/// One message of the coordinator that asks one agent for one thing.
///
/// Repeating it changes nothing: an agent answers a repeated id with the recorded result, and whatever destroys
/// something names the generation and keystore version it expects.
public struct NodeCommand: Sendable, Codable, Equatable {
  /// Stable across retries.
  public var id: CommandID
  /// The plan it belongs to, nil for a command of its own.
  public var plan: PlanID?
  /// What is asked.
  public var action: NodeAction

  /// Makes a command of its parts.
  public init(id: CommandID, plan: PlanID?, action: NodeAction) {
    self.id = id
    self.plan = plan
    self.action = action
  }
}

/// What the coordinator can ask of an agent.
public enum NodeAction: Sendable, Codable, Equatable {
  /// Make the first, empty generation of a new shard with these voters; done when the node serves.
  case formShard(voters: [NodeName])
  /// Copy everything into a new generation and swap; `encrypted` says under which kind. Done when the live generation
  /// is another than `expecting` and encrypted as asked.
  case resync(encrypted: Bool, expecting: GenerationID)
  /// Build a new generation from other members, because the present one is lost, damaged or too far behind, or because
  /// an operator asked. Done when the live generation is another than the one to replace, and the node has caught up.
  case initialSync(InitialSyncOrder)
  /// Make a new master key and rewrap the keystore in one replacement, if generation and keystore version are these.
  /// Done when the master key differs from `masterKey`.
  case rotateMasterKey(expecting: GenerationID, masterKey: MasterKeyID)
  /// Have the master key in use wrapped by the key of these settings, which have to be in force on the node, and put
  /// that in place of the old wrapping in one replacement of the keystore. Done when the keystore names that key.
  case rewrapMasterKey(expecting: GenerationID, settingsVersion: UInt64)
  /// Hand the primary's part over to a caught-up secondary; done when the node is not primary.
  case stepDown
  /// Close the engine until `startDatabase`; done when the phase is `stopped`.
  case stopDatabase
  /// Open the engine again; done when the phase is `serving`.
  case startDatabase
  /// Replace the process image; done when the boot id differs from `boot` and the node serves.
  case restart(boot: BootID)
  /// Unwrap the stored blob once and report the verdict.
  case checkKMS
  /// Go on as the shard's only voter, without asking the others, if the log still ends at `lastIndex`: unsafe, only by
  /// an operator's confirmation. Done when the node is primary and alone votes.
  case forceSoleVoter(expecting: GenerationID, lastIndex: UInt64)
  /// Take this node into the shard as a learner, which gets the oplog and does not vote; asked of the primary. Done
  /// when it belongs to the shard. It votes by itself once it has caught up.
  case addMember(NodeName)
  /// Take this node out of the shard; asked of the primary. Done when it does not belong to it.
  case removeMember(NodeName)
  /// Leave the cluster for good: close, destroy every keystore first and every file second, replace the process image.
  /// Done when there is no generation.
  case leave(expecting: GenerationID?)
  /// Lock the node out: close, wipe, replace the process image, wait for a valid check.
  case disable(reason: String)

  /// The action's name as operators see it.
  public var name: String {
    switch self {
    case .formShard: "form shard"
    case .resync(true, _): "re-sync into an encrypted generation"
    case .resync(false, _): "re-sync into a plain generation"
    case .initialSync: "initial sync"
    case .rotateMasterKey: "rotate master key"
    case .rewrapMasterKey: "wrap the master key by another customer key"
    case .stepDown: "hand over"
    case .stopDatabase: "stop"
    case .startDatabase: "start"
    case .restart: "restart"
    case .checkKMS: "check KMS"
    case .forceSoleVoter: "go on alone"
    case .disable: "disable"
    case .addMember: "take into the shard"
    case .removeMember: "take out of the shard"
    case .leave: "leave"
    }
  }
}

/// What an initial sync is to make, and from whom.
public struct InitialSyncOrder: Sendable, Codable, Equatable {
  /// Whether the new generation is to be encrypted.
  public var encrypted: Bool
  /// The generation it replaces, nil if the node has none.
  public var replacing: GenerationID?
  /// Members to copy from, the best first: caught-up secondaries, then the primary.
  public var sources: [NodeName]
  /// The highest term any other member reported: one in which this node may have voted before it lost its state.
  public var lostTerm: UInt64

  /// Makes an order of its parts.
  public init(encrypted: Bool, replacing: GenerationID?, sources: [NodeName], lostTerm: UInt64) {
    self.encrypted = encrypted
    self.replacing = replacing
    self.sources = sources
    self.lostTerm = lostTerm
  }
}

/// How a command ended on an agent.
public enum CommandOutcome: Sendable, Codable, Equatable {
  /// It is done, or was done already.
  case done
  /// The agent took it and works on it; progress is in its heartbeats.
  case accepted
  /// It could not be done now; trying again may help.
  case failed(reason: String)
  /// It does not fit what the agent has (another generation, an older epoch); trying again does not help.
  case refused(reason: String)
}

/// An agent's answer to a command.
public struct CommandResult: Sendable, Codable, Equatable {
  /// The command's id.
  public var command: CommandID
  /// How it ended.
  public var outcome: CommandOutcome
  /// Whether the answer is the recorded one of an earlier delivery.
  public var replayed: Bool

  /// Makes a result of its parts.
  public init(command: CommandID, outcome: CommandOutcome, replayed: Bool = false) {
    self.command = command
    self.outcome = outcome
    self.replayed = replayed
  }
}
