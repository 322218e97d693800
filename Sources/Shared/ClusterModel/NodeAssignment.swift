// SPDX-License-Identifier: GPL-3.0-or-later

/// One life of a coordinator: the number is one higher at each start or take-over, the incarnation is random.
public struct Epoch: Sendable, Codable, Hashable {
  /// The fencing number.
  public var number: UInt64
  /// A random number that tells two coordinators of the same number apart.
  public var incarnation: UInt64

  /// Makes an epoch of its parts.
  public init(number: UInt64, incarnation: UInt64) {
    self.number = number
    self.incarnation = incarnation
  }
}

/// A member of a shard as its peers have to know it.
public struct MemberAddress: Sendable, Codable, Equatable {
  /// The member.
  public var node: NodeName
  /// Its replication address, `host:port`; empty while not known.
  public var replicationAddress: String
  /// Its driver address, `host:port`; empty while not known.
  public var driverAddress: String
  /// Its CURVE public key in Z85, 40 characters.
  public var publicKey: String
  /// The process that has the node's place: others refuse any other one. Nil while none is known.
  public var boot: BootID?

  /// Makes an address of its parts.
  public init(
    node: NodeName, replicationAddress: String, driverAddress: String, publicKey: String, boot: BootID? = nil
  ) {
    self.node = node
    self.replicationAddress = replicationAddress
    self.driverAddress = driverAddress
    self.publicKey = publicKey
    self.boot = boot
  }
}

/// What the coordinator tells a node about itself: whom it belongs to, who its peers are, where its key is.
///
/// The secret part of the KMS credentials travels beside it, never in it.
public struct NodeAssignment: Sendable, Codable, Equatable {
  /// One higher at each change; a node drops older ones.
  public var version: UInt64
  /// The project that owns the cluster.
  public var project: ProjectName
  /// The cluster.
  public var cluster: ClusterName
  /// All members of the node's shard, itself included.
  public var members: [MemberAddress]
  /// The project's KMS settings, nil if none are set.
  public var kms: KMSSettings?
  /// The version of the KMS settings, 0 if none are set.
  public var settingsVersion: UInt64
  /// Settings of keys that were replaced and that nodes may still have to unwrap with; nil if there are none.
  public var formerKMS: [FormerKMS]?
  /// Whether the cluster is meant to run; false after `cluster shutdown`.
  public var running: Bool
  /// The newest verdict-driven lock-out, nil if none: a node that starts under one stays disabled until a valid check.
  public var disabledReason: String?
  /// Why the coordinator does not let this node open its data, nil if it does; `kms` is nil then. Of one node, never
  /// of a cluster: the coordinator's stored assignment has none.
  public var notApprovedReason: String?
  /// The member that is about to belong to the cluster, and does not yet; nil if none is.
  public var joining: NodeName?
  /// How far the node itself said before that its data reaches, nil if it never did. Of one node, never of a cluster.
  public var held: HeldPosition?

  /// Makes an assignment of its parts.
  public init(
    version: UInt64, project: ProjectName, cluster: ClusterName, members: [MemberAddress], kms: KMSSettings?,
    settingsVersion: UInt64, formerKMS: [FormerKMS]? = nil, running: Bool, disabledReason: String? = nil,
    notApprovedReason: String? = nil
  ) {
    self.version = version
    self.project = project
    self.cluster = cluster
    self.members = members
    self.kms = kms
    self.settingsVersion = settingsVersion
    self.formerKMS = formerKMS
    self.running = running
    self.disabledReason = disabledReason
    self.notApprovedReason = notApprovedReason
  }
}
