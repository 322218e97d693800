// SPDX-License-Identifier: GPL-3.0-or-later

/// A one-time token by which a node lets itself be enrolled, as operators see it; the token itself is nowhere but with
/// whoever made it.
public struct EnrolmentTokenView: Sendable, Codable, Equatable {
  /// What became of a token; the raw value is what operators read.
  public enum State: String, Sendable, Codable, CaseIterable {
    /// A node can still be enrolled with it.
    case open
    /// A node was enrolled with it.
    case used
    /// Nobody used it in time.
    case expired
    /// An operator took it back, or made another one for the same node.
    case withdrawn
    /// The coordinator was put back from an older copy: whether it was used since can't be told.
    case restored
    /// It was used wrongly too often.
    case blocked
  }

  /// How long a token holds unless that is said, in minutes.
  public static let defaultMinutes = 60
  /// How long a token may hold, in minutes: at most a week.
  public static let allowedMinutes = 1...7 * 24 * 60

  /// The node it is for.
  public var node: NodeName
  /// The cluster the node will be meant for, nil for any.
  public var cluster: ClusterName?
  /// The project the node will belong to, nil for any.
  public var project: ProjectName?
  /// The public half of the token, by which the coordinator knows it.
  public var publicKey: String
  /// Who made it.
  public var createdBy: OperatorName
  /// When it was made.
  public var createdAt: OperatorTime
  /// When it expires.
  public var expiresAt: OperatorTime
  /// What became of it.
  public var state: State
  /// The key of the node that was enrolled with it.
  public var usedBy: String?
  /// How often it was refused.
  public var refusals: Int

  /// Makes a view of its parts.
  public init(
    node: NodeName, cluster: ClusterName?, project: ProjectName?, publicKey: String, createdBy: OperatorName,
    createdAt: OperatorTime, expiresAt: OperatorTime, state: State, usedBy: String?, refusals: Int
  ) {
    self.node = node
    self.cluster = cluster
    self.project = project
    self.publicKey = publicKey
    self.createdBy = createdBy
    self.createdAt = createdAt
    self.expiresAt = expiresAt
    self.state = state
    self.usedBy = usedBy
    self.refusals = refusals
  }
}
