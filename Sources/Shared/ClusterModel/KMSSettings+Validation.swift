// SPDX-License-Identifier: GPL-3.0-or-later

extension KMSSettings {
  /// The longest setting, in bytes.
  public static let maximumFieldLength = 2048
  /// The largest certificate authority file, in bytes.
  public static let maximumCertificateLength = 1 << 18
  /// The most regions with an endpoint of their own; no provider has as many.
  public static let maximumRegionEndpoints = 64

  /// Checks every field by itself and against the others; throws `ModelError` that names the field and the rule.
  ///
  /// The key id's own form is checked by its provider's client, which knows it.
  public func validate() throws(ModelError) {
    try Self.check("key", keyID)
    if provider == .azure {
      guard region.isEmpty else {
        throw Self.fault("region", "must be left out: a key of Azure Key Vault is named by its URL alone")
      }
    } else {
      try Self.check("region", region)
    }
    try Self.check("endpoint", url: endpoint)
    try Self.check("issuer endpoint", url: issuerEndpoint)
    try checkRegionEndpoints()
    try checkMetadataEndpoint()
    guard certificateAuthorityPEM?.utf8.count ?? 0 <= Self.maximumCertificateLength else {
      throw Self.fault("certificate authority", "may have at most \(Self.maximumCertificateLength) bytes")
    }
    guard credentials.provider == provider else {
      throw Self.fault(
        "credentials",
        "are \(credentials.kind.rawValue), which the provider \(provider.rawValue) does not take; use "
          + Self.kinds(of: provider))
    }
    try checkCredentials()
    try validateReplicas()
    try validatePrivateRanges()
  }

  private func checkRegionEndpoints() throws(ModelError) {
    guard regionEndpoints.isEmpty || provider != .azure else {
      throw Self.fault("region endpoints", "must be left out: a vault of Azure has no region")
    }
    guard regionEndpoints.count <= Self.maximumRegionEndpoints else {
      throw Self.fault("region endpoints", "may name at most \(Self.maximumRegionEndpoints) regions")
    }
    for (region, endpoint) in regionEndpoints.sorted(by: { $0.key < $1.key }) {
      try Self.check("region endpoint", word: region)
      try Self.check("endpoint of \(region)", url: endpoint)
    }
  }

  private func checkCredentials() throws(ModelError) {
    switch credentials {
    case .awsAccessKey(let id): try Self.check(accessKeyID: id)
    case .awsRole(let arn, let externalID, let accessKeyID):
      try Self.check("role", arn)
      let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 6, parts[0] == "arn", parts[1].hasPrefix("aws"), parts[2] == "iam", parts[3].isEmpty,
        parts[4].utf8.count == 12, parts[5].hasPrefix("role/"), parts[5].utf8.count > 5
      else { throw Self.fault("role", "must be a role's full ARN, arn:aws:iam::ACCOUNT:role/NAME") }
      if let externalID { try Self.check(externalID: externalID) }
      if let accessKeyID { try Self.check(accessKeyID: accessKeyID) }
    case .azureClientSecret(let tenant, let clientID):
      try Self.check("tenant", word: tenant)
      try Self.check("client id", word: clientID)
    case .azureManagedIdentity(let clientID):
      if let clientID { try Self.check("client id", word: clientID) }
    case .googleServiceAccount, .googleMetadata: break
    }
  }

  /// Plain HTTP is how the clouds' own metadata services speak; they are link-local and never leave the machine.
  private func checkMetadataEndpoint() throws(ModelError) {
    guard let metadataEndpoint else { return }
    guard credentials.isOfMachine else {
      throw Self.fault("metadata endpoint", "goes only with credentials that come from the machine")
    }
    guard metadataEndpoint.hasPrefix("http://") else {
      return try Self.check("metadata endpoint", url: metadataEndpoint)
    }
    try Self.check("metadata endpoint", metadataEndpoint)
    let host = metadataEndpoint.dropFirst("http://".count).prefix { $0 != ":" && $0 != "/" }
    let isNear = Self.isIPv4(host) && (host.hasPrefix("127.") || host.hasPrefix("169.254."))
    guard isNear || host == "localhost" || host == "metadata.google.internal" else {
      throw Self.fault("metadata endpoint", "may be http:// only on loopback and link-local addresses, else https://")
    }
  }

  /// Whether a host is an IPv4 address of four decimal numbers, and no name that begins like one.
  private static func isIPv4(_ host: Substring) -> Bool {
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4
      && parts.allSatisfy { part in
        part.utf8.allSatisfy { (0x30...0x39).contains($0) } && UInt8(part).map { String($0) == part } ?? false
      }
  }

  private static func kinds(of provider: KMSProvider) -> String {
    switch provider {
    case .aws: "aws-access-key or aws-role"
    case .azure: "azure-client-secret or azure-managed-identity"
    case .gcp: "google-service-account or google-metadata"
    }
  }

  private static func check(_ field: String, _ text: String) throws(ModelError) {
    guard !text.isEmpty else { throw fault(field, "is missing") }
    guard text.utf8.count <= maximumFieldLength else {
      throw fault(field, "may have at most \(maximumFieldLength) bytes")
    }
    guard text.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F }) else {
      throw fault(field, "may not have blanks or control characters")
    }
  }

  private static func check(_ field: String, url: String?) throws(ModelError) {
    guard let url else { return }
    try check(field, url)
    guard url.hasPrefix("https://"), url.utf8.count > "https://".utf8.count else {
      throw fault(field, "must begin with https://, because secrets go there")
    }
  }

  /// Letters, digits, dots and hyphens, as tenants and client ids are written; they stand in URLs.
  private static func check(_ field: String, word: String) throws(ModelError) {
    try check(field, word)
    guard word.utf8.count <= 128, word.utf8.allSatisfy({ isLetterOrDigit($0) || ".-".utf8.contains($0) }) else {
      throw fault(field, "may have letters, digits, dots and hyphens, at most 128")
    }
  }

  /// As AWS issues them: letters, digits and underscores, at most 128.
  private static func check(accessKeyID: String) throws(ModelError) {
    try check("access key id", accessKeyID)
    guard accessKeyID.utf8.count <= 128,
      accessKeyID.utf8.allSatisfy({ isLetterOrDigit($0) || $0 == UInt8(ascii: "_") })
    else { throw fault("access key id", "may have letters, digits and underscores, at most 128") }
  }

  /// As STS takes them (API reference, AssumeRole, ExternalId).
  private static func check(externalID: String) throws(ModelError) {
    guard (2...1224).contains(externalID.utf8.count),
      externalID.utf8.allSatisfy({ isLetterOrDigit($0) || "_+=,.@:/-".utf8.contains($0) })
    else { throw fault("external id", "may have letters, digits and _+=,.@:/- , 2 to 1224 of them") }
  }

  private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
  }

  private static func fault(_ field: String, _ rule: String) -> ModelError {
    ModelError(.invalidSettings, "KMS setting '\(field)' \(rule).")
  }
}
