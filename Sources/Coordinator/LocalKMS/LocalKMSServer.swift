// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
internal import KeyManagement
public import Logging
internal import Metrics
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import Secrets
public import ServiceLifecycle

/// A KMS for one machine that speaks the protocols of AWS KMS, Azure Key Vault and Google Cloud KMS over TLS: for a
/// first try, tests and game days.
///
/// Its folder holds everything: `ca.pem` for clients, `credentials.json` with the first access key, the sealed keys,
/// `audit.jsonl`, and `ready.json` while it serves.
public final class LocalKMSServer: Service {
  /// The authority's certificate in the folder, which clients trust.
  public static let authorityFile = "ca.pem"
  /// The first access key in the folder.
  public static let credentialsFile = "credentials.json"

  private let configuration: LocalKMSConfiguration
  private let engine: LocalKMSEngine
  private let measures: LocalKMSMeasures
  private let tls: NIOSSLContext
  /// A certificate that no client trusts, for a fault.
  private let wrongTLS: NIOSSLContext
  private let logger: Logger
  private let onReady: @Sendable (LocalKMSReady) -> Void
  private let connections: OpenConnections

  /// Opens the folder, or makes it with keys and credentials of its own; nothing listens yet.
  ///
  /// `onReady` is called once the server listens. Throws if another process serves the folder or its state is damaged.
  public init(
    configuration: LocalKMSConfiguration, logger: Logger,
    onReady: @escaping @Sendable (LocalKMSReady) -> Void = { _ in }
  ) throws(LocalKMSError) {
    try configuration.validate()
    var vault = try LocalKMSVault(directory: try StateDirectory(configuration.directory))
    try Self.prepareRoot(&vault, nowSeconds: configuration.clock.nowSeconds)
    let host = configuration.isLoopback ? nil : configuration.host
    tls = try Self.context(try LocalAuthority.serverPair(in: vault.directory, host: host))
    wrongTLS = try Self.context(try LocalAuthority.untrustedPair(host: host))
    try vault.directory.remove(LocalKMSReady.fileName)
    measures = LocalKMSMeasures(version: configuration.version)
    engine = try LocalKMSEngine(configuration: configuration, vault: vault, logger: logger, measures: measures)
    connections = OpenConnections(limit: configuration.maximumConnections)
    self.configuration = configuration
    self.logger = logger
    self.onReady = onReady
  }

  /// Listens and answers until the service is asked to end or its task is cancelled.
  public func run() async throws {
    if !configuration.isLoopback {
      logger.warning(
        "local KMS is open to other machines; it is made for one machine and keeps its keys in files",
        metadata: ["address": "\(configuration.host)"])
    }
    let channel = try await bind(configuration.host, configuration.port, .service)
    let admin = try await bind("127.0.0.1", 0, .admin)
    var doors = [admin]
    if let port = configuration.metadataPort { doors.append(try await bind("127.0.0.1", port, .metadata)) }
    let metrics = MetricsServer(measures.registry, logger: logger)
    defer { metrics.stop() }
    let metricsPort = try await showMetrics(metrics)
    let ready = LocalKMSReady(
      configuration, port: channel.localAddress?.port ?? configuration.port, adminPort: admin.localAddress?.port ?? 0,
      metadataPort: doors.count > 1 ? doors[1].localAddress?.port : nil, metricsPort: metricsPort)
    let readyFile = "\(configuration.directory)/\(LocalKMSReady.fileName)"
    do { try StateDirectory.replace(readyFile, with: ready.encoded) } catch {
      for door in doors + [channel] { try? await door.close() }
      throw error
    }
    logger.info(
      "local KMS serves", metadata: ["endpoint": "\(ready.endpoint)", "folder": "\(configuration.directory)"])
    onReady(ready)
    try await withTaskCancellationOrGracefulShutdownHandler {
      try await channel.closeFuture.get()
    } onCancelOrGracefulShutdown: {
      channel.close(promise: nil)
    }
    for door in doors { try? await door.close() }
    await connections.closeAll()
    try StateDirectory.removeFile(readyFile)
    engine.close()
    logger.info("local KMS ended")
  }

