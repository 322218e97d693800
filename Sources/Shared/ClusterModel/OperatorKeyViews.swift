// SPDX-License-Identifier: GPL-3.0-or-later

/// The chain of keys: customer-managed keys, the master keys they wrap, the database keys those wrap.
public struct KeysTreeView: Sendable, Codable, Equatable {
  /// Customer-managed keys with what hangs below each.
  public var customerKeys: [CustomerKeyView]
  /// Nodes whose data is under no key.
  public var plainNodes: [PlainNodeView]
  /// When it was drawn, on the coordinator's clock; ages count from here.
  public var drawnAt: OperatorTime

  /// Makes a view of its parts.
  public init(customerKeys: [CustomerKeyView], plainNodes: [PlainNodeView], drawnAt: OperatorTime) {
    self.customerKeys = customerKeys
    self.plainNodes = plainNodes
    self.drawnAt = drawnAt
  }
}

/// A customer-managed key and the master keys it wraps.
public struct CustomerKeyView: Sendable, Codable, Equatable {
  /// The key's full id.
  public var keyID: String
  /// The provider, nil if no settings name this key any more.
  public var provider: KMSProvider?
  /// The projects whose settings name it.
  public var projects: [ProjectName]
  /// The coordinator's last check, nil before the first.
  public var lastCheck: CheckView?
  /// The master keys it wraps, by cluster and node.
  public var masterKeys: [MasterKeyView]
  /// What is to be known of the key, nil if nothing is.
  public var note: String?

  /// Makes a view of its parts.
  public init(
    keyID: String, provider: KMSProvider?, projects: [ProjectName], lastCheck: CheckView?, masterKeys: [MasterKeyView]
  ) {
    self.keyID = keyID
    self.provider = provider
    self.projects = projects
    self.lastCheck = lastCheck
    self.masterKeys = masterKeys
  }
}

/// A node's master key and the keys it wraps.
public struct MasterKeyView: Sendable, Codable, Equatable {
  /// The key's id.
  public var id: MasterKeyID
  /// The cluster.
  public var cluster: ClusterName
  /// The node that made it and alone uses it.
  public var node: NodeName
  /// When it was made.
  public var createdAt: OperatorTime?
  /// Its check value in hex, by which two keys can be told apart without showing either.
  public var checkValue: String?
  /// The version of the keystore it is in.
  public var keystoreVersion: UInt64
  /// `in use` while the node's engine is open, else `sealed`.
  public var state: String
  /// The keys it wraps, by id.
  public var keys: [KeyView]
  /// How long ago the node proved that it could restart with this key, in seconds; nil if it has not.
  public var restartProofAgeSeconds: Int64?

  /// Makes a view of its parts.
  public init(
    id: MasterKeyID, cluster: ClusterName, node: NodeName, createdAt: OperatorTime?, checkValue: String?,
    keystoreVersion: UInt64, state: String, keys: [KeyView]
  ) {
    self.id = id
    self.cluster = cluster
    self.node = node
    self.createdAt = createdAt
    self.checkValue = checkValue
    self.keystoreVersion = keystoreVersion
    self.state = state
    self.keys = keys
  }
}

/// A database key, system key or oplog key.
public struct KeyView: Sendable, Codable, Equatable {
  /// The key's id, `<scope>.<uuid>`.
  public var id: KeyID
  /// What it encrypts: `system`, `oplog` or a database's name.
  public var scope: String
  /// When it was made.
  public var createdAt: OperatorTime?

  /// Makes a view of a report.
  public init(_ report: KeyReport) {
    id = report.id
    createdAt = OperatorTime(known: report.createdAtMilliseconds)
    scope =
      switch report.id.scope {
      case .system: "system"
      case .oplog: "oplog"
      case .database(let name): name.text
      }
  }
}

/// A node whose data is under no key.
public struct PlainNodeView: Sendable, Codable, Equatable {
  /// The cluster.
  public var cluster: ClusterName
  /// The node.
  public var node: NodeName
  /// Why: not encrypted, no data yet, or never heard from.
  public var reason: String

  /// Makes a view of its parts.
  public init(cluster: ClusterName, node: NodeName, reason: String) {
    self.cluster = cluster
    self.node = node
    self.reason = reason
  }
}
