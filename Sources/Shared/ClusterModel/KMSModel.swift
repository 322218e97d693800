// SPDX-License-Identifier: GPL-3.0-or-later

/// A provider of key management services.
public enum KMSProvider: String, Sendable, Codable, CaseIterable { case aws, azure, gcp }

/// A master key as the customer's KMS wrapped it, with all that is needed to unwrap it again.
public struct WrappedMasterKey: Sendable, Codable, Equatable {
  /// The provider whose key wrapped it.
  public var provider: KMSProvider
  /// The full id of the wrapping key, never an alias.
  public var keyID: String
  /// The version of the wrapping key where the provider names one, else empty.
  public var keyVersion: String
  /// The region of the wrapping key.
  public var region: String
  /// When it was wrapped, milliseconds since 1970.
  public var createdAtMilliseconds: Int64
  /// The provider's ciphertext.
  public var blob: [UInt8]

  /// Makes a wrapped key of its parts.
  public init(
    provider: KMSProvider, keyID: String, keyVersion: String, region: String, createdAtMilliseconds: Int64,
    blob: [UInt8]
  ) {
    self.provider = provider
    self.keyID = keyID
    self.keyVersion = keyVersion
    self.region = region
    self.createdAtMilliseconds = createdAtMilliseconds
    self.blob = blob
  }
}

/// What a key wrapped by the KMS is for; part of its encryption context.
public enum KeyPurpose: String, Sendable, Codable { case masterKey = "master-key", probe }

/// The facts a wrapped key is bound to, sent to the KMS as encryption context and authenticated with the ciphertext.
public struct KeyContext: Sendable, Equatable {
  /// The project whose settings name the key.
  public var project: ProjectName
  /// The cluster, nil for the coordinator's own canary.
  public var cluster: ClusterName?
  /// The node, nil for the coordinator's own canary.
  public var node: NodeName?
  /// What the key is for.
  public var purpose: KeyPurpose

  /// Makes a context of its parts.
  public init(project: ProjectName, cluster: ClusterName?, node: NodeName?, purpose: KeyPurpose) {
    self.project = project
    self.cluster = cluster
    self.node = node
    self.purpose = purpose
  }

  /// The pairs as the KMS sees them; names are in the `keyfold:` space.
  public var pairs: [String: String] {
    var pairs = ["keyfold:project": project.text, "keyfold:purpose": purpose.rawValue]
    if let cluster { pairs["keyfold:cluster"] = cluster.text }
    if let node { pairs["keyfold:node"] = node.text }
    return pairs
  }
}

/// What one KMS check says of a key; nothing between (design: the table of verdicts).
public enum Verdict: Sendable, Codable, Equatable {
  /// The key unwrapped what it had wrapped.
  case valid
  /// The customer, or somebody with the customer's rights, took the key away.
  case revoked(RevocationReason, detail: String)
  /// The check says nothing of the key: the KMS could not be asked, or its answer proves nothing.
  case unreachable(OutageReason, detail: String)
}

/// Why a key counts as revoked.
public enum RevocationReason: String, Sendable, Codable, CaseIterable {
  case keyDisabled, keyPendingDeletion, keyNotFound, credentialsRefused, accessDenied

  /// Whether it is a state of the key itself, which a node may act on without a second vantage point.
  public var isKeyState: Bool {
    switch self {
    case .keyDisabled, .keyPendingDeletion, .keyNotFound: true
    case .credentialsRefused, .accessDenied: false
    }
  }
}

/// Why a check could say nothing of the key.
public enum OutageReason: String, Sendable, Codable, CaseIterable {
  case network, tls, timeout, throttled, service, malformedAnswer, clockSkew, credentialsExpired, vantagePointsDisagree
  case unlisted
  case privateNetworking
}
