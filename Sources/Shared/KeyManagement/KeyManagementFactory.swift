// SPDX-License-Identifier: GPL-3.0-or-later

internal import AsyncHTTPClient
public import ClusterModel
internal import NIOCore
public import Secrets

/// Makes the service of any settings; all services it makes share one HTTP client.
///
/// `shutdown` has to be called once no service is in use any more.
public final class KeyManagementFactory: Sendable {
  private let client: HTTPClient
  private let clock: WallClock
  private let measures: KMSMeasures?

  /// Makes a factory with an HTTP client of its own, on the process's shared event loops; `measures` count the calls of
  /// every service it makes.
  public init(clock: WallClock = .system, measures: KMSMeasures? = nil) {
    client = HTTPClient(
      eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: HTTPClientExchange.clientConfiguration)
    self.clock = clock
    self.measures = measures
  }

  /// Closes every connection; services made here answer nothing but errors afterwards.
  public func shutdown() async { try? await client.shutdown() }

  /// Makes the service of `settings` with the secret half of its credentials, or throws what is wrong with them.
  ///
  /// `secret` is nil for credentials that have none, those of the machine itself.
  /// `sessionToken` belongs to temporary credentials. `localAddress` is the address of this machine that connections
  /// come from, nil for the system's choice. Nothing is sent yet.
  public func makeService(
    settings: KMSSettings, secret: Secret?, sessionToken: Secret? = nil, localAddress: String? = nil
  ) throws(KMSError) -> any KeyManagementService {
    do { try settings.validate() } catch { throw Self.fault(settings, error.description) }
    if settings.credentials.hasSecret, secret?.count ?? 0 == 0 {
      throw Self.fault(settings, "the secret of the \(settings.credentials.kind.rawValue) credentials is missing")
    }
    let service: any KeyManagementService
    switch (settings.credentials, secret) {
    case (.awsAccessKey(let id), let secret?):
      service = try makeAWS(
        settings, AWSCredentials(accessKeyID: id, secretKey: secret, sessionToken: sessionToken), localAddress)
    default: throw Self.fault(settings, "credentials \(settings.credentials.kind.rawValue) are not supported yet")
    }
    return measures.map { MeasuredService(service: service, measures: $0) } ?? service
  }

  /// Makes a bare client for a server of the AWS protocol, for the operator's commands to the local KMS.
  package func makeClient(
    endpoint: String, authorityPEM: String?, region: String, credentials: AWSCredentials
  ) throws(KMSError) -> AWSClient {
    do {
      let exchange = try makeExchange(authorityPEM: authorityPEM, localAddress: nil)
      return AWSClient(
        exchange: exchange, endpoint: try AWSEndpoint(endpoint), region: region, credentials: credentials, clock: clock)
    } catch {
      throw KMSError(.invalidSettings, operation: .configure, keyID: "", detail: error.detail)
    }
  }

  private func makeAWS(
    _ settings: KMSSettings, _ credentials: AWSCredentials, _ localAddress: String?
  ) throws(KMSError) -> AWSKeyManagementService {
    let key: KeyARN
    do { key = try KeyARN(settings.keyID) } catch { throw Self.fault(settings, error.description) }
    guard let regional = key.inRegion(settings.region) else {
      throw Self.fault(
        settings,
        "the key is in region \(key.region), the settings name \(settings.region); "
          + "only multi-Region keys are in several")
    }
    do {
      let endpoint =
        if let url = settings.endpoint { try AWSEndpoint(url) } else {
          AWSEndpoint(region: regional.region, partition: regional.partition)
        }
      let client = AWSClient(
        exchange: try makeExchange(authorityPEM: settings.certificateAuthorityPEM, localAddress: localAddress),
        endpoint: endpoint, region: regional.region,
        credentials: credentials, clock: clock)
      return AWSKeyManagementService(key: regional, client: client, clock: clock)
    } catch {
      throw Self.fault(settings, error.detail)
    }
  }

  private func makeExchange(authorityPEM: String?, localAddress: String?) throws(HTTPFailure) -> HTTPClientExchange {
    HTTPClientExchange(
      client: client, tls: try HTTPClientExchange.tlsConfiguration(authorityPEM: authorityPEM),
      localAddress: localAddress)
  }

  private static func fault(_ settings: KMSSettings, _ detail: String) -> KMSError {
    KMSError(.invalidSettings, operation: .configure, keyID: settings.keyID, detail: detail)
  }
}
