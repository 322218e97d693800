// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import DaemonRuntime
internal import DocumentServer
internal import Foundation
public import Logging
internal import Metrics
internal import Replication
public import ServiceLifecycle
internal import Transport

/// One node: its ports, its data directory, its link to the coordinator and the shell that ties them together.
public struct Agent: Service {
  /// How often Raft is told that time passes.
  static let raftTick = Duration.milliseconds(50)
  /// How often the node's life is told that time passes.
  static let lifeTick = Duration.milliseconds(250)
  /// How often what a scrape reads is renewed.
  static let metricsTick = Duration.seconds(1)
  /// How often a heartbeat is sent, and what was acknowledged is noted.
  static let heartbeat = Duration.seconds(1)

  let configuration: AgentConfiguration
  let data: String
  let tls: DriverTLS?
  let logger: Logger

  /// Makes the agent of a configuration; nothing happens before `run`. Throws `configuration` for impossible settings.
  public init(_ configuration: AgentConfiguration, data: String, logger: Logger) throws(AgentError) {
    let address = configuration.drivers?.address ?? "127.0.0.1"
    if ["0.0.0.0", "::"].contains(address), configuration.drivers?.advertise == nil {
      throw AgentError(
        .configuration,
        "drivers.address is \(address), which drivers can't connect to: name their address in drivers.advertise")
    }
    try Self.checkReplication(configuration.replication)
    if let wrong = configuration.outboundAddresses?.first(where: { (try? IPRange($0))?.isTooWideForNode ?? true }) {
      throw AgentError(
        .configuration, "outboundAddresses: \(wrong) is no address and no range of at most a /16 (IPv6: /32)")
    }
    try configuration.checkOplog()
    try configuration.checkEngine()
    try configuration.checkScrub()
    do throws(ServerError) {
      tls = try configuration.drivers?.tls.map { (tls) throws(ServerError) in
        try DriverTLS(
          tls.mode ?? .required,
          files: DriverTLS.Files(certificate: tls.certificateFile, key: tls.keyFile, clientAuthority: tls.caFile))
      }
    } catch { throw AgentError(.configuration, "drivers.tls: \(error)") }
    self.configuration = configuration
    self.data = data
    self.logger = logger
  }

  private static func checkReplication(_ replication: AgentConfiguration.Replication?) throws(AgentError) {
    do throws(TransportError) {
      try MessageLink.check(
        endpoint: replication?.advertise ?? "localhost:1", sourceAddress: replication?.sourceAddress)
    } catch {
      throw AgentError(.configuration, "replication.advertise or replication.sourceAddress can't be used: \(error)")
    }
  }

  /// Reads again what can be read again: the certificate files. What can't be used is logged and changes nothing.
  public func reload() {
    guard let tls else { return logger.notice("nothing to read again: drivers.tls is not set") }
    do {
      try tls.reload()
      logger.notice("the certificate files were read again; new connections use them")
    } catch {
      logger.error("the certificate files were not taken over", metadata: ["reason": "\(error)"])
    }
  }

