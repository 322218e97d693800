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
  /// `sessionToken` belongs to temporary credentials. `localAddress` is the address of this machine that connections
  /// come from, nil for the system's choice. Nothing is sent yet.
  public func makeService(
    settings: KMSSettings, secret: Secret, sessionToken: Secret? = nil, localAddress: String? = nil
  ) throws(KMSError) -> any KeyManagementService {
    let service: any KeyManagementService
    switch settings.provider {
    case .aws: service = try makeAWS(settings, secret, sessionToken: sessionToken, localAddress: localAddress)
    case .azure, .gcp: throw Self.fault(settings, "keys in \(settings.provider.rawValue) are not supported yet")
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
    _ settings: KMSSettings, _ secret: Secret, sessionToken: Secret?, localAddress: String?
  ) throws(KMSError) -> AWSKeyManagementService {
    let key: KeyARN
    do { key = try KeyARN(settings.keyID) } catch { throw Self.fault(settings, error.description) }
    guard let regional = key.inRegion(settings.region) else {
      throw Self.fault(
        settings,
        "the key is in region \(key.region), the settings name \(settings.region); "
          + "only multi-Region keys are in several")
    }
    guard !secret.withBytes({ $0.isEmpty }), Self.isAccessKeyID(settings.accessKeyID) else {
      throw Self.fault(settings, "the access key id or its secret is empty or has characters that are not allowed")
    }
    do {
      let endpoint =
        if let url = settings.endpoint { try AWSEndpoint(url) } else {
          AWSEndpoint(region: regional.region, partition: regional.partition)
        }
      let client = AWSClient(
        exchange: try makeExchange(authorityPEM: settings.certificateAuthorityPEM, localAddress: localAddress),
        endpoint: endpoint, region: regional.region,
        credentials: AWSCredentials(
          accessKeyID: settings.accessKeyID, secretKey: secret, sessionToken: sessionToken),
        clock: clock)
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

  /// Letters, digits and underscores, as AWS issues them (16 to 128).
  private static func isAccessKeyID(_ text: String) -> Bool {
    (1...128).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }

  private static func fault(_ settings: KMSSettings, _ detail: String) -> KMSError {
    KMSError(.invalidSettings, operation: .configure, keyID: settings.keyID, detail: detail)
  }
}
