// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// A one-time token by which a node may be enrolled.
///
/// The token is a CURVE key pair; this is its public half, which gives nobody anything. Whoever connects with the
/// secret half is heard on one thing: the enrolment of this node. It stays a while after its end, so that whoever comes
/// with it then is told what became of it.
public struct TokenRecord: Sendable, Codable, Equatable {
  /// The public half in Z85, 40 characters.
  public let publicKey: String
  /// The node it is for.
  public let node: NodeName
  /// The cluster the node will be meant for, nil for any.
  public let cluster: ClusterName?
  /// The project the node will belong to, nil for any.
  public let project: ProjectName?
  /// Who made it.
  public let createdBy: OperatorName
  /// When it was made.
  public let createdAt: Instant
  /// When it expires.
  public let expiresAt: Instant
  /// What became of it.
  public var state: EnrolmentTokenView.State
  /// When that was, nil while it is open.
  public var endedAt: Instant?
  /// The key of the node that was enrolled with it.
  public var usedBy: String?
  /// How often it was refused.
  public var refusals: Int

  init(
    publicKey: String, node: NodeName, cluster: ClusterName?, project: ProjectName?, createdBy: OperatorName,
    createdAt: Instant, expiresAt: Instant
  ) {
    self.publicKey = publicKey
    self.node = node
    self.cluster = cluster
    self.project = project
    self.createdBy = createdBy
    self.createdAt = createdAt
    self.expiresAt = expiresAt
    state = .open
    refusals = 0
  }

  /// Whether whoever holds it may still connect: for its one use, or to be told what became of it.
  var isHeard: Bool { state != .withdrawn && state != .blocked }
}