  /// Serves until it is told to stop; then closes the engine cleanly.
  public func run() async throws {
    let identity = try CurveIdentity.load(from: configuration.identity)
    let coordinatorKey = try CurvePublicKey(configuration.coordinator.publicKey)
    let directory = GenerationDirectory(root: data)
    try directory.prepare()
    let lock = try DataLock(data)
    defer { withExtendedLifetime(lock) {} }
    let workshop = try Workshop()
    let disk = try await workshop.run { [logger] in DiskState.inspect(directory, logger: logger) }

    let boot = BootID.random()
    let network = ReplicationNetwork(
      node: configuration.node, boot: boot, identity: identity, sourceAddress: configuration.replication?.sourceAddress,
      logger: logger)
    let replicationPort = try network.start(
      address: configuration.replication?.address ?? "127.0.0.1",
      port: configuration.replication?.port ?? AgentConfiguration.defaultReplicationPort)
    let engine = NodeEngine(node: configuration.node)
    let measures = AgentMeasures()
    let shell = AgentShell(
      configuration: configuration, boot: boot, directory: directory, network: network, engine: engine, disk: disk,
      proof: try PartialProof(identity), workshop: workshop, measures: measures, logger: logger)
    let (events, queue) = AsyncStream.makeStream(of: LinkEvent.self, bufferingPolicy: .bufferingOldest(1_024))
    let link = try MessageLink(
      endpoint: configuration.coordinator.address, serverKey: coordinatorKey, identity: identity, logger: logger
    ) { queue.yield($0) }
    await shell.use(link)
    let server = makeServer(engine, measures: measures, knowsUsers: await shell.memo?.hasUsers == true)
    await shell.use(server, tls: tls?.mode ?? .disabled)
    measures.watch(engine: engine, network: network, server: server, link: link)
    let metrics = MetricsServer(measures.registry, logger: logger)
    defer { metrics.stop() }
    let metricsPort = try await metrics.startIfPossible(
      configuration.metrics, defaultPort: AgentConfiguration.defaultMetricsPort)
    let ports = Ports(replication: replicationPort, metrics: metricsPort, publicKey: identity.publicKey)

    try await withGracefulShutdownHandler {
      try await withThrowingTaskGroup(of: Void.self) { group in
        let (bound, boundPort) = AsyncStream.makeStream(of: Int.self)
        group.addTask {
          defer {
            boundPort.finish()
            queue.finish()
          }
          try await server.run { boundPort.yield($0) }
        }
        if try await open(server, bound: bound, ports: ports, shell: shell, link: link, in: &group) {
          addLoops(to: &group, shell: shell, network: network) { queue.finish() }
          await Self.follow(events, shell: shell)
        }
        // Requests under way are answered first; none begins on an engine that closes.
        server.shutdown()
        await shell.shutDown()
        link.close()
        network.close()
        group.cancelAll()
        while let result = await group.nextResult() {
          if case .failure(let error) = result, !(error is CancellationError) { throw error }
        }
      }
    } onGracefulShutdown: {
      queue.finish()
    }
    try? ReadyFile.remove(from: data)
  }

  /// Whether drivers' own tests may ask for faults: only in builds for tests, and only where the environment says so.
  static var allowsTestCommands: Bool {
    #if DEBUG
      return ProcessInfo.processInfo.environment["KEYFOLD_TEST_COMMANDS"] == "1"
    #else
      return false
    #endif
  }

  private func addLoops(
    to group: inout ThrowingTaskGroup<Void, any Error>, shell: AgentShell, network: ReplicationNetwork,
    onEnd stop: @Sendable @escaping () -> Void
  ) {
    let checkpoint = Duration.seconds(configuration.checkpointSeconds ?? 60)
    group.addTask {
      // Without its links a node is worth nothing: it ends, and says why.
      defer { stop() }
      try await network.run()
    }
    group.addTask { await Self.every(Self.raftTick) { await shell.member?.tick() } }
    group.addTask { await Self.every(Self.lifeTick) { await shell.tick() } }
    group.addTask { await Self.every(Self.heartbeat) { await shell.report() } }
    // A checkpoint under way holds these up: not so the heartbeats.
    group.addTask { await Self.every(Self.heartbeat) { await shell.member?.recordAcknowledged() } }
    group.addTask { await Self.every(Self.metricsTick) { await shell.publishCacheUse() } }
    group.addTask { await Self.every(Self.metricsTick) { await shell.publish() } }
    group.addTask {
      await Self.every(checkpoint) {
        await shell.member?.checkpoint()
        await shell.destroyLeftovers()
      }
    }
    group.addTask { await shell.scrub() }
    group.addTask {
      await shell.measureDisk()
      await Self.every(DiskSpace.interval) { await shell.measureDisk() }
    }
    group.addTask { await shell.runJobs() }
  }

  /// Handles what the coordinator's link says until the service is told to stop, which ends the stream.
  private static func follow(_ events: AsyncStream<LinkEvent>, shell: AgentShell) async {
    for await event in events {
      switch event {
      case .connected: await shell.onLink(connected: true)
      case .disconnected: await shell.onLink(connected: false)
      case .refused(let reason): await shell.onRefused(reason)
      case .message(let envelope, _): await shell.receive(envelope)
      }
    }
  }

  static func every(_ interval: Duration, _ body: () async -> Void) async {
    while !Task.isCancelled {
      guard (try? await Task.sleep(for: interval)) != nil else { return }
      await body()
    }
  }
}
