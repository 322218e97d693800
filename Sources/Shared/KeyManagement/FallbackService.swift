// SPDX-License-Identifier: GPL-3.0-or-later

public import ClusterModel
public import Secrets
internal import Synchronization

/// One multi-Region key, asked in its own region, and in others in their order while that one is out.
///
/// Only `unwrap` goes elsewhere, and only from an outage: a refusal by the key's own region stands, and what another
/// region refuses is as if it had not been asked. What is wrapped is wrapped in the key's own region.
public struct FallbackService: KeyManagementService {
  /// A replica and the service that asks it.
  public struct Replica: Sendable {
    let region: String
    let service: any KeyManagementService

    /// Makes a replica of its parts.
    public init(region: String, service: any KeyManagementService) {
      self.region = region
      self.service = service
    }
  }

  private let own: any KeyManagementService
  private let replicas: [Replica]
  private let answered = Answered()

  /// Which region answered the last unwrap.
  private final class Answered: Sendable { let region = Mutex<String?>(nil) }

  /// Makes a service of the key's own region and of others, the first to be asked first.
  public init(own: any KeyManagementService, replicas: [Replica]) {
    self.own = own
    self.replicas = replicas
  }

  /// The other region that answered the last unwrap, nil if the key's own did or none.
  public var answeredElsewhere: String? { answered.region.withLock { $0 } }

  /// Wraps in the key's own region.
  public func wrap(_ key: borrowing SecretBytes, context: KeyContext, deadline: Duration) async throws(KMSError)
    -> WrappedMasterKey
  { try await own.wrap(key, context: context, deadline: deadline) }

  /// Unwraps in the key's own region, which gets half of the time; in others if that one is out. Throws the failure of
  /// the key's own region if no other unwraps either.
  public func unwrap(_ wrapped: WrappedMasterKey, context: KeyContext, deadline: Duration) async throws(KMSError)
    -> SecretBytes
  {
    let failure: KMSError
    do {
      let key = try await own.unwrap(wrapped, context: context, deadline: deadline / 2)
      answered.region.withLock { $0 = nil }
      return key
    } catch { failure = error }
    guard Self.isOutage(failure) else { throw failure }
    for replica in replicas {
      do {
        let key = try await replica.service.unwrap(
          wrapped, context: context, deadline: deadline / (2 * replicas.count))
        answered.region.withLock { $0 = replica.region }
        return key
      } catch {
        // Another region's word against the key is no word of the key's own.
        continue
      }
    }
    throw failure
  }

  /// Describes the key in its own region.
  public func describe(deadline: Duration) async throws(KMSError) -> KMSKeyDescription {
    try await own.describe(deadline: deadline)
  }

  /// The same regions, each asked with credentials that are fetched for the call.
  public func renewing() -> any KeyManagementService {
    FallbackService(
      own: own.renewing(),
      replicas: replicas.map { Replica(region: $0.region, service: $0.service.renewing()) })
  }

  /// Whether the key's own region is out, as far as this failure tells. A clock that is wrong, settings that can't be
  /// used, an answer that makes no sense or that nobody knows are no outage of a region.
  static func isOutage(_ error: KMSError) -> Bool {
    switch error.kind {
    case .network, .privateNetwork, .tls, .timeout, .throttled, .service: true
    default: false
    }
  }
}
