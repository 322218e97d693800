// SPDX-License-Identifier: GPL-3.0-or-later

/// What an operator may do in one project; a higher role may do all that a lower one may.
public enum ProjectRole: String, Sendable, Codable, CaseIterable, Comparable {
  /// Sees the project, and changes nothing.
  case readOnly = "read-only"
  /// Makes clusters and runs plans: nodes, restarts, rotations of master keys.
  case clusterManager = "cluster-manager"
  /// Decides on KMS settings, encryption, users, and who else is in the project.
  case projectOwner = "project-owner"

  /// The role in words.
  public var title: String {
    switch self {
    case .readOnly: "read only"
    case .clusterManager: "cluster manager"
    case .projectOwner: "project owner"
    }
  }

  private var rank: Int {
    switch self {
    case .readOnly: 0
    case .clusterManager: 1
    case .projectOwner: 2
    }
  }

  /// Orders roles by what they may do.
  public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
}

/// What an operator may do in the whole installation, beside the roles in projects.
public enum OperatorRole: String, Sendable, Codable, CaseIterable {
  /// Only what roles in projects give.
  case member
  /// Makes projects, lets operators and nodes in, and sees everything; changes only projects it has a role in.
  case orgOwner = "org-owner"

  /// The role in words.
  public var title: String {
    switch self {
    case .member: "member"
    case .orgOwner: "org owner"
    }
  }
}

/// The role a command needs.
public enum RequiredRole: Sendable, Hashable, CustomStringConvertible {
  /// Any operator; of a list each sees what is of the operator's own projects.
  case any
  /// An org owner.
  case orgOwner
  /// At least this role in the project the command is about; to see it, an org owner needs none.
  case project(ProjectRole)
  /// A project owner, or an org owner.
  case anyOwner

  /// The role in words, for help and refusals.
  public var description: String {
    switch self {
    case .any: "any operator"
    case .orgOwner: "org owner"
    case .project(let role): role.title
    case .anyOwner: "project owner or org owner"
    }
  }
}

/// A role an operator has in a project.
public struct ProjectMembership: Sendable, Codable, Equatable {
  /// The project.
  public var project: ProjectName
  /// The operator.
  public var admin: OperatorName
  /// What the operator may do there.
  public var role: ProjectRole

  /// Makes one of its parts.
  public init(project: ProjectName, admin: OperatorName, role: ProjectRole) {
    self.project = project
    self.admin = admin
    self.role = role
  }

  private enum CodingKeys: String, CodingKey {
    case project, role
    case admin = "operator"
  }
}
