// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// A cluster: its nodes and what is wanted of it.
public struct ClusterRecord: Sendable, Codable, Equatable {
  /// Its name.
  public let name: ClusterName
  /// The project that owns it.
  public let project: ProjectName
  /// The nodes of its one shard, in the order the operator named them.
  public var nodes: [NodeName]
  /// A node that is about to belong to it, and does not yet.
  public var joining: NodeName?
  /// A node that belongs to its shard no more, and has still to destroy what it has.
  public var leaving: NodeName?
  /// The nodes it is to have, while a change is under way; nil if none is.
  public var wantedNodes: [NodeName]?
  /// Its class; nil in a store from before there were classes, which is `class`.
  var clusterClass: ClusterClass?
  /// When it was made.
  public let createdAt: Instant
  /// Whether it is meant to run.
  public var running: Bool
  /// Whether its data is meant to be encrypted.
  public var encryptionWanted: Bool
  /// Whether a plan made all of its data encrypted, and none has made all of it plain since.
  public var encrypted: Bool
  /// The lock-out by a revoked key, nil if none.
  public var lockout: Lockout?
  /// The plan that alone may work on the cluster now: the lease.
  public var lease: PlanID?
  /// What every node of the cluster was told last.
  public var assignment: NodeAssignment?
  /// How the next rotation of its master keys stands, nil if nothing was decided on it.
  public var rotation: RotationRecord?

  /// What it may have.
  public var `class`: ClusterClass { clusterClass ?? .standard }
  /// All that hold data of it, or may come to.
  var everyone: [NodeName] { nodes + [joining, leaving].compactMap { $0 } }
  /// All that are told of one another.
  var members: [NodeName] { nodes + [joining].compactMap { $0 } }

  init(name: ClusterName, project: ProjectName, nodes: [NodeName], createdAt: Instant) {
    self.name = name
    self.project = project
    self.nodes = nodes
    self.createdAt = createdAt
    running = true
    encryptionWanted = false
    encrypted = false
  }
}

/// The lock-out of a cluster whose key was revoked.
public struct Lockout: Sendable, Codable, Equatable {
  /// The sentence shown to operators and drivers.
  public var reason: String
  /// The key that was revoked.
  public var customerKeyID: String
  /// When the later of the two checks began that agreed, milliseconds since 1970; a valid check has to be newer.
  public var checkStartedAtMilliseconds: Int64
  /// When it was decided.
  public var since: Instant
  /// The command that locks each node out; its id stays the same until the node is locked out.
  public var commands: [NodeName: CommandID]
}
