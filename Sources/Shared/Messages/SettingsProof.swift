// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
public import Secrets

/// What the coordinator asks of a node before new KMS settings are in force: unwrap your stored master key under them.
public struct ProveSettings: Sendable {
  /// Names the request.
  public var id: CommandID
  /// The settings to try.
  public var settings: KMSSettings
  /// The secret part of their credentials, nil if they have none. Never written to the node's disk.
  public var secret: Secret?

  /// Makes a request of its parts.
  public init(id: CommandID, settings: KMSSettings, secret: Secret?) {
    self.id = id
    self.settings = settings
    self.secret = secret
  }
}

/// How a node's trial of KMS settings ended.
public struct SettingsProof: Sendable, Equatable {
  /// The ways it can end.
  public enum Outcome: Sendable, Equatable {
    /// The stored master key was unwrapped, and is the one it should be.
    case proven
    /// The node has no encrypted data.
    case nothingToProve
    /// It was not unwrapped; `kind` and `operation` are those of the KMS's failure, empty for any other.
    case failed(kind: String, operation: String, reason: String)
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
