// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// Settings as one node has them, and what its master key is bound to.
public struct NodeCustody: Sendable, Equatable {
  /// The settings.
  public let settings: KMSSettings
  /// Their version.
  public let settingsVersion: UInt64
  /// The node's own context, and no other.
  public let context: KeyContext
}

/// For whom a role may be assumed: a node gets a signature where others get the secret, and by the same rules.
extension CoordinatorCore {
  /// The settings of a version as a node has them; nil if it has none of that version, or may not have them.
  public func custody(of node: NodeName, settingsVersion version: UInt64) -> NodeCustody? {
    guard let own = ownAssignment(of: node) else { return nil }
    let former = own.formerKMS?.first { $0.settingsVersion == version }?.settings
    guard let settings = own.settingsVersion == version ? own.kms : former else { return nil }
    return NodeCustody(settings: settings, settingsVersion: version, context: Self.context(of: node, own))
  }

  /// What the master key of a node is bound to that is to prove settings of a project; nil if it is not asked to.
  public func proverContext(of node: NodeName, in project: ProjectName, now: Instant) -> KeyContext? {
    guard let own = ownAssignment(of: node), own.project == project, provers(of: project, now: now).contains(node)
    else { return nil }
    return Self.context(of: node, own)
  }

  private static func context(of node: NodeName, _ assignment: NodeAssignment) -> KeyContext {
    KeyContext(project: assignment.project, cluster: assignment.cluster, node: node, purpose: .masterKey)
  }

  private func ownAssignment(of node: NodeName) -> NodeAssignment? {
    guard let name = nodeRecords[node]?.cluster, let cluster = clusterRecords[name], cluster.members.contains(node),
      unlearned(cluster) == nil, let assignment = cluster.assignment
    else { return nil }
    return tailored(assignment, for: node)
  }
}
