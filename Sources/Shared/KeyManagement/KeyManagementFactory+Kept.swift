// SPDX-License-Identifier: GPL-3.0-or-later

public import ClusterModel
public import Secrets
internal import Synchronization

/// Services that are kept from one use to the next, with the tokens and sessions they hold.
struct KeptServices: Sendable {
  /// The most kept; beyond it the least recently used is forgotten.
  static let maximum = 2048
  /// One that was not used for so long is forgotten, and its secret with it: four intervals between checks.
  static let idleLimit = Duration.seconds(60 * 60)

  private struct Kept: Sendable {
    let settings: KMSSettings
    let secret: Secret?
    let localAddress: String?
    let signer: String?
    let service: any KeyManagementService
    var usedAt: ContinuousClock.Instant
  }

  private var kept: [Kept] = []

  /// How many are kept.
  var count: Int { kept.count }

  /// The service of these very settings and secret, if there is one.
  mutating func find(
    _ settings: KMSSettings, _ secret: Secret?, _ localAddress: String?, _ signer: String? = nil,
    now: ContinuousClock.Instant
  ) -> (any KeyManagementService)? {
    kept.removeAll { now - $0.usedAt > Self.idleLimit }
    let index = kept.firstIndex {
      $0.settings == settings && $0.localAddress == localAddress && $0.signer == signer
        && Self.isSame($0.secret, secret)
    }
    guard let index else { return nil }
    kept[index].usedAt = now
    return kept[index].service
  }

  mutating func keep(
    _ service: any KeyManagementService, of settings: KMSSettings, _ secret: Secret?, _ localAddress: String?,
    _ signer: String? = nil, now: ContinuousClock.Instant
  ) {
    if kept.count >= Self.maximum, let oldest = kept.indices.min(by: { kept[$0].usedAt < kept[$1].usedAt }) {
      kept.remove(at: oldest)
    }
    kept.append(
      Kept(
        settings: settings, secret: secret, localAddress: localAddress, signer: signer, service: service, usedAt: now))
  }

  private static func isSame(_ one: Secret?, _ other: Secret?) -> Bool {
    guard let one, let other else { return one == nil && other == nil }
    return one.isEqual(to: other)
  }
}

extension KeyManagementFactory {
  /// The service of settings that are in force: the same as long as neither they nor the secret change, so that tokens
  /// and sessions outlive one check, and one that still holds is used on while its issuer is away.
  ///
  /// Settings that are to be proven get a service of their own, from `makeService`. Throws what it throws.
  public func service(
    of settings: KMSSettings, secret: Secret?, localAddress: String? = nil, signer: (any RoleSigner)? = nil
  ) throws(KMSError) -> any KeyManagementService {
    let name = signer?.name
    if let service = kept.withLock({ $0.find(settings, secret, localAddress, name, now: .now) }) { return service }
    let service = try makeService(settings: settings, secret: secret, localAddress: localAddress, signer: signer)
    kept.withLock { $0.keep(service, of: settings, secret, localAddress, name, now: .now) }
    return service
  }
}
