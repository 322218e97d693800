// SPDX-License-Identifier: GPL-3.0-or-later

internal import AsyncHTTPClient
public import ClusterModel
internal import NIOCore
public import Secrets
internal import Synchronization

/// Makes the service of any settings; all services it makes share one HTTP client and one budget of calls.
///
/// `shutdown` has to be called once no service is in use any more.
public final class KeyManagementFactory: Sendable {
  private let client: HTTPClient
  private let clock: WallClock
  private let measures: KMSMeasures?
  private let onCall: (@Sendable (KMSCallRecord) -> Void)?
  private let budget = CallBudget()
  let kept = Mutex(KeptServices())

  /// Makes a factory with an HTTP client of its own, on the process's shared event loops; `measures` count the calls of
  /// every service it makes, and `onCall` is told of every request that was sent to a KMS, with the KMS's id of it.
  public init(
    clock: WallClock = .system, measures: KMSMeasures? = nil, onCall: (@Sendable (KMSCallRecord) -> Void)? = nil
  ) {
    client = HTTPClient(
      eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: HTTPClientExchange.clientConfiguration)
    self.clock = clock
    self.measures = measures
    self.onCall = onCall
  }

  /// Closes every connection; services made here answer nothing but errors afterwards.
  public func shutdown() async { try? await client.shutdown() }

  /// Makes the service of `settings` with the secret half of its credentials, or throws what is wrong with them.
  ///
  /// `secret` is nil for credentials that have none, those of the machine itself. `sessionToken` belongs to temporary
  /// access keys of AWS. `localAddress` is the address of this machine that connections come from, nil for the system's
  /// choice. Nothing is sent yet. Settings that name other regions of the key make a `FallbackService`.
  public func makeService(
    settings: KMSSettings, secret: Secret?, sessionToken: Secret? = nil, localAddress: String? = nil
  ) throws(KMSError) -> any KeyManagementService {
    var replicas: [FallbackService.Replica] = []
    for replica in settings.replicas ?? [] {
      guard let own = settings.settings(of: replica) else { continue }
      let service = try makeOne(own, secret: secret, sessionToken: sessionToken, localAddress: localAddress)
      replicas.append(FallbackService.Replica(region: replica.region, service: service))
    }
    let own = try makeOne(settings, secret: secret, sessionToken: sessionToken, localAddress: localAddress)
    return replicas.isEmpty ? own : FallbackService(own: own, replicas: replicas)
  }

  /// Makes the service of one region.
  private func makeOne(
    _ settings: KMSSettings, secret: Secret?, sessionToken: Secret?, localAddress: String?
  ) throws(KMSError) -> any KeyManagementService {
    do { try settings.validate() } catch { throw Self.fault(settings, error.description) }
    if settings.credentials.hasSecret, secret?.count ?? 0 == 0 {
      throw Self.fault(settings, "the secret of the \(settings.credentials.kind.rawValue) credentials is missing")
    }
    let service: any KeyManagementService
    do {
      let parts = ServiceParts(
        settings: settings, secret: secret, sessionToken: sessionToken,
        exchange: try makeExchange(settings.certificateAuthorityPEM, localAddress),
        systemExchange: try makeExchange(nil, localAddress), metadataExchange: try makeExchange(nil, nil),
        clock: clock, budget: budget, onCall: onCall)
      service = try parts.service()
    } catch let error as HTTPFailure {
      throw Self.fault(settings, error.detail)
    } catch let error as ModelError {
      throw Self.fault(settings, error.description)
    } catch { throw Self.fault(settings, "\(error)") }
    return measures.map { MeasuredService(service: service, measures: $0) } ?? service
  }

  /// Makes a bare client for a server of the AWS protocol, for the operator's commands to the local KMS.
  package func makeClient(
    endpoint: String, authorityPEM: String?, region: String, credentials: AWSCredentials
  ) throws(KMSError) -> AWSClient {
    do {
      return AWSClient(
        exchange: try makeExchange(authorityPEM, nil), endpoint: try HTTPEndpoint(endpoint), region: region,
        credentials: credentials, clock: clock)
    } catch {
      throw KMSError(.invalidSettings, operation: .configure, keyID: "", detail: error.detail)
    }
  }

  private func makeExchange(_ authorityPEM: String?, _ localAddress: String?) throws(HTTPFailure) -> HTTPClientExchange
  {
    HTTPClientExchange(
      client: client, tls: try HTTPClientExchange.tlsConfiguration(authorityPEM: authorityPEM),
      localAddress: localAddress)
  }

  private static func fault(_ settings: KMSSettings, _ detail: String) -> KMSError {
    KMSError(.invalidSettings, operation: .configure, keyID: settings.keyID, detail: detail)
  }
}