  private func showMetrics(_ server: MetricsServer) async throws -> Int? {
    guard let setting = configuration.metrics else { return nil }
    let connections = connections
    measures.registry.onScrape { page in
      page.setQueue("connections", items: connections.count, limit: connections.limit)
    }
    return try await server.startIfPossible(setting, defaultPort: UInt16(LocalKMSConfiguration.defaultMetricsPort))
  }

  private func bind(_ host: String, _ port: Int, _ door: Door) async throws -> any Channel {
    let (engine, connections, configuration, measures) = (engine, connections, configuration, measures)
    let (tls, wrongTLS) = (tls, wrongTLS)
    let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.backlog, value: 128)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        // The operator gets in however many clients there are.
        guard door == .admin ? connections.addAlways(channel) : connections.add(channel) else {
          measures.refusedConnection()
          return channel.close()
        }
        let isWrong =
          door == .service && engine.faults.takesWrongCertificate(from: channel.remoteAddress?.ipAddress ?? "")
        return channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          try pipeline.addHandler(ConnectionDeadline(configuration.requestDeadline))
          if door != .metadata { try pipeline.addHandler(NIOSSLServerHandler(context: isWrong ? wrongTLS : tls)) }
          try pipeline.configureHTTPServerPipeline()
          try pipeline.addHandler(OversizeAnswer(door: door) { configuration.clock.nowSeconds })
          try pipeline.addHandler(NIOHTTPServerRequestAggregator(maxContentLength: LocalKMSHandler.maximumBodyBytes))
          try pipeline.addHandler(LocalKMSHandler(engine: engine, door: door, hasWrongCertificate: isWrong))
        }
      }
    do { return try await bootstrap.bind(host: host, port: port).get() } catch {
      throw Self.refusal(error, host: host, port: port, option: door == .metadata ? "--metadata-port" : "--port")
    }
  }

  /// Why an address can't be listened on, with the option that helps.
  private static func refusal(_ error: any Error, host: String, port: Int, option: String) -> LocalKMSError {
    switch (error as? IOError)?.errnoCode {
    case EADDRINUSE:
      LocalKMSError(.listening, "port \(port) is in use, by another local KMS? choose \(option)")
    case EADDRNOTAVAIL:
      LocalKMSError(
        .settings, "the host \(host) is no address of this machine; choose --host")
    default: LocalKMSError(.listening, "\(host):\(port) cannot be listened on", underlying: error)
    }
  }

  /// Makes the first access key if there is none, and its file if that is missing.
  private static func prepareRoot(_ vault: inout LocalKMSVault, nowSeconds: Int64) throws(LocalKMSError) {
    if !vault.state.accessKeys.values.contains(where: \.isRoot) {
      let secret: SecretBytes
      do { secret = try EngineCall.randomSecret() } catch {
        throw LocalKMSError(.cryptography, "the first access key cannot be made", underlying: error)
      }
      let root = try EngineCall.accessKey(secret, isRoot: true, isTemporary: false, nowSeconds: nowSeconds, vault)
      var next = vault.state
      next.accessKeys[root.id] = root
      try vault.replace(with: next)
    }
    guard try vault.directory.read(credentialsFile) == nil else { return }
    for (id, key) in vault.state.accessKeys where key.isRoot {
      guard let secret = vault.secret(id) else { continue }
      try LocalKMSCredentials.write("\(vault.directory.path)/\(credentialsFile)", accessKeyID: id, secretKey: secret)
    }
  }

  private static func context(_ pair: LocalAuthority.Pair) throws(LocalKMSError) -> NIOSSLContext {
    do {
      let chain = try NIOSSLCertificate.fromPEMBytes(pair.certificate).map { NIOSSLCertificateSource.certificate($0) }
      var tls = TLSConfiguration.makeServerConfiguration(
        certificateChain: chain, privateKey: .privateKey(try NIOSSLPrivateKey(bytes: pair.key, format: .pem)))
      tls.minimumTLSVersion = .tlsv12
      return try NIOSSLContext(configuration: tls)
    } catch {
      throw LocalKMSError(.cryptography, "the server certificate cannot be used", underlying: error)
    }
  }
}
