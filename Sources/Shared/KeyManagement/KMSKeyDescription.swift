// SPDX-License-Identifier: GPL-3.0-or-later

/// The state of a key as its KMS describes it.
public struct KMSKeyDescription: Sendable, Equatable {
  /// The states Keyfold tells apart; AWS's names (KMS developer guide, "Key states of AWS KMS keys").
  public enum State: String, Sendable, CaseIterable {
    case creating = "Creating"
    case enabled = "Enabled"
    case disabled = "Disabled"
    case pendingDeletion = "PendingDeletion"
    case pendingReplicaDeletion = "PendingReplicaDeletion"
    case pendingImport = "PendingImport"
    case unavailable = "Unavailable"
    case updating = "Updating"
    /// The key material is gone (Google only; elsewhere such a key is not found).
    case destroyed = "Destroyed"
    case unknown = ""
  }

  /// The full id of the key.
  public var keyID: String
  /// Its state; `unknown` for a state this version has no name for.
  public var state: State
  /// The provider's own word for the state.
  public var providerState: String
  /// What its owner wrote about it.
  public var summary: String
  /// When it will be deleted, seconds since 1970; nil unless it is scheduled for deletion.
  public var deletionSeconds: Double?

  /// Makes a description of its parts.
  public init(
    keyID: String, state: State, providerState: String, summary: String = "", deletionSeconds: Double? = nil
  ) {
    self.keyID = keyID
    self.state = state
    self.providerState = providerState
    self.summary = summary
    self.deletionSeconds = deletionSeconds
  }
}
