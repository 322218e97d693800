// SPDX-License-Identifier: GPL-3.0-or-later

/// A shard's members side by side, for the choice from which one to go on.
public struct RecoveryView: Sendable, Codable, Equatable {
  /// One member.
  public struct Member: Sendable, Codable, Equatable {
    /// The node.
    public var node: NodeName
    /// Its phase in a word.
    public var phase: String
    /// Why nothing can be built on it, nil if something can.
    public var obstacle: String?
    /// Its part, nil while closed.
    public var role: MemberRole?
    /// The Raft term it is in.
    public var term: UInt64?
    /// The term of its last entry.
    public var lastTerm: UInt64?
    /// The last index on its disk.
    public var lastIndex: UInt64?
    /// The last index it knows to be committed.
    public var commitIndex: UInt64?
    /// The last index its data holds.
    public var appliedIndex: UInt64?
    /// Its live generation.
    public var generation: GenerationID?
    /// When it was heard last.
    public var heardAt: OperatorTime?
    /// What would be lost by going on from it.
    public var loss: String

    /// Makes a member of its parts.
    public init(
      node: NodeName, phase: String, obstacle: String?, role: MemberRole?, term: UInt64?, lastTerm: UInt64?,
      lastIndex: UInt64?, commitIndex: UInt64?, appliedIndex: UInt64?, generation: GenerationID?,
      heardAt: OperatorTime?, loss: String
    ) {
      self.node = node
      self.phase = phase
      self.obstacle = obstacle
      self.role = role
      self.term = term
      self.lastTerm = lastTerm
      self.lastIndex = lastIndex
      self.commitIndex = commitIndex
      self.appliedIndex = appliedIndex
      self.generation = generation
      self.heardAt = heardAt
      self.loss = loss
    }
  }

  /// The cluster.
  public var cluster: ClusterName
  /// Why it is not to be recovered, nil if it may be.
  public var obstacle: String?
  /// The member with the most of the log that can be built on, nil if there is none.
  public var best: NodeName?
  /// Its members.
  public var members: [Member]
  /// Members that are not heard of.
  public var quiet: [NodeName]

  /// Makes a view of its parts.
  public init(cluster: ClusterName, obstacle: String?, best: NodeName?, members: [Member], quiet: [NodeName]) {
    self.cluster = cluster
    self.obstacle = obstacle
    self.best = best
    self.members = members
    self.quiet = quiet
  }
}
