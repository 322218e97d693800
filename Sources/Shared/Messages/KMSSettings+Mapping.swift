// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

extension KMSProvider: WireChoice { static let wireOrder: [KMSProvider] = [.aws, .azure, .gcp] }

extension KMSCredentials.Kind: WireChoice {
  static let wireOrder: [KMSCredentials.Kind] = [
    .awsAccessKey, .awsRole, .azureClientSecret, .azureManagedIdentity, .googleServiceAccount, .googleMetadata,
  ]
}

extension KMSSettings: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    let replicas: [KMSReplica] = try wire.list("replicas", limit: KMSReplica.maximumCount)
    // A coordinator from before there were other credentials names an access key only.
    let named: KMSCredentials? = try wire.optional("credentials")
    let credentials: KMSCredentials
    if let named { credentials = named } else { credentials = .awsAccessKey(id: try wire.text("access_key_id")) }
    self.init(
      provider: try wire.choice("provider"), keyID: try wire.text("key_id"), region: try wire.text("region"),
      endpoint: try wire.optionalText("endpoint"),
      certificateAuthorityPEM: try wire.optionalText("certificate_authority_pem"),
      credentials: credentials,
      issuerEndpoint: try wire.optionalText("issuer_endpoint"),
      metadataEndpoint: try wire.optionalText("metadata_endpoint"), replicas: replicas.isEmpty ? nil : replicas)
    let endpoints: [RegionEndpoint] = try wire.list("region_endpoints", limit: Self.maximumRegionEndpoints)
    regionEndpoints = Dictionary(endpoints.map { ($0.region, $0.endpoint) }) { $1 }
    if wire.bool("requires_private_network") { privateRanges = try Self.ranges(wire) }
  }

  /// A range that can't be read makes the settings unusable: without it more would be let through, or less.
  private static func ranges(_ wire: WireReader) throws(MessageError) -> [IPRange] {
    var ranges: [IPRange] = []
    for text in try wire.texts("private_ranges", limit: maximumPrivateRanges) {
      do { ranges.append(try IPRange(text)) } catch {
        throw MessageError(.invalidValue, field: "private_ranges", error.description)
      }
    }
    return ranges
  }

  func write(to wire: WireWriter) throws(MessageError) {
    wire.set("provider", provider)
    try wire.set("key_id", keyID)
    try wire.set("region", region)
    try wire.set("endpoint", optional: endpoint)
    try wire.set("certificate_authority_pem", optional: certificateAuthorityPEM)
    if case .awsAccessKey(let id) = credentials { try wire.set("access_key_id", id) }
    try wire.set("credentials", credentials)
    try wire.set("issuer_endpoint", optional: issuerEndpoint)
    try wire.set("metadata_endpoint", optional: metadataEndpoint)
    try wire.set("replicas", list: replicas ?? [])
    wire.set("requires_private_network", privateRanges != nil)
    try wire.set("private_ranges", texts: (privateRanges ?? []).map(\.description))
    try wire.set(
      "region_endpoints",
      list: regionEndpoints.sorted { $0.key < $1.key }.map { RegionEndpoint(region: $0.key, endpoint: $0.value) })
  }
}

extension KMSReplica: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(region: try wire.text("region"), endpoint: try wire.optionalText("endpoint"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("region", region)
    try wire.set("endpoint", optional: endpoint)
  }
}

/// One region's endpoint on its way.
private struct RegionEndpoint: WireMapped {
  let region: String
  let endpoint: String

  init(region: String, endpoint: String) { (self.region, self.endpoint) = (region, endpoint) }

  init(wire: WireReader) throws(MessageError) {
    self.init(region: try wire.text("region"), endpoint: try wire.text("endpoint"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("region", region)
    try wire.set("endpoint", endpoint)
  }
}

extension KMSCredentials: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    func text(_ field: StaticString) throws(MessageError) -> String {
      if let text = try wire.optionalText(field) { return text }
      throw MessageError(.missing, field: "\(field)", "these credentials need it")
    }
    let kind: Kind = try wire.choice("kind")
    switch kind {
    case .awsAccessKey: self = .awsAccessKey(id: try text("access_key_id"))
    case .awsRole:
      self = .awsRole(
        arn: try text("role_arn"), externalID: try wire.optionalText("external_id"),
        accessKeyID: try wire.optionalText("access_key_id"))
    case .azureClientSecret: self = .azureClientSecret(tenant: try text("tenant"), clientID: try text("client_id"))
    case .azureManagedIdentity: self = .azureManagedIdentity(clientID: try wire.optionalText("client_id"))
    case .googleServiceAccount: self = .googleServiceAccount
    case .googleMetadata: self = .googleMetadata
    }
  }

  func write(to wire: WireWriter) throws(MessageError) {
    wire.set("kind", kind)
    switch self {
    case .awsAccessKey(let id): try wire.set("access_key_id", optional: id)
    case .awsRole(let arn, let externalID, let accessKeyID):
      try wire.set("role_arn", optional: arn)
      try wire.set("external_id", optional: externalID)
      try wire.set("access_key_id", optional: accessKeyID)
    case .azureClientSecret(let tenant, let clientID):
      try wire.set("tenant", optional: tenant)
      try wire.set("client_id", optional: clientID)
    case .azureManagedIdentity(let clientID): try wire.set("client_id", optional: clientID)
    case .googleServiceAccount, .googleMetadata: break
    }
  }
}
