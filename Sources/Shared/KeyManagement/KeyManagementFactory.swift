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
  private let resolver: any HostResolver
  private let pinned = PinnedClients()
  private let endpointWatch = EndpointWatch()
  let kept = Mutex(KeptServices())

  /// Makes a factory with an HTTP client of its own, on the process's shared event loops; `measures` count the calls of
  /// every service it makes, and `onCall` is told of every request that was sent to a KMS, with the KMS's id of it.
  public convenience init(
    clock: WallClock = .system, measures: KMSMeasures? = nil, onCall: (@Sendable (KMSCallRecord) -> Void)? = nil
  ) {
    self.init(clock: clock, measures: measures, onCall: onCall, resolver: SystemResolver())
  }

  /// Makes a factory that looks names up with `resolver` where private networking is required.
  package init(
    clock: WallClock = .system, measures: KMSMeasures? = nil, onCall: (@Sendable (KMSCallRecord) -> Void)? = nil,
    resolver: any HostResolver
  ) {
    self.resolver = resolver
    client = HTTPClient(
      eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: HTTPClientExchange.clientConfiguration)
    self.clock = clock
    self.measures = measures
    self.onCall = onCall
  }

  /// Closes every connection; services made here answer nothing but errors afterwards.
  public func shutdown() async {
    await pinned.shutdown()
    try? await client.shutdown()
  }

  /// The hosts that are asked for these settings where private networking is required, as they were looked up last.
  public func endpoints(of settings: KMSSettings) -> [KMSEndpointView] {
    let replicas = (settings.replicas ?? []).compactMap { settings.settings(of: $0)?.keyID }
    var seen: [String: KMSEndpointView] = [:]
    for key in [settings.keyID] + replicas { for view in endpointWatch.endpoints(of: key) { seen[view.host] = view } }
    return seen.values.sorted { $0.host < $1.host }
  }

  /// Makes the service of `settings` with the secret half of its credentials, or throws what is wrong with them.
  ///
  /// `secret` is nil for credentials that have none, those of the machine itself, and where `signer` stands in for it:
  /// with the access key that assumes a role. `sessionToken` belongs to temporary access keys of AWS. `localAddress` is
  /// the address of this machine that connections come from, nil for the system's choice. Nothing is sent yet. Settings
  /// that name other regions of the key make a `FallbackService`.
  public func makeService(
    settings: KMSSettings, secret: Secret?, sessionToken: Secret? = nil, localAddress: String? = nil,
    signer: (any RoleSigner)? = nil
  ) throws(KMSError) -> any KeyManagementService {
    var replicas: [FallbackService.Replica] = []
    for replica in settings.replicas ?? [] {
      guard let own = settings.settings(of: replica) else { continue }
      let service = try makeOne(
        own, secret: secret, sessionToken: sessionToken, localAddress: localAddress, signer: signer)
      replicas.append(FallbackService.Replica(region: replica.region, service: service))
    }
    let own = try makeOne(
      settings, secret: secret, sessionToken: sessionToken, localAddress: localAddress, signer: signer)
    return replicas.isEmpty ? own : FallbackService(own: own, replicas: replicas)
  }

  /// Makes the service of one region.
  private func makeOne(
    _ settings: KMSSettings, secret: Secret?, sessionToken: Secret?, localAddress: String?,
    signer: (any RoleSigner)?
  ) throws(KMSError) -> any KeyManagementService {
    do { try settings.validate() } catch { throw Self.fault(settings, error.description) }
    let isSignedFor = signer != nil && settings.credentials.isKeptFromNodes
    if settings.credentials.hasSecret, !isSignedFor, secret?.count ?? 0 == 0 {
      throw Self.fault(settings, "the secret of the \(settings.credentials.kind.rawValue) credentials is missing")
    }
    let service: any KeyManagementService
    do {
      let parts = ServiceParts(
        settings: settings, secret: secret, sessionToken: sessionToken, signer: isSignedFor ? signer : nil,
        exchange: try makeExchange(for: settings, settings.certificateAuthorityPEM, localAddress),
        systemExchange: try makeExchange(for: settings, nil, localAddress),
        metadataExchange: try makeExchange(for: settings, nil, nil, isNear: true),
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

  /// Where private networking is required, one that refuses addresses outside; of a machine's metadata service,
  /// link-local ones are let through beside the declared.
  private func makeExchange(
    for settings: KMSSettings, _ authorityPEM: String?, _ localAddress: String?, isNear: Bool = false
  ) throws(HTTPFailure) -> any HTTPExchange {
    let open = try makeExchange(authorityPEM, localAddress)
    guard let ranges = settings.privateRanges else { return open }
    return PrivateExchange(
      ranges: isNear ? ranges + PrivateExchange.near : ranges, resolver: resolver,
      connect: { [pinned] host, address in
        // An address needs no look-up, and none that could differ.
        if IPAddress(host) == address { return open }
        guard let client = pinned.client(for: host, at: address) else { return ClosedExchange() }
        return HTTPClientExchange(client: client, tls: open.tls, localAddress: open.localAddress)
      },
      onLookUp: { [endpointWatch, key = settings.keyID] view in endpointWatch.note(view, key: key) })
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
