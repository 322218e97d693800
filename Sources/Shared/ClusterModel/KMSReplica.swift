// SPDX-License-Identifier: GPL-3.0-or-later

/// Another region in which the same multi-Region key can be asked (AWS KMS developer guide, "Multi-Region keys").
public struct KMSReplica: Sendable, Codable, Equatable {
  /// The most that settings may name.
  public static let maximumCount = 4

  /// The region.
  public var region: String
  /// A base URL instead of the provider's own in that region, nil for the provider's.
  public var endpoint: String?

  /// Makes a replica of its parts.
  public init(region: String, endpoint: String? = nil) {
    self.region = region
    self.endpoint = endpoint
  }
}

extension KMSSettings {
  /// The same settings as they ask a replica; nil if the key's id names no region.
  public func settings(of replica: KMSReplica) -> KMSSettings? {
    var parts = keyID.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard provider == .aws, parts.count == 6 else { return nil }
    parts[3] = replica.region
    var own = self
    own.keyID = parts.joined(separator: ":")
    own.region = replica.region
    own.endpoint = replica.endpoint
    own.replicas = nil
    return own
  }

  func validateReplicas() throws(ModelError) {
    guard let replicas, !replicas.isEmpty else { return }
    func fault(_ rule: String) -> ModelError {
      ModelError(.invalidSettings, "KMS setting 'replica regions' \(rule).")
    }
    guard provider == .aws, CustomerKey.isMultiRegion(keyID) else {
      throw fault("goes only with a multi-Region key of AWS, arn:aws:kms:REGION:ACCOUNT:key/mrk-…")
    }
    guard replicas.count <= KMSReplica.maximumCount else {
      throw fault("may name at most \(KMSReplica.maximumCount)")
    }
    let regions = [region] + replicas.map(\.region)
    guard Set(regions).count == regions.count else { throw fault("may name each region once, and not the key's own") }
    for replica in replicas {
      guard let own = settings(of: replica) else { throw fault("can't be told from the key's id") }
      try own.validate()
    }
  }
}
