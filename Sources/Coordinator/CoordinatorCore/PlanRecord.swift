// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// What a plan is for.
public enum PlanKind: String, Sendable, Codable, CaseIterable {
  case create, addNode, removeNode, encrypt, decrypt, rotateMasterKeys, shutDown, start, restart, handOver, initialSync,
    recover
  case changeCMK, changeRegion

  /// The kind as operators see it.
  public var title: String {
    switch self {
    case .create: "create"
    case .addNode: "add a node"
    case .removeNode: "remove a node"
    case .encrypt: "encrypt"
    case .decrypt: "decrypt"
    case .rotateMasterKeys: "rotate master keys"
    case .shutDown: "shut down"
    case .start: "start"
    case .restart: "restart"
    case .handOver: "hand over"
    case .initialSync: "initial sync"
    case .recover: "recover"
    case .changeCMK: "change CMK"
    case .changeRegion: "change region"
    }
  }

  /// The same behind "a plan to".
  var deed: String { self == .initialSync ? "make an initial sync" : title }

  /// Whether it goes before plans that already wait, at the next boundary between two steps.
  var isUrgent: Bool { self == .shutDown || self == .start || self == .recover }

  /// Whether an order for it is accepted while the cluster is disabled by a revoked key, and carried out once the key
  /// is back, after what was ordered before: every change of what the cluster is to be. What an operator wants of the
  /// nodes as they are now is refused then, and so is whatever changes or ends the use of the key itself.
  var isQueuedWhileDisabled: Bool {
    switch self {
    case .rotateMasterKeys, .restart, .shutDown, .start, .addNode, .removeNode: true
    case .create, .encrypt, .decrypt, .handOver, .initialSync, .recover, .changeCMK, .changeRegion: false
    }
  }

  /// Whether it puts master keys under another customer key, or another replica of the same.
  var isKeyChange: Bool { self == .changeCMK || self == .changeRegion }

  /// Whether steps for several nodes may be under way at once; of a change of keys only if a node under way is away.
  var isParallel: Bool { self == .create || self == .shutDown || self == .start || isKeyChange }

  /// The kind of step that does the plan's own work on one node.
  var work: StepKind {
    switch self {
    case .create: .formShard
    case .encrypt, .decrypt: .resync
    case .addNode: .initialSync
    case .removeNode: .leave
    case .rotateMasterKeys: .rotateMasterKey
    case .shutDown: .stop
    case .start: .start
    case .restart: .restart
    case .handOver: .handOver
    case .initialSync: .initialSync
    case .recover: .forceSoleVoter
    case .changeCMK, .changeRegion: .rewrapMasterKey
    }
  }
}

/// What one step does.
public enum StepKind: String, Sendable, Codable, CaseIterable {
  case formShard, awaitPrimary, resync, rotateMasterKey, handOver, stop, start, restart, proveKMS, initialSync
  case forceSoleVoter, rewrapMasterKey, admit, retire, leave

  /// The step as operators see it.
  public var title: String {
    switch self {
    case .formShard: "form shard"
    case .awaitPrimary: "wait for a primary"
    case .resync: "re-sync into a new generation"
    case .rotateMasterKey: "rotate master key"
    case .handOver: "hand over"
    case .stop: "stop"
    case .start: "start"
    case .restart: "restart"
    case .proveKMS: "prove that it can start again"
    case .initialSync: "initial sync from another member"
    case .forceSoleVoter: "go on from its log alone"
    case .rewrapMasterKey: "wrap the master key by the key in force"
    case .admit: "take into the shard"
    case .retire: "take out of the shard"
    case .leave: "destroy keys, then files"
    }
  }

  /// Whether a node may be lost to its shard for a moment because of it.
  var isDisruptive: Bool { self == .resync || self == .restart || self == .initialSync }

  /// Whether the primary does it, whoever that is.
  var isForPrimary: Bool { self == .admit || self == .retire }

  /// Whether it is done as soon as the node is as wanted, however it came to be so.
  var isState: Bool {
    switch self {
    case .formShard, .awaitPrimary, .resync, .stop, .start, .proveKMS, .rewrapMasterKey, .admit, .retire: true
    case .rotateMasterKey, .handOver, .restart, .initialSync, .forceSoleVoter, .leave: false
    }
  }
}

/// Where a step stands.
public enum StepState: String, Sendable, Codable, CaseIterable {
  /// Not begun; ends when the plan begins it or finds it done.
  case pending
  /// Its command was decided and persisted; ends when the reports show its effect.
  case running
  /// The reports showed its effect.
  case done
}

/// One part of a plan.
public struct PlanStep: Sendable, Codable, Equatable {
  /// What it does.
  public var kind: StepKind
  /// The node it is for, nil if for none; for what the primary does, the primary that was asked last.
  public var node: NodeName?
  /// The node that the primary is to take in or out, nil of any other step.
  public var subject: NodeName?
  /// Where it stands.
  public var state: StepState
  /// The command that asks for it, from the moment it is begun; the same through every repetition and restart.
  public var command: NodeCommand?
  /// How often it was asked under a new id.
  public var attempts: Int
  /// When it was begun.
  public var startedAt: Instant?
  /// When it was seen done.
  public var finishedAt: Instant?

  init(_ kind: StepKind, _ node: NodeName? = nil, subject: NodeName? = nil) {
    self.kind = kind
    self.node = node
    self.subject = subject
    state = .pending
    attempts = 0
  }
}

/// How a plan ended.
public enum PlanOutcome: Sendable, Codable, Equatable {
  /// All steps are done.
  case succeeded
  /// A later wish of the operator replaced it.
  case superseded(reason: String)
  /// It ended without reaching its goal, and what it had begun is undone.
  case rolledBack(reason: String)
  /// It was tried for a while, and what is left would only fail again; what it reached stays.
  case gaveUp(reason: String)

  /// Why it did not reach its goal, nil if it did.
  public var reason: String? {
    switch self {
    case .succeeded: nil
    case .superseded(let reason), .rolledBack(let reason), .gaveUp(let reason): reason
    }
  }
}

/// What the coordinator wants done with a cluster.
public struct PlanRecord: Sendable, Codable, Equatable {
  /// Its id.
  public let id: PlanID
  /// Counts up over all plans; the order in which plans wait.
  public let sequence: UInt64
  /// What it is for.
  public let kind: PlanKind
  /// The cluster.
  public let cluster: ClusterName
  /// Its steps; those done or under way first, in the order they were begun.
  public var steps: [PlanStep]
  /// When it was made.
  public let createdAt: Instant
  /// When its first step began.
  public var startedAt: Instant?
  /// When it ended.
  public var finishedAt: Instant?
  /// How it ended, nil while it is open.
  public var outcome: PlanOutcome?
  /// Why it was made, nil if an operator's order says it all.
  public var reason: String?
  /// Whether it started by itself, and keeps to the maintenance window; nil is no.
  public var isAutomatic: Bool?
  /// The node that joins or leaves, nil of any other plan.
  public var subject: NodeName?
  /// How long it may take before what it began is undone, in milliseconds; nil for ever.
  public var deadlineMilliseconds: Int64?
  /// Why what it began is being undone, nil if it is not.
  public var undoing: String?
  /// How long it has been open while a coordinator ran, in milliseconds, as far as that was kept: clocks that were set
  /// have no part in it.
  public var passedMilliseconds: Int64?

  /// Whether it is not finished.
  public var isOpen: Bool { outcome == nil }
  /// Whether no step is under way.
  var isAtBoundary: Bool { !steps.contains { $0.state == .running } }
}
