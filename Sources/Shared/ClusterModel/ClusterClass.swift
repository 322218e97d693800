// SPDX-License-Identifier: GPL-3.0-or-later

/// What a cluster may have: one line of the table of features for each class.
public enum ClusterClass: String, Sendable, Codable, CaseIterable {
  /// To try things out.
  case free
  /// Small and without keys of the customer's own.
  case shared
  /// Everything; what a cluster is if nothing else is said.
  case standard

  /// The features of a class.
  public struct Features: Sendable, Equatable {
    /// How many nodes a cluster of the class may have; Raft's cost grows with them, and MongoDB allows seven voters.
    public let maximumNodes: Int
    /// Whether its data may be encrypted under a customer's key.
    public let customerKeyEncryption: Bool
  }

  /// The table.
  public var features: Features {
    switch self {
    case .free: Features(maximumNodes: 3, customerKeyEncryption: false)
    case .shared: Features(maximumNodes: 5, customerKeyEncryption: false)
    case .standard: Features(maximumNodes: 7, customerKeyEncryption: true)
    }
  }

  /// The names of the classes with customer-key encryption, for error texts.
  public static var encryptable: String {
    allCases.filter(\.features.customerKeyEncryption).map(\.rawValue).joined(separator: ", ")
  }
}

/// What is to be different about a cluster; nil leaves a thing as it is.
public struct ClusterChange: Sendable, Codable, Equatable {
  /// All nodes it is to have, those that stay included.
  public var nodes: [NodeName]?
  /// Its class.
  public var clusterClass: ClusterClass?

  /// Makes a change of its parts.
  public init(nodes: [NodeName]? = nil, clusterClass: ClusterClass? = nil) {
    self.nodes = nodes
    self.clusterClass = clusterClass
  }

  private enum CodingKeys: String, CodingKey {
    case nodes
    case clusterClass = "class"
  }
}

extension ClusterChange: CustomStringConvertible {
  /// The change in words, for the audit record.
  public var description: String {
    let parts = [
      nodes.map { "nodes " + $0.map(\.text).joined(separator: ", ") }, clusterClass.map { "class \($0.rawValue)" },
    ]
    return parts.compactMap { $0 }.joined(separator: "; ")
  }
}

/// What a change of a cluster comes to, before it is made or as it was taken up.
public struct ClusterChangeView: Sendable, Codable, Equatable {
  /// The cluster.
  public var cluster: ClusterName
  /// Its nodes before the change.
  public var present: [NodeName]
  /// What is done, in this order; what changes nodes is a plan of its own, one after the other.
  public var steps: [String]
  /// Whether it was taken up; otherwise nothing was done.
  public var isTaken: Bool
  /// The first plan, nil if the change needs none or was not taken up.
  public var plan: PlanView?
  /// Why the plans do not begin now: the cluster is disabled, and they are queued; nil if they do.
  public var queued: String?

  /// Makes a view of its parts.
  public init(
    cluster: ClusterName, present: [NodeName], steps: [String], isTaken: Bool, plan: PlanView? = nil,
    queued: String? = nil
  ) {
    self.cluster = cluster
    self.present = present
    self.steps = steps
    self.isTaken = isTaken
    self.plan = plan
    self.queued = queued
  }
}
