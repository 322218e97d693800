// SPDX-License-Identifier: GPL-3.0-or-later

/// Who asks the KMS: the public half of the credentials. The secret half, where there is one, travels beside it.
public enum KMSCredentials: Sendable, Equatable {
  /// An AWS access key; its secret access key is the secret.
  case awsAccessKey(id: String)
  /// An AWS role that is assumed: with an access key, whose secret access key is the secret, or, if `accessKeyID` is
  /// nil, with the machine's own role from instance metadata (IMDSv2), which has no secret.
  case awsRole(arn: String, externalID: String?, accessKeyID: String?)
  /// An application registered in Microsoft Entra; its client secret is the secret.
  case azureClientSecret(tenant: String, clientID: String)
  /// The machine's managed identity, the one of this client id if it has several; no secret.
  case azureManagedIdentity(clientID: String?)
  /// A Google service account; its whole JSON key file is the secret.
  case googleServiceAccount
  /// The service account of the Google machine, from its metadata server; no secret.
  case googleMetadata

  /// The kinds, as stored, shown and given on the command line.
  public enum Kind: String, Sendable, Codable, CaseIterable {
    case awsAccessKey = "aws-access-key"
    case awsRole = "aws-role"
    case azureClientSecret = "azure-client-secret"
    case azureManagedIdentity = "azure-managed-identity"
    case googleServiceAccount = "google-service-account"
    case googleMetadata = "google-metadata"
  }

  /// Which kind these are.
  public var kind: Kind {
    switch self {
    case .awsAccessKey: .awsAccessKey
    case .awsRole: .awsRole
    case .azureClientSecret: .azureClientSecret
    case .azureManagedIdentity: .azureManagedIdentity
    case .googleServiceAccount: .googleServiceAccount
    case .googleMetadata: .googleMetadata
    }
  }

  /// Whose KMS takes them.
  public var provider: KMSProvider {
    switch self {
    case .awsAccessKey, .awsRole: .aws
    case .azureClientSecret, .azureManagedIdentity: .azure
    case .googleServiceAccount, .googleMetadata: .gcp
    }
  }

  /// Whether there is a secret half; what the machine itself is trusted for has none.
  public var hasSecret: Bool {
    switch self {
    case .awsAccessKey, .azureClientSecret, .googleServiceAccount: true
    case .awsRole(_, _, let accessKeyID): accessKeyID != nil
    case .azureManagedIdentity, .googleMetadata: false
    }
  }

  /// Whether the secret half stays with the coordinator, which signs for nodes in place of giving it to them: that of
  /// the access key that assumes a role.
  public var isKeptFromNodes: Bool { kind == .awsRole && hasSecret }

  /// Whether nodes are given the secret half: where there is one, and they can't do without.
  public var isGivenToNodes: Bool { hasSecret && !isKeptFromNodes }

  /// Whether they come from the metadata service of the machine a process runs on.
  public var isOfMachine: Bool { !hasSecret }

  /// The principal in a few words, for people: `role arn:… by access key AKIA…`.
  public var summary: String {
    switch self {
    case .awsAccessKey(let id): "access key \(id)"
    case .awsRole(let arn, _, let id): "role \(arn) by \(id.map { "access key \($0)" } ?? "the machine's own role")"
    case .azureClientSecret(let tenant, let id): "application \(id) of tenant \(tenant)"
    case .azureManagedIdentity(let id): "managed identity" + (id.map { " \($0)" } ?? "")
    case .googleServiceAccount: "service account key"
    case .googleMetadata: "the machine's service account"
    }
  }
}

extension KMSCredentials: Codable {
  private enum Field: String, CodingKey { case kind, accessKeyID, roleARN, externalID, tenant, clientID }

  /// Reads credentials as they are stored; throws if they are incomplete or of an unknown kind.
  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: Field.self)
    func text(_ field: Field) throws -> String { try fields.decode(String.self, forKey: field) }
    func optional(_ field: Field) throws -> String? { try fields.decodeIfPresent(String.self, forKey: field) }
    switch try fields.decode(Kind.self, forKey: .kind) {
    case .awsAccessKey: self = .awsAccessKey(id: try text(.accessKeyID))
    case .awsRole:
      self = .awsRole(
        arn: try text(.roleARN), externalID: try optional(.externalID), accessKeyID: try optional(.accessKeyID))
    case .azureClientSecret: self = .azureClientSecret(tenant: try text(.tenant), clientID: try text(.clientID))
    case .azureManagedIdentity: self = .azureManagedIdentity(clientID: try optional(.clientID))
    case .googleServiceAccount: self = .googleServiceAccount
    case .googleMetadata: self = .googleMetadata
    }
  }

  /// Writes credentials without the secret, which is no part of them.
  public func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: Field.self)
    try fields.encode(kind, forKey: .kind)
    switch self {
    case .awsAccessKey(let id): try fields.encode(id, forKey: .accessKeyID)
    case .awsRole(let arn, let externalID, let accessKeyID):
      try fields.encode(arn, forKey: .roleARN)
      try fields.encodeIfPresent(externalID, forKey: .externalID)
      try fields.encodeIfPresent(accessKeyID, forKey: .accessKeyID)
    case .azureClientSecret(let tenant, let clientID):
      try fields.encode(tenant, forKey: .tenant)
      try fields.encode(clientID, forKey: .clientID)
    case .azureManagedIdentity(let clientID): try fields.encodeIfPresent(clientID, forKey: .clientID)
    case .googleServiceAccount, .googleMetadata: break
    }
  }
}
