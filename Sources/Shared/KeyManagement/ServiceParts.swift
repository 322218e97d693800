// SPDX-License-Identifier: GPL-3.0-or-later

internal import ClusterModel
internal import Secrets

/// What a service is put together of; a test gives exchanges of its own.
struct ServiceParts {
  let settings: KMSSettings
  let secret: Secret?
  let sessionToken: Secret?
  /// Who signs in place of a secret that is kept from here, nil if it is not.
  var signer: (any RoleSigner)?
  /// Reaches the KMS, and an issuer given in the settings, with the settings' certificate authority.
  let exchange: any HTTPExchange
  /// Reaches the provider's own issuer, with the system's authorities.
  let systemExchange: any HTTPExchange
  /// Reaches the machine's metadata service, from whatever address the system chooses.
  let metadataExchange: any HTTPExchange
  let clock: WallClock
  let budget: CallBudget
  let onCall: (@Sendable (KMSCallRecord) -> Void)?
  /// Chance for the pauses between attempts, in 0..<1.
  var jitter: @Sendable () -> Double = { Double.random(in: 0..<1) }
  /// Lets the time between two attempts pass.
  var rest: @Sendable (Duration) async -> Void = { try? await Task.sleep(for: $0) }

  /// Puts the service together; throws `ModelError` or `HTTPFailure` saying which setting is wrong.
  func service() throws -> any KeyManagementService {
    switch settings.provider {
    case .aws: try aws()
    case .azure: try azure()
    case .gcp: try google()
    }
  }

  private func aws() throws -> AWSKeyManagementService {
    let named = try KeyARN(settings.keyID)
    guard let key = named.inRegion(settings.region) else {
      throw ModelError(
        .invalidKeyReference,
        "the key is in region \(named.region), the settings name \(settings.region); "
          + "only multi-Region keys are in several")
    }
    let endpoint =
      try settings.endpointInUse.map { try HTTPEndpoint($0) }
      ?? HTTPEndpoint(region: key.region, partition: key.partition)
    return AWSKeyManagementService(
      key: key,
      client: AWSClient(
        transport: transport(account: "\(key.account) \(key.region)"), endpoint: endpoint, region: key.region,
        credentials: try awsCredentials()))
  }

  private func awsCredentials() throws -> AWSCredentialSource {
    func accessKey(_ id: String) throws -> AWSCredentials {
      guard let secret else { throw missingSecret }
      return AWSCredentials(accessKeyID: id, secretKey: secret, sessionToken: sessionToken)
    }
    switch settings.credentials {
    case .awsAccessKey(let id): return .fixed(try accessKey(id))
    case .awsRole(_, _, let id):
      let source: AWSRole.Source =
        if let signer { .signer(signer) } else if let id { .accessKey(try accessKey(id)) } else {
          .machine(AWSMachine(endpoint: try metadata("169.254.169.254"), transport: metadataTransport))
        }
      let role = try AssumedRole(settings)
      return .role(
        AWSRole(role: role, source: source, transport: issuing(issuerExchange, at: role.endpoint.authority)))
    default: throw foreignCredentials
    }
  }

  private func azure() throws -> AzureKeyManagementService {
    let key = try AzureKeyID(settings.keyID)
    guard key.isOfAzure || settings.endpointInUse != nil else {
      throw ModelError(
        .invalidKeyReference,
        "the vault's host \(key.host) is none of Azure's; a token is sent to another only if the endpoint is set to it")
    }
    let (authority, issuing) = try issuer(HTTPEndpoint(known: key.authority))
    let tokens: any TokenIssuer
    let refusal: AzureRefusal
    switch settings.credentials {
    case .azureClientSecret(let tenant, let clientID):
      guard let secret else { throw missingSecret }
      tokens = EntraTokens(
        tenant: tenant, clientID: clientID, secret: secret, audience: key.audience, endpoint: authority,
        transport: issuing)
      refusal = AzureRefusal(key: key, issuer: authority, tenant: tenant, clock: clock)
    case .azureManagedIdentity(let clientID):
      tokens = ManagedIdentityTokens(
        clientID: clientID, audience: key.audience, endpoint: try metadata("169.254.169.254"),
        transport: metadataTransport)
      refusal = AzureRefusal(key: key, issuer: nil, tenant: nil, clock: clock)
    default: throw foreignCredentials
    }
    let endpoint = try settings.endpointInUse.map { try HTTPEndpoint($0) } ?? HTTPEndpoint(known: key.host)
    return AzureKeyManagementService(
      key: key,
      client: BearerClient(
        transport: transport(account: key.host), endpoint: endpoint, issuer: tokens,
        tokens: CredentialCache(clock: clock), requestIDHeaders: ["x-ms-request-id"],
        refusal: { refusal.error($0, $1) }))
  }

