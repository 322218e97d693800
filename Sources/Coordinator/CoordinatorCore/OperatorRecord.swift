// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// An operator, known by a CURVE public key.
public struct OperatorRecord: Sendable, Codable, Equatable {
  /// The operator's name.
  public let name: OperatorName
  /// The public key in Z85, 40 characters.
  public let publicKey: String
  /// When the key was added.
  public let addedAt: Instant
  /// Since when the key is refused, nil if it is let in. The record stays: the key comes back under no other name.
  public var revokedAt: Instant?
  /// What the operator may do; nil in a store from before there were roles, until `adoptRoles`. Without, it is nothing.
  public var roles: OperatorRoles?
}

/// What an operator may do, in the installation and in projects.
public struct OperatorRoles: Sendable, Codable, Equatable {
  /// In the installation.
  public var installation: OperatorRole
  /// In projects, by their names.
  public var projects: [String: ProjectRole] = [:]

  init(_ installation: OperatorRole) { self.installation = installation }
}

extension OperatorRecord {
  /// Whether the key is let in and belongs to an org owner.
  var isOrgOwner: Bool { revokedAt == nil && roles?.installation == .orgOwner }

  /// The role in a project, nil for none or if the key is refused.
  func role(in project: ProjectName) -> ProjectRole? { revokedAt == nil ? roles?.projects[project.text] : nil }

  /// The roles in projects, by the projects' names.
  var memberships: [ProjectMembership] {
    (roles?.projects ?? [:]).sorted { $0.key < $1.key }
      .map { ProjectMembership(project: ProjectName(checked: $0.key), admin: name, role: $0.value) }
  }
}
