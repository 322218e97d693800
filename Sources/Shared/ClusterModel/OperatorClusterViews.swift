// SPDX-License-Identifier: GPL-3.0-or-later

/// A cluster as an operator sees it.
public struct ClusterView: Sendable, Codable, Equatable {
  /// Its name.
  public var name: ClusterName
  /// The project that owns it.
  public var project: ProjectName
  /// Whether it is meant to run.
  public var running: Bool
  /// In a word or two: `serving`, `degraded`, `creating`, `stopped`, `disabled`…
  public var state: String
  /// The sentence behind the state, where it has one.
  public var reason: String?
  /// Customer-key encryption: `off`, `turning on`, `on`, `turning off`.
  public var encryption: String
  /// The primary, if one is known.
  public var primary: NodeName?
  /// What drivers connect to: `mongodb://…`, nil while no address is known.
  public var connectionString: String?
  /// Its nodes by name.
  public var nodes: [NodeView]
  /// Plans that are not finished, by id.
  public var openPlans: [PlanID]
  /// Since when it is disabled, nil if it is not.
  public var disabledSince: OperatorTime?
  /// What brings it back, nil if nothing is wrong with its key.
  public var next: String?
  /// Changes that were accepted while it is disabled, in the order they will be applied; nil if there are none.
  public var queued: [String]?
  /// When its master keys are rotated next, nil if it is not encrypted.
  public var rotation: RotationView?

  /// What is said while nodes leave a customer key that was replaced; nil while none do.
  public var keyChange: String?
  /// What it may have; nil from a coordinator that does not say.
  public var clusterClass: ClusterClass?
  /// What is left to do of a change of its nodes, in this order; nil while none is under way.
  public var change: [String]?

  /// Makes a view of its parts.
  public init(
    name: ClusterName, project: ProjectName, running: Bool, state: String, reason: String?, encryption: String,
    primary: NodeName?, connectionString: String?, nodes: [NodeView], openPlans: [PlanID]
  ) {
    self.name = name
    self.project = project
    self.running = running
    self.state = state
    self.reason = reason
    self.encryption = encryption
    self.primary = primary
    self.connectionString = connectionString
    self.nodes = nodes
    self.openPlans = openPlans
  }
}
