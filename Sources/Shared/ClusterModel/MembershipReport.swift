// SPDX-License-Identifier: GPL-3.0-or-later

/// What a node was told last of whom it belongs to; kept on its disk, so that a coordinator whose store is lost can be
/// rebuilt from what nodes say.
public struct MembershipReport: Sendable, Codable, Equatable {
  /// The most members that a report names.
  public static let maximumMembers = 64

  /// The version of the assignment that said so.
  public var version: UInt64
  /// The project.
  public var project: ProjectName
  /// The cluster.
  public var cluster: ClusterName
  /// All members of the node's shard, itself included.
  public var members: [NodeName]
  /// Whether the cluster is meant to run.
  public var running: Bool
  /// The version of the project's KMS settings.
  public var settingsVersion: UInt64
  /// The ranges of the project's access list that hold for good; nil if there is no list.
  public var access: [IPRange]?
  /// The member that does not belong to the cluster yet; nil if all do.
  public var joining: NodeName?
  /// The process that has each member's place, as far as the coordinator knew one; nil from an agent that kept none.
  /// By digests, which are enough to know it again: who reads a node's disk can't say that it is another's process.
  public var boots: [NodeName: BootDigest]?

  private enum CodingKeys: String, CodingKey {
    case version, project, cluster, members, running, settingsVersion, access, joining
    case boots = "bootDigests"
  }

  /// Makes a report of what an assignment says.
  public init(_ assignment: NodeAssignment, access: [IPRange]?) {
    version = assignment.version
    project = assignment.project
    cluster = assignment.cluster
    members = Array(assignment.members.map(\.node).prefix(Self.maximumMembers))
    running = assignment.running
    settingsVersion = assignment.settingsVersion
    self.access = access
    joining = assignment.joining
    boots = Dictionary(
      assignment.members.prefix(Self.maximumMembers).compactMap { member in
        member.boot.flatMap { BootDigest(of: $0) }.map { (member.node, $0) }
      },
      uniquingKeysWith: { first, _ in first })
  }

  /// Makes a report of its parts.
  public init(
    version: UInt64, project: ProjectName, cluster: ClusterName, members: [NodeName], running: Bool,
    settingsVersion: UInt64, access: [IPRange]?, joining: NodeName? = nil, boots: [NodeName: BootDigest]? = nil
  ) {
    self.version = version
    self.project = project
    self.cluster = cluster
    self.members = members
    self.running = running
    self.settingsVersion = settingsVersion
    self.access = access
    self.joining = joining
    self.boots = boots
  }

  /// Decodes a report, also one of an agent that kept the boot ids themselves.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    let former = try decoder.container(keyedBy: FormerKeys.self)
    self.init(
      version: try values.decode(UInt64.self, forKey: .version),
      project: try values.decode(ProjectName.self, forKey: .project),
      cluster: try values.decode(ClusterName.self, forKey: .cluster),
      members: try values.decode([NodeName].self, forKey: .members),
      running: try values.decode(Bool.self, forKey: .running),
      settingsVersion: try values.decode(UInt64.self, forKey: .settingsVersion),
      access: try values.decodeIfPresent([IPRange].self, forKey: .access),
      joining: try values.decodeIfPresent(NodeName.self, forKey: .joining),
      boots: try values.decodeIfPresent([NodeName: BootDigest].self, forKey: .boots)
        ?? former.decodeIfPresent([NodeName: BootID].self, forKey: .boots)?.compactMapValues { BootDigest(of: $0) })
  }

  private enum FormerKeys: String, CodingKey { case boots }
}

/// What can be made again of what nodes report that this coordinator's store does not know.
public struct RebuildView: Sendable, Codable, Equatable {
  /// A member as far as it is known.
  public struct Member: Sendable, Codable, Equatable {
    /// The node.
    public var node: NodeName
    /// What it says: its phase, or that it is not enrolled or not heard of.
    public var state: String
    /// Its keystore's version, 0 if it has none or is not heard of.
    public var keystoreVersion: UInt64
    /// Its master key's check value, nil if it has none.
    public var masterKeyCheckValue: String?
    /// The customer key its data is under, nil for none.
    public var customerKeyID: String?

    /// Makes one of its parts.
    public init(
      node: NodeName, state: String, keystoreVersion: UInt64, masterKeyCheckValue: String?, customerKeyID: String?
    ) {
      self.node = node
      self.state = state
      self.keystoreVersion = keystoreVersion
      self.masterKeyCheckValue = masterKeyCheckValue
      self.customerKeyID = customerKeyID
    }
  }

  /// A cluster that nodes report.
  public struct Cluster: Sendable, Codable, Equatable {
    /// Its name.
    public var cluster: ClusterName
    /// Its project.
    public var project: ProjectName
    /// Its members.
    public var members: [Member]
    /// Why it can't be made again yet, nil if it can, or was.
    public var hindrance: String?

    /// Makes one of its parts.
    public init(cluster: ClusterName, project: ProjectName, members: [Member], hindrance: String?) {
      self.cluster = cluster
      self.project = project
      self.members = members
      self.hindrance = hindrance
    }
  }

  /// The clusters by name.
  public var clusters: [Cluster]
  /// Whether those without a hindrance were made again.
  public var isDone: Bool

  /// Makes a view of its parts.
  public init(clusters: [Cluster], isDone: Bool) {
    self.clusters = clusters
    self.isDone = isDone
  }
}
