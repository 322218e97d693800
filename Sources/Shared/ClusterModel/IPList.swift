// SPDX-License-Identifier: GPL-3.0-or-later

/// The versioned list of addresses by which nodes, control plane and KMS find and admit one another.
///
/// The coordinator keeps the whole; a node gets the part that is its own, under the same version.
public struct IPList: Sendable, Codable, Equatable {
  /// One address of one node.
  public struct Entry: Sendable, Codable, Equatable {
    /// The cluster the node belongs to, or is meant for.
    public var cluster: ClusterName
    /// The node.
    public var node: NodeName
    /// Its address or host name, without port.
    public var address: String
    /// Whether the node is about to belong to the cluster and does not yet; nil for no.
    public var future: Bool?
    /// Which way it is used; nil, from a coordinator that does not say, for both.
    public var direction: AddressDirection?

    /// Makes an entry of its parts.
    public init(
      cluster: ClusterName, node: NodeName, address: String, future: Bool? = nil, direction: AddressDirection? = nil
    ) {
      self.cluster = cluster
      self.node = node
      self.address = address
      self.future = future
      self.direction = direction
    }

    /// Whether drivers or members connect to it.
    public var isInbound: Bool { direction != .outbound }
    /// Whether the node's calls to its KMS come from it.
    public var isOutbound: Bool { direction != .inbound }
  }

  /// A project's access list.
  public struct Access: Sendable, Codable, Equatable {
    /// The project.
    public var project: ProjectName
    /// What is let in; a list without entries lets nobody in but the clusters' own nodes.
    public var entries: [AccessEntry]

    /// Makes a list of its parts.
    public init(project: ProjectName, entries: [AccessEntry]) {
      self.project = project
      self.entries = entries
    }
  }

  /// A range from which drivers may connect.
  public struct AccessEntry: Sendable, Codable, Equatable {
    /// The range.
    public var range: IPRange
    /// How long it still holds from the moment the list is sent, in milliseconds; nil for good, and where it is stored.
    public var expiresInMilliseconds: Int64?

    /// Makes an entry of its parts.
    public init(range: IPRange, expiresInMilliseconds: Int64? = nil) {
      self.range = range
      self.expiresInMilliseconds = expiresInMilliseconds
    }
  }

  /// The most entries of one project's access list.
  public static let maximumAccessEntries = 200

  /// One higher at each change; 0 is the empty list before the first.
  public var version: UInt64
  /// The nodes' addresses, ordered by cluster and node.
  public var nodes: [Entry]
  /// The control plane's addresses.
  public var controlPlane: [String]
  /// The access lists of the projects that have one, by name; nil for none. A node gets its own project's only.
  public var access: [Access]?

  /// Makes a list of its parts.
  public init(version: UInt64 = 0, nodes: [Entry] = [], controlPlane: [String] = [], access: [Access]? = nil) {
    self.version = version
    self.nodes = nodes
    self.controlPlane = controlPlane
    self.access = access
  }
}

/// Which way a node uses an address.
public enum AddressDirection: String, Sendable, Codable, CaseIterable {
  /// It is connected to.
  case inbound
  /// It connects from it.
  case outbound
}

/// One address of the control plane, as its configuration names it: `203.0.113.7`, `aws/us-east-1/203.0.113.7`.
public struct ControlPlaneAddress: Sendable, Codable, Equatable {
  /// The provider that the coordinator runs at, nil if it is not said.
  public var provider: KMSProvider?
  /// The region in the provider's own words, nil if it is not said.
  public var region: String?
  /// The address, range or host name.
  public var address: String

  /// Reads the text of a configuration; nil if it is empty or names a provider without a region and an address.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
    if let first = parts.first, let provider = KMSProvider(rawValue: first) {
      guard parts.count == 3, !parts[1].isEmpty, (try? IPRange(parts[2])) != nil else { return nil }
      (self.provider, region, address) = (provider, parts[1], parts[2])
    } else {
      guard !text.isEmpty, parts.count == 1 || (try? IPRange(text)) != nil else { return nil }
      address = text
    }
  }
}
