// SPDX-License-Identifier: GPL-3.0-or-later

/// The list of addresses as an operator sees it.
public struct IPListView: Sendable, Codable, Equatable {
  /// The list.
  public var list: IPList
  /// The version each node says it holds, by node.
  public var heldBy: [Holder]
  /// Each cluster's addresses; nil from a coordinator that does not say.
  public var clusters: [ClusterAddresses]?
  /// The access lists of the projects that have one; nil from a coordinator that does not say.
  public var access: [AccessListView]?
  /// The control plane's addresses by provider and region; nil from a coordinator that does not say.
  public var controlPlane: [ControlPlaneAddress]?

  /// A node and the version of the list it holds.
  public struct Holder: Sendable, Codable, Equatable {
    /// The node.
    public var node: NodeName
    /// The version it holds, 0 for none.
    public var version: UInt64

    /// Makes a holder of its parts.
    public init(node: NodeName, version: UInt64) {
      self.node = node
      self.version = version
    }
  }

  /// Makes a view of its parts.
  public init(list: IPList, heldBy: [Holder]) {
    self.list = list
    self.heldBy = heldBy
  }
}

/// One cluster's addresses.
public struct ClusterAddresses: Sendable, Codable, Equatable {
  /// The cluster.
  public var cluster: ClusterName
  /// Its project, nil while the cluster does not exist yet.
  public var project: ProjectName?
  /// Where its nodes are connected to.
  public var inbound: [String]
  /// Where its nodes' calls come from.
  public var outbound: [String]
  /// The same of nodes that are about to belong to it.
  public var futureInbound: [String]
  /// The same of nodes that are about to belong to it.
  public var futureOutbound: [String]

  /// Sorts a cluster's entries by their kind.
  public init(cluster: ClusterName, project: ProjectName?, entries: [IPList.Entry]) {
    self.cluster = cluster
    self.project = project
    func addresses(future: Bool, _ isMeant: (IPList.Entry) -> Bool) -> [String] {
      Set(entries.filter { ($0.future ?? false) == future && isMeant($0) }.map(\.address)).sorted()
    }
    inbound = addresses(future: false) { $0.isInbound }
    outbound = addresses(future: false) { $0.isOutbound }
    futureInbound = addresses(future: true) { $0.isInbound }
    futureOutbound = addresses(future: true) { $0.isOutbound }
  }
}

/// A project's access list as an operator sees it.
public struct AccessListView: Sendable, Codable, Equatable {
  /// One range that is let in.
  public struct Entry: Sendable, Codable, Equatable {
    /// The range.
    public var range: IPRange
    /// What the operator said of it.
    public var comment: String
    /// When it was added.
    public var addedAt: OperatorTime
    /// When it ends by itself if the coordinator runs until then, nil if never.
    public var expiresAt: OperatorTime?

    /// Makes an entry of its parts.
    public init(range: IPRange, comment: String, addedAt: OperatorTime, expiresAt: OperatorTime?) {
      self.range = range
      self.comment = comment
      self.addedAt = addedAt
      self.expiresAt = expiresAt
    }
  }

  /// The project.
  public var project: ProjectName
  /// Whether there is a list; without one drivers may connect from anywhere.
  public var isOn: Bool
  /// The ranges that are let in.
  public var entries: [Entry]
  /// The version of the IP list that this is in.
  public var version: UInt64
  /// How many nodes the project's clusters have.
  public var nodes: Int
  /// How many of them hold that version.
  public var nodesUpToDate: Int

  /// Makes a view of its parts.
  public init(
    project: ProjectName, isOn: Bool, entries: [Entry], version: UInt64, nodes: Int, nodesUpToDate: Int
  ) {
    self.project = project
    self.isOn = isOn
    self.entries = entries
    self.version = version
    self.nodes = nodes
    self.nodesUpToDate = nodesUpToDate
  }
}
