// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Foundation
internal import LocalKMS
internal import Secrets

/// From options to settings and secret.
extension KMSCommands.Set {
  /// `region` or `region=url`.
  static func replica(_ text: String) -> KMSReplica {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    return KMSReplica(region: parts[0], endpoint: parts.count > 1 ? parts[1] : nil)
  }

  private var namedReplicas: [KMSReplica]? { replicas.isEmpty ? nil : replicas }

  /// Settings and secret as the options give them.
  func given() throws(OperatorFailure) -> (KMSSettings, Secret?) {
    try given(
      endpoint: endpoint, issuerEndpoint: credentials.issuerEndpoint,
      authorityPEM: try caFile.map { (file) throws(OperatorFailure) in try Self.authority(file) })
  }

  private func given(
    endpoint: String?, issuerEndpoint: String?, authorityPEM: String?, metadataEndpoint: String? = nil
  ) throws(OperatorFailure) -> (KMSSettings, Secret?) {
    let provider = try checkedProvider()
    var settings = KMSSettings(
      provider: provider, keyID: key, region: try checkedRegion(provider), endpoint: endpoint,
      certificateAuthorityPEM: authorityPEM, credentials: try credentials.credentials(for: provider),
      issuerEndpoint: issuerEndpoint,
      metadataEndpoint: credentials.metadataEndpoint ?? (credentials.machineIdentity ? metadataEndpoint : nil),
      replicas: namedReplicas)
    settings.regionEndpoints = try givenRegionEndpoints()
    do { try settings.validate() } catch {
      throw OperatorFailure(
        .invalid, what: "The KMS settings cannot be used.", why: error.description,
        next: "See the forms that there are: keyfold kms set --help")
    }
    guard settings.credentials.hasSecret else { return (settings, nil) }
    guard let file = credentials.secretFile else {
      throw OperatorFailure(
        .invalid, what: "The secret part of the credentials is missing.",
        next: "Give --secret-file FILE (or - for standard input), or --machine-identity.")
    }
    return (settings, try SecretInput.read(file, prompt: "secret of \(settings.credentials.summary): "))
  }

  /// Settings and secret of the local KMS of a folder: its first access key, unless the options name who asks.
  func local(_ folder: String) throws(OperatorFailure) -> (KMSSettings, Secret?) {
    do {
      let ready = try LocalKMSReady(directory: folder)
      let authority = try Self.authority("\(folder)/\(LocalKMSServer.authorityFile)")
      guard try checkedProvider() == .aws, !credentials.isGiven else {
        return try given(
          endpoint: endpoint ?? ready.endpoint, issuerEndpoint: credentials.issuerEndpoint ?? ready.endpoint,
          authorityPEM: authority, metadataEndpoint: ready.metadataEndpoint)
      }
      let own = try LocalKMSCredentials(file: "\(folder)/\(LocalKMSServer.credentialsFile)")
      var settings = KMSSettings(
        provider: .aws, keyID: key, region: try checkedRegion(.aws), endpoint: endpoint ?? ready.endpoint,
        certificateAuthorityPEM: authority, credentials: .awsAccessKey(id: own.accessKeyID), replicas: namedReplicas)
      settings.regionEndpoints = try givenRegionEndpoints()
      return (settings, own.secretKey)
    } catch let error as OperatorFailure {
      throw error
    } catch let error as LocalKMSError {
      throw OperatorFailure(error, folder: folder)
    } catch {
      throw OperatorFailure(.failed, what: "The local KMS of \(folder) can't be used.", why: "\(error)")
    }
  }

  private func givenRegionEndpoints() throws(OperatorFailure) -> [String: String] {
    var endpoints: [String: String] = [:]
    for text in regionEndpoint {
      let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2, endpoints.updateValue(parts[1], forKey: parts[0]) == nil else {
        throw OperatorFailure(
          .invalid, what: "'\(text)' is no region's endpoint, or its region is named twice.",
          next: "Write it like --region-endpoint eu-central-1=https://…")
      }
    }
    return endpoints
  }

  private func checkedProvider() throws(OperatorFailure) -> KMSProvider {
    let forms: [(String, KMSProvider)] = [("arn:", .aws), ("https://", .azure), ("projects/", .gcp)]
    let named = provider.map { KMSProvider(rawValue: $0) } ?? forms.first { key.hasPrefix($0.0) }?.1
    if let named { return named }
    throw OperatorFailure(
      .invalid,
      what: provider.map { "There is no provider '\($0)'." } ?? "The key's id is of no form that is known here.",
      next: "Name one with --provider: \(KMSProvider.allCases.map(\.rawValue).joined(separator: ", ")).")
  }

  /// The region as given, or as the key's id has it; a key of Azure has none.
  private func checkedRegion(_ provider: KMSProvider) throws(OperatorFailure) -> String {
    if let region { return region }
    switch provider {
    case .aws:
      let parts = key.split(separator: ":", omittingEmptySubsequences: false)
      if parts.count == 6 { return String(parts[3]) }
    case .azure: return ""
    case .gcp:
      let parts = key.split(separator: "/", omittingEmptySubsequences: false)
      if parts.count > 3, parts[2] == "locations" { return String(parts[3]) }
    }
    throw OperatorFailure(
      .invalid, what: "The key's region is not known.", why: "The key is not named by its full id.",
      next: "Give the full id with --key: arn:aws:kms:REGION:ACCOUNT:key/ID, or projects/P/locations/L/….")
  }

  private static func authority(_ file: String) throws(OperatorFailure) -> String {
    if let pem = try? String(contentsOf: URL(fileURLWithPath: file), encoding: .utf8),
      pem.contains("-----BEGIN CERTIFICATE-----")
    {
      return pem
    }
    throw OperatorFailure(
      .invalid, what: "The file \(file) holds no certificate.",
      next: "Give a readable file with PEM certificates, -----BEGIN CERTIFICATE----- and so on, to --ca-file.")
  }
}
