// SPDX-License-Identifier: GPL-3.0-or-later

/// Everything a client needs to reach one customer-managed key, except the secret part of the credentials.
public struct KMSSettings: Sendable, Equatable {
  /// Which provider keeps the key.
  public var provider: KMSProvider
  /// The provider's full id of the key, never an alias: AWS the key ARN, Azure the key's URL with its version, Google
  /// the resource name of the key version.
  public var keyID: String
  /// The provider's region or location; empty for Azure, whose vaults name none.
  public var region: String
  /// A base URL instead of the provider's own, for private endpoints and the local KMS; nil for the provider's.
  public var endpoint: String?
  /// PEM certificates to trust at the endpoints given here instead of the system's, nil for the system's.
  public var certificateAuthorityPEM: String?
  /// Who asks.
  public var credentials: KMSCredentials
  /// Where credentials are issued, instead of the provider's own: AWS STS, Microsoft Entra's authority, Google's token
  /// endpoint.
  public var issuerEndpoint: String?
  /// The metadata service of the machine, instead of the provider's own address.
  public var metadataEndpoint: String?
  /// Other regions of a multi-Region key, in the order in which they are asked while its own is out; nil for none.
  public var replicas: [KMSReplica]?
  /// Base URLs by region, for private endpoints: the one of `region` goes before `endpoint`.
  public var regionEndpoints: [String: String] = [:]

  /// Ranges outside of which no address of the KMS or of an issuer of credentials may lie; nil if private networking is
  /// not required.
  public var privateRanges: [IPRange]?

  /// The base URL that is asked, nil for the provider's own.
  public var endpointInUse: String? { regionEndpoints[region] ?? endpoint }

  /// Makes settings of their parts.
  public init(
    provider: KMSProvider, keyID: String, region: String, endpoint: String? = nil,
    certificateAuthorityPEM: String? = nil, credentials: KMSCredentials, issuerEndpoint: String? = nil,
    metadataEndpoint: String? = nil, replicas: [KMSReplica]? = nil
  ) {
    self.provider = provider
    self.keyID = keyID
    self.region = region
    self.endpoint = endpoint
    self.certificateAuthorityPEM = certificateAuthorityPEM
    self.credentials = credentials
    self.issuerEndpoint = issuerEndpoint
    self.metadataEndpoint = metadataEndpoint
    self.replicas = replicas
  }

  /// Makes settings with an AWS access key.
  public init(
    provider: KMSProvider, keyID: String, region: String, endpoint: String? = nil,
    certificateAuthorityPEM: String? = nil, accessKeyID: String
  ) {
    self.init(
      provider: provider, keyID: keyID, region: region, endpoint: endpoint,
      certificateAuthorityPEM: certificateAuthorityPEM, credentials: .awsAccessKey(id: accessKeyID))
  }
}

extension KMSSettings: Codable {
  /// `accessKeyID` is how settings were stored before there were other credentials.
  private enum Field: String, CodingKey {
    case provider, keyID, region, endpoint, certificateAuthorityPEM, credentials, issuerEndpoint, metadataEndpoint
    case replicas
    case accessKeyID, regionEndpoints, privateRanges
  }

  /// Reads settings as they are stored; throws if they are incomplete or of an unknown kind.
  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: Field.self)
    let credentials = try fields.decodeIfPresent(KMSCredentials.self, forKey: .credentials)
    self.init(
      provider: try fields.decode(KMSProvider.self, forKey: .provider),
      keyID: try fields.decode(String.self, forKey: .keyID),
      region: try fields.decode(String.self, forKey: .region),
      endpoint: try fields.decodeIfPresent(String.self, forKey: .endpoint),
      certificateAuthorityPEM: try fields.decodeIfPresent(String.self, forKey: .certificateAuthorityPEM),
      credentials: try credentials ?? .awsAccessKey(id: fields.decode(String.self, forKey: .accessKeyID)),
      issuerEndpoint: try fields.decodeIfPresent(String.self, forKey: .issuerEndpoint),
      metadataEndpoint: try fields.decodeIfPresent(String.self, forKey: .metadataEndpoint),
      replicas: try fields.decodeIfPresent([KMSReplica].self, forKey: .replicas))
    regionEndpoints = try fields.decodeIfPresent([String: String].self, forKey: .regionEndpoints) ?? [:]
    privateRanges = try fields.decodeIfPresent([IPRange].self, forKey: .privateRanges)
  }

  /// Writes settings without the secret, which is no part of them.
  public func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: Field.self)
    try fields.encode(provider, forKey: .provider)
    try fields.encode(keyID, forKey: .keyID)
    try fields.encode(region, forKey: .region)
    try fields.encodeIfPresent(endpoint, forKey: .endpoint)
    try fields.encodeIfPresent(certificateAuthorityPEM, forKey: .certificateAuthorityPEM)
    try fields.encode(credentials, forKey: .credentials)
    try fields.encodeIfPresent(issuerEndpoint, forKey: .issuerEndpoint)
    try fields.encodeIfPresent(metadataEndpoint, forKey: .metadataEndpoint)
    try fields.encodeIfPresent(replicas, forKey: .replicas)
    try fields.encodeIfPresent(privateRanges, forKey: .privateRanges)
    if !regionEndpoints.isEmpty { try fields.encode(regionEndpoints, forKey: .regionEndpoints) }
  }
}
