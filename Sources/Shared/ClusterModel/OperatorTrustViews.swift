// SPDX-License-Identifier: GPL-3.0-or-later

/// The coordinator itself as an operator sees it.
public struct CoordinatorView: Sendable, Codable, Equatable {
  /// A node with a keystore that the coordinator's store does not know.
  public struct NodeAhead: Sendable, Codable, Equatable {
    /// The node.
    public var node: NodeName
    /// What is not known of it.
    public var reason: String
    /// Whether `coordinator adopt` would take it: its process has run since before the restore.
    public var isAdoptable: Bool

    /// Makes one of its parts.
    public init(node: NodeName, reason: String, isAdoptable: Bool) {
      self.node = node
      self.reason = reason
      self.isAdoptable = isAdoptable
    }
  }

  /// A cluster that is not commanded yet.
  public struct Unlearned: Sendable, Codable, Equatable {
    /// The cluster.
    public var cluster: ClusterName
    /// What it waits for.
    public var reason: String

    /// Makes one of its parts.
    public init(cluster: ClusterName, reason: String) {
      self.cluster = cluster
      self.reason = reason
    }
  }

  /// `running`, or `restored from an older copy`.
  public var state: String
  /// The fencing number of this life.
  public var epoch: UInt64
  /// When this life began.
  public var startedAt: OperatorTime?
  /// Since when it is known that the store was restored, nil if it was not.
  public var restoredSince: OperatorTime?
  /// The highest epoch a node follows that the store never gave out, nil if there is none.
  public var epochSeen: UInt64?
  /// Nodes with keystores that the store does not know.
  public var nodesAhead: [NodeAhead]
  /// Clusters that are not commanded yet.
  public var unlearned: [Unlearned]

  /// Makes a view of its parts.
  public init(
    epoch: UInt64, startedAt: OperatorTime?, restoredSince: OperatorTime?, epochSeen: UInt64?, nodesAhead: [NodeAhead],
    unlearned: [Unlearned]
  ) {
    state = restoredSince == nil ? "running" : "restored from an older copy"
    self.epoch = epoch
    self.startedAt = startedAt
    self.restoredSince = restoredSince
    self.epochSeen = epochSeen
    self.nodesAhead = nodesAhead
    self.unlearned = unlearned
  }
}

/// An operator as another one sees it.
public struct OperatorView: Sendable, Codable, Equatable {
  /// The operator's name.
  public var name: OperatorName
  /// The CURVE public key in Z85.
  public var publicKey: String
  /// When the key was let in.
  public var addedAt: OperatorTime?
  /// Since when the key is refused, nil if it is let in.
  public var removedAt: OperatorTime?
  /// What the operator may do in the installation; nil from a coordinator that does not say.
  public var role: OperatorRole?
  /// The roles in projects; nil from a coordinator that does not say.
  public var projects: [ProjectMembership]?

  /// Makes a view of its parts.
  public init(name: OperatorName, publicKey: String, addedAt: OperatorTime?, removedAt: OperatorTime?) {
    self.name = name
    self.publicKey = publicKey
    self.addedAt = addedAt
    self.removedAt = removedAt
  }
}
