// SPDX-License-Identifier: GPL-3.0-or-later

/// The ledger of customer keys: what still depends on each.
public struct KeysNeededView: Sendable, Codable, Equatable {
  /// The keys by id.
  public var keys: [KeyNeedView]

  /// Makes a view of its parts.
  public init(keys: [KeyNeedView]) { self.keys = keys }
}

/// One customer key and what depends on it.
public struct KeyNeedView: Sendable, Codable, Equatable {
  /// Where a key stands.
  public enum State: String, Sendable, Codable {
    /// A project's settings name it.
    case inForce = "in force"
    /// Another took its place, and something is still under it.
    case beingReplaced = "being replaced"
    /// Another took its place, and nothing is under it any more.
    case notNeeded = "not needed"
    /// No project names it or ever did, and something is under it all the same.
    case unknown = "not of any project"
  }

  /// The provider, as the id's form says; nil if no provider's ids have it.
  public var provider: KMSProvider?
  /// The key's full id; of a multi-Region key, that of the replica which is in force, or was last.
  public var keyID: String
  /// Ids of its other replicas that settings name or something is under, nil for none.
  public var replicas: [String]?
  /// The version that the id names, nil if its provider names none.
  public var version: String?
  /// Where it stands.
  public var state: State
  /// The projects that use it or have used it.
  public var projects: [ProjectName] = []
  /// What depends on it.
  public var dependents: [KeyDependentView]
  /// When another took its place, nil if none did.
  public var replacedAt: OperatorTime?
  /// Since when nothing that is known here needs it: copies of disks and of the coordinator from before do. Nil while
  /// something needs it.
  public var freedAt: OperatorTime?
  /// When an operator retired it, nil if none did.
  public var retiredAt: OperatorTime?
  /// Whether it can be deleted in the KMS without anything being lost that is known of here. What is not known here are
  /// copies from before it was freed: of nodes' disks, and of the coordinator.
  public var canBeDeleted: Bool

  /// Makes a view of its parts.
  public init(keyID: String, state: State, dependents: [KeyDependentView]) {
    self.keyID = keyID
    provider = CustomerKey.provider(of: keyID)
    version = CustomerKey.version(of: keyID)
    self.state = state
    self.dependents = dependents
    canBeDeleted = dependents.isEmpty
  }
}

/// One thing that depends on a customer key.
public struct KeyDependentView: Sendable, Codable, Equatable, CustomStringConvertible {
  /// The kinds of things.
  public enum Kind: String, Sendable, Codable {
    /// A node, by a generation of its data.
    case node
    /// A project's settings.
    case settings
    /// The coordinator's canary, by which it checks the key.
    case canary
  }

  /// What kind of thing.
  public var kind: Kind
  /// The node or project.
  public var subject: String
  /// What of it.
  public var detail: String

  /// Makes a view of its parts.
  public init(_ kind: Kind, _ subject: String, _ detail: String) {
    self.kind = kind
    self.subject = subject
    self.detail = detail
  }

  /// In a few words, for people.
  public var description: String {
    switch kind {
    case .node: "node \(subject) (\(detail))"
    case .settings: "the \(detail) of project \(subject)"
    case .canary: "the coordinator's canary of project \(subject)"
    }
  }
}

/// A key that was replaced and is still needed, as shown beside the settings in force.
public struct FormerKeyView: Sendable, Codable, Equatable {
  /// The key's full id.
  public var keyID: String
  /// When another took its place.
  public var replacedAt: OperatorTime?
  /// What the coordinator's last check of it said, nil before the first.
  public var lastCheck: CheckView?
  /// What still needs it, in words.
  public var neededBy: [String]

  /// Makes a view of its parts.
  public init(keyID: String, replacedAt: OperatorTime?, lastCheck: CheckView?, neededBy: [String]) {
    self.keyID = keyID
    self.replacedAt = replacedAt
    self.lastCheck = lastCheck
    self.neededBy = neededBy
  }
}
