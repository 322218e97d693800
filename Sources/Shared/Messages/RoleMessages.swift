// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
public import Secrets

/// What a node asks of the coordinator, which alone has the access key: sign a request to assume a role for me.
public struct SignRole: Sendable, Equatable {
  /// Which settings name the role.
  public enum Settings: Sendable, Equatable {
    /// Those of this version, in force or former.
    case version(UInt64)
    /// Those of a trial that is under way.
    case proof(CommandID)
  }

  /// Names the request.
  public var id: CommandID
  /// The settings.
  public var settings: Settings
  /// The region in which the role's issuer is asked.
  public var region: String

  /// Makes a request of its parts.
  public init(id: CommandID, settings: Settings, region: String) {
    self.id = id
    self.settings = settings
    self.region = region
  }
}

/// What the coordinator answers.
public struct RoleSignature: Sendable {
  /// The ways it can end.
  public enum Outcome: Sendable {
    /// Send this body with this `Authorization`, as of `at` in Unix seconds by the coordinator's clock.
    case signed(form: String, authorization: Secret, at: Int64)
    /// So many others ask that this node's turn comes later.
    case later(milliseconds: UInt64)
    /// The coordinator does not sign this.
    case declined(reason: String)
  }

  /// The request's id.
  public var id: CommandID
  /// How it ended.
  public var outcome: Outcome

  /// Makes an answer of its parts.
  public init(id: CommandID, outcome: Outcome) {
    self.id = id
    self.outcome = outcome
  }
}
