// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// An enrolled node and what is recorded of it.
public struct NodeRecord: Sendable, Codable, Equatable {
  /// Its name.
  public let name: NodeName
  /// Its CURVE public key in Z85, 40 characters.
  public let publicKey: String
  /// When it was enrolled.
  public let enrolledAt: Instant
  /// The cluster it is meant for, nil if for any.
  public var intendedCluster: ClusterName?
  /// The project whose clusters alone may take it; nil if any may, as in a store from before nodes had one.
  public var project: ProjectName?
  /// The cluster it belongs to, nil if none yet.
  public var cluster: ClusterName?
  /// Its last report that changed anything worth remembering; the newest of all is `CoordinatorCore.report(of:)`.
  public var report: NodeReport?
  /// The newest live generation that was accepted; an older keystore than this is suspect.
  public var generation: GenerationReport?
  /// The master keys it was seen with, newest last.
  public var masterKeys: [MasterKeyRecord]
  /// Generations it had before, oldest first.
  public var formerGenerations: [GenerationID]
  /// Lives its process had before, oldest first; what they still say is not heard.
  public var formerBoots: [BootID]
  /// Why its keystore is not trusted, nil if it is.
  public var distrust: String?
  /// Whether what is not trusted could as well be newer than this store: a master key or generation never recorded.
  public var isAhead: Bool?
  /// Whether the keystore is gone, which a copy of the others' data puts right.
  public var isKeystoreLost: Bool?
  /// The generation its shard went on without: it may contradict what the shard has now, so it stays closed.
  public var leftBehind: GenerationID?
  /// Up to where its uses of KMS keys stand in the audit record, for its last lives that had any, oldest first.
  public var keyUses: [KeyUseMark]?
  /// How far its data reached by its own words, as of a minute ago or its last link's end.
  public var held: HeldPosition?
  /// Since when its key is refused, nil if it is let in.
  public var revokedAt: Instant?

  init(name: NodeName, publicKey: String, enrolledAt: Instant, intendedCluster: ClusterName?) {
    self.name = name
    self.publicKey = publicKey
    self.enrolledAt = enrolledAt
    self.intendedCluster = intendedCluster
    masterKeys = []
    formerGenerations = []
    formerBoots = []
  }
}

/// A master key a node was seen with.
public struct MasterKeyRecord: Sendable, Codable, Equatable {
  /// The key.
  public var id: MasterKeyID
  /// Its check value in hex.
  public var checkValue: String
  /// The generation whose keystore held it.
  public var generation: GenerationID
  /// The keystore's version when it was first seen.
  public var keystoreVersion: UInt64
  /// When it was first seen.
  public var seenAt: Instant
}

/// The keys below a node's master key, as it reported them last.
public struct KeysRecord: Sendable, Codable, Equatable {
  /// The node.
  public let node: NodeName
  /// Its keys by id.
  public var keys: [KeyReport]
  /// When they were reported.
  public var reportedAt: Instant
}
