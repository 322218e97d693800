// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
public import Secrets

/// What the coordinator asks the primary's agent to do with the users of the cluster.
public struct UserRequest: Sendable {
  /// The longest credential, in bytes.
  public static let maximumCredentialBytes = 256

  /// The kinds of request.
  public enum Action: String, Sendable, CaseIterable {
    case create, remove, password, list
  }

  /// Stable across retries: a request carried out before changes nothing.
  public var id: CommandID
  /// What is asked.
  public var action: Action
  /// Whom it is about, nil for `list`.
  public var user: DriverUserName?
  /// The role of a new user, nil for everything else.
  public var role: DriverRole?
  /// What a server keeps of the password, for `create` and `password`; never the password.
  public var credential: Secret?

  /// Makes a request of its parts.
  public init(
    id: CommandID, action: Action, user: DriverUserName? = nil, role: DriverRole? = nil, credential: Secret? = nil
  ) {
    self.id = id
    self.action = action
    self.user = user
    self.role = role
    self.credential = credential
  }
}

/// How a request about users ended.
public struct UserReply: Sendable, Equatable {
  /// The most users in one reply.
  public static let maximumUsers = 10_000

  /// The ways it can end; their order is the numbers of the schema.
  public enum Outcome: Sendable, Equatable, CaseIterable {
    case done, exists, notFound, lastUser, tooMany
    /// Not here or not now: another member is primary, or the engine is closed. Asking again helps.
    case notNow
    case failed
  }

  /// The request's id.
  public var id: CommandID
  /// How it ended.
  public var outcome: Outcome
  /// A sentence for logs and operators; empty if the outcome says it all.
  public var reason: String
  /// All users as they are now, if it is done.
  public var users: [DriverUser]

  /// Makes a reply of its parts.
  public init(id: CommandID, outcome: Outcome, reason: String = "", users: [DriverUser] = []) {
    self.id = id
    self.outcome = outcome
    self.reason = reason
    self.users = users
  }
}
