// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
public import DaemonRuntime
internal import Foundation
internal import KeyManagement
public import Logging
internal import Metrics
internal import Secrets
public import ServiceLifecycle
internal import Transport

/// The coordinator as a service: listens to agents and operators, keeps time, and asks customers' KMSs.
public final class CoordinatorService: Service {
  /// How often the core is told that time passed.
  static let tick = Duration.milliseconds(500)
  /// How many calls to KMSs may wait to be made.
  static let queuedKeyJobs = 1024

  private let configuration: CoordinatorConfiguration
  private let logger: Logger
  private let makeKeyService: KeyServiceMaker?
  private let now: @Sendable () -> Instant
  private let onReady: @Sendable (ReadyFile) -> Void

  /// Makes a coordinator; nothing is opened before `run`. `onReady` is called once it serves.
  public convenience init(
    configuration: CoordinatorConfiguration, logger: Logger, onReady: @escaping @Sendable (ReadyFile) -> Void = { _ in }
  ) {
    self.init(configuration: configuration, logger: logger, makeKeyService: nil, onReady: onReady)
  }

  init(
    configuration: CoordinatorConfiguration, logger: Logger, makeKeyService: KeyServiceMaker?,
    now: @escaping @Sendable () -> Instant = CoordinatorService.systemTime,
    onReady: @escaping @Sendable (ReadyFile) -> Void
  ) {
    self.configuration = configuration
    self.logger = logger
    self.makeKeyService = makeKeyService
    self.now = now
    self.onReady = onReady
  }

  /// Serves until the service is asked to end; throws if it cannot start or can remember nothing more.
  public func run() async throws {
    guard let makeKeyService else {
      let measures = CoordinatorMeasures()
      let uses = OwnKeyUses()
      let factory = KeyManagementFactory(measures: measures.kms) { uses.note(KeyUse($0)) }
      do {
        try await serve(
          measures, uses,
          { (settings, secret) throws(KMSError) in try factory.makeService(settings: settings, secret: secret) },
          kept: { (settings, secret) throws(KMSError) in try factory.service(of: settings, secret: secret) },
          endpoints: { settings in factory.endpoints(of: settings) })
      } catch {
        await factory.shutdown()
        throw error
      }
      return await factory.shutdown()
    }
    try await serve(CoordinatorMeasures(), OwnKeyUses(), makeKeyService)
  }

  private func serve(
    _ measures: CoordinatorMeasures, _ uses: OwnKeyUses, _ makeKeyService: @escaping KeyServiceMaker,
    kept: KeyServiceMaker? = nil, endpoints: @escaping @Sendable (KMSSettings) -> [KMSEndpointView] = { _ in [] }
  ) async throws {
    let opened = try CoordinatorStart.open(configuration, now: now())
    let allowList = AllowList(
      Coordinator.identities(opened.core.allowList), revoked: Coordinator.revokedKeys(of: opened.core))
    let inbox = Inbox()
    let listener = MessageListener(
      address: opened.host, port: opened.port, identity: opened.identity, allowList: allowList, logger: logger,
      onEvent: { event in inbox.take(event) })
    let (jobs, jobsIn) = AsyncStream.makeStream(of: KeyJob.self, bufferingPolicy: .bufferingOldest(Self.queuedKeyJobs))
    var memory = opened.memory
    memory.measures = measures
    let coordinator = Coordinator(
      core: opened.core,
      surroundings: Coordinator.Surroundings(
        memory: memory, rootKey: opened.rootKey, allowList: allowList,
        send: { (envelope, payload, route) throws(TransportError) in
          _ = try listener.send(envelope, payload: payload, to: route)
        }, jobs: jobsIn, now: now, logger: logger, endpoints: endpoints))
    try await coordinator.adoptRoles()
    try await coordinator.examineAuditBeginning()
    if let file = opened.operatorFile { try await coordinator.admit(file) }

    let bound = try listener.start()
    defer { listener.close() }
    try opened.tellOperator(port: bound)
    measures.watch(inbox: inbox, listener: listener, now: now)
    let metrics = MetricsServer(measures.registry, logger: logger)
    defer { metrics.stop() }
    let metricsPort = try await metrics.startIfPossible(
      configuration.metrics, defaultPort: CoordinatorConfiguration.defaultMetricsPort)
    let ports = ["control": Int(bound), "metrics": metricsPort].compactMapValues { $0 }
    try announce(ReadyFile(ports: ports, publicKey: opened.identity.publicKey.text))
    defer { try? ReadyFile.remove(from: configuration.data) }
    let prover = KeyProver(
      makeService: makeKeyService, keptService: kept, deadline: .seconds(configuration.kmsTimeoutSeconds))
    try await cancelWhenGracefulShutdown {
      try await withThrowingTaskGroup(of: Void.self) { group in
        defer { group.cancelAll() }
        group.addTask { try await uses.record(in: coordinator) }
        group.addTask {
          try await Self.work(coordinator: coordinator, inbox: inbox, jobs: jobs, prover: prover, measures: measures)
        }
        try await group.next()
      }
    }
    logger.info("coordinator ended")
  }

  private func announce(_ ready: ReadyFile) throws {
    try ready.write(to: configuration.data)
    logger.info(
      "coordinator serves",
      metadata: [
        "address": "\(configuration.listen)", "port": "\(ready.ports["control"] ?? 0)", "version": "\(ready.version)",
      ])
    onReady(ready)
  }

  /// Runs until it is cancelled; throws what the coordinator can't go on from.
  private static func work(
    coordinator: Coordinator, inbox: Inbox, jobs: AsyncStream<KeyJob>, prover: KeyProver, measures: CoordinatorMeasures
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        for await _ in inbox.arrivals {
          while let item = inbox.pop() { try await coordinator.handle(item) }
        }
      }
      group.addTask {
        var dropped: UInt64 = 0
        while !Task.isCancelled {
          try await coordinator.tick()
          measures.publish(await coordinator.measured)
          if inbox.dropped != dropped {
            dropped = inbox.dropped
            await coordinator.logger.warning("more came in than could be handled", metadata: ["dropped": "\(dropped)"])
          }
          try? await ContinuousClock().sleep(for: tick)
        }
      }
      group.addTask {
        try await withThrowingDiscardingTaskGroup { group in
          for await job in jobs { group.addTask { try await coordinator.finish(await prover.run(job)) } }
        }
      }
      defer { group.cancelAll() }
      try await group.next()
      if Task.isCancelled { return }
    }
  }

  @Sendable
  static func systemTime() -> Instant { Instant(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) }
}

extension Coordinator {
  /// Gives operators of a store from before there were roles what they could do then.
  func adoptRoles() throws(CoordinatorFault) { try perform(core.adoptRoles(now: now)) }

  /// Lets the operator of the first start in, an org owner.
  func admit(_ file: OperatorFile) throws(CoordinatorFault) {
    let decision: Decision<Void>
    do {
      guard let name = try? OperatorName(file.operatorName) else { return }
      decision = try core.addOperator(name, publicKey: file.publicKey, role: .orgOwner, now: now)
    } catch {
      return logger.warning("the operator file is not of an operator known here", metadata: ["reason": "\(error)"])
    }
    try perform(decision.directives)
  }
}
