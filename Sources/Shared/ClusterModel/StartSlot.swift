// SPDX-License-Identifier: GPL-3.0-or-later

/// The coordinator's word on when a node may make a call to the KMS that it asked for.
public struct StartSlot: Sendable, Equatable {
  /// Which of the node's requests it answers; it counts them in each life of its process.
  public var number: UInt64
  /// How long the node has to wait from the moment it hears this, in milliseconds.
  public var waitMilliseconds: UInt64
  /// Its place among those that wait for the same account of a provider, from 1; 0 if it does not have to wait.
  public var position: UInt32

  /// Makes a slot of its parts.
  public init(number: UInt64, waitMilliseconds: UInt64, position: UInt32) {
    self.number = number
    self.waitMilliseconds = waitMilliseconds
    self.position = position
  }
}

/// How many calls a provider's KMS takes, and how many of those Keyfold makes.
public enum KMSQuota {
  /// Calls per second that one account is sent at most by one process, and by a fleet's nodes together: well below what
  /// the provider's quota leaves an account that others use too.
  ///
  /// AWS KMS developer guide, "Request quotas": 10,000 a second for symmetric keys, shared by the account's Region.
  /// Azure Key Vault, "Service limits": for each vault and Region the smallest is 250 in 10 s (RSA-4096 in an HSM).
  /// Google Cloud KMS, "Quotas": 60,000 cryptographic requests a minute for each project.
  public static func callsPerSecond(_ provider: KMSProvider) -> Int {
    switch provider {
    case .aws: 100
    case .azure: 20
    case .gcp: 100
    }
  }

  /// What a provider's smallest quota lets through in `quotaSeconds`.
  public static func smallestQuota(_ provider: KMSProvider) -> Int {
    switch provider {
    case .aws: 100_000
    case .azure: 250
    case .gcp: 10_000
    }
  }

  /// The seconds over which `smallestQuota` counts.
  public static let quotaSeconds = 10

  /// The account that a key's quota belongs to: of AWS the account and Region, of Azure the vault, of Google the
  /// project; the key itself if its id has another form.
  public static func account(of settings: KMSSettings) -> String {
    let key = settings.keyID
    switch settings.provider {
    case .aws:
      let parts = key.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
      return parts.count == 6 ? "aws \(parts[4]) \(settings.region)" : "aws \(key)"
    case .azure:
      let parts = key.split(separator: "/", omittingEmptySubsequences: true)
      return parts.count > 1 ? "azure \(parts[1].lowercased())" : "azure \(key)"
    case .gcp:
      let parts = key.split(separator: "/", omittingEmptySubsequences: true)
      return parts.count > 1 ? "gcp \(parts[1])" : "gcp \(key)"
    }
  }
}