  private func google() throws -> GoogleKeyManagementService {
    let key = try GoogleKeyVersion(settings.keyID)
    guard key.location == settings.region else {
      throw ModelError(
        .invalidKeyReference, "the key is in location \(key.location), the settings name \(settings.region)")
    }
    let tokens: any TokenIssuer
    switch settings.credentials {
    case .googleServiceAccount:
      guard let secret else { throw missingSecret }
      tokens = GoogleAccountTokens(
        account: try GoogleServiceAccount(secret), url: try googleTokenURL(),
        transport: issuing(issuerExchange, at: try googleTokenURL()))
    case .googleMetadata:
      tokens = GoogleMetadataTokens(
        endpoint: try metadata("metadata.google.internal"), transport: metadataTransport)
    default: throw foreignCredentials
    }
    let endpoint =
      try settings.endpointInUse.map { try HTTPEndpoint($0) } ?? HTTPEndpoint(known: "cloudkms.googleapis.com")
    return GoogleKeyManagementService(
      key: key,
      client: BearerClient(
        transport: transport(account: key.project), endpoint: endpoint, issuer: tokens,
        tokens: CredentialCache(clock: clock), requestIDHeaders: ["x-goog-request-id", "x-request-id"],
        refusal: { [clock] in GoogleErrorTable.error($0, $1, nowSeconds: clock.nowSeconds) }))
  }

  /// The token endpoint's whole URL: as given if it has a path, else with the usual one.
  private func googleTokenURL() throws -> String {
    guard let given = settings.issuerEndpoint else { return GoogleAccountTokens.endpoint }
    let rest = given.dropFirst("https://".count)
    guard let slash = rest.firstIndex(of: "/"), rest[slash...] != "/" else {
      return try HTTPEndpoint(given).url + "token"
    }
    _ = try HTTPEndpoint("https://" + rest[..<slash])
    return given
  }

  private func transport(account: String) -> KMSTransport {
    KMSTransport(
      exchange: exchange, clock: clock,
      budget: budget.share(settings.provider, account: account), onCall: onCall, jitter: jitter, rest: rest)
  }

  /// The settings' certificate authority is for the KMS in any case; for issuers only where their endpoint is given.
  private var issuerExchange: any HTTPExchange { settings.issuerEndpoint == nil ? systemExchange : exchange }

  private var metadataTransport: KMSTransport { issuing(metadataExchange, at: "the machine's metadata service") }

  /// An issuer's calls have a budget of their own: a token may be asked for at every call to the KMS.
  private func issuing(_ exchange: any HTTPExchange, at issuer: String) -> KMSTransport {
    KMSTransport(
      exchange: exchange, clock: clock, budget: budget.share(settings.provider, account: "issuer \(issuer)"))
  }

  private func issuer(_ usual: @autoclosure () throws -> HTTPEndpoint) throws -> (HTTPEndpoint, KMSTransport) {
    let endpoint = try settings.issuerEndpoint.map { try HTTPEndpoint($0) } ?? usual()
    return (endpoint, issuing(issuerExchange, at: endpoint.authority))
  }

  private func metadata(_ usual: String) throws -> HTTPEndpoint {
    try settings.metadataEndpoint.map { try HTTPEndpoint($0, allowingPlain: true) }
      ?? HTTPEndpoint(known: usual, isSecure: false)
  }

  private var missingSecret: ModelError { ModelError(.invalidSettings, "the secret of the credentials is missing") }
  private var foreignCredentials: ModelError {
    ModelError(.invalidSettings, "credentials \(settings.credentials.kind.rawValue) are of another provider")
  }
}
