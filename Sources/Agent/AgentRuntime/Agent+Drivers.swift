// SPDX-License-Identifier: GPL-3.0-or-later
internal import DaemonRuntime
internal import DocumentServer
internal import Logging
internal import Transport

/// The port for drivers: how it is made, and when it is known.
extension Agent {
  /// The node's other ports and its key, as `ready.json` shows them.
  struct Ports: Sendable {
    let replication: UInt16
    let metrics: Int?
    let publicKey: CurvePublicKey
  }

  func makeServer(_ engine: NodeEngine, measures: AgentMeasures, knowsUsers: Bool) -> DocumentServer {
    DocumentServer(
      engine: engine, host: configuration.drivers?.address ?? "127.0.0.1",
      port: Int(configuration.drivers?.port ?? AgentConfiguration.defaultDriverPort), tls: tls,
      measures: measures.server, knowsUsers: knowsUsers, testCommands: Self.allowsTestCommands, logger: logger)
  }

  /// Tells shell and operators where the node listens, once its drivers' port is bound, and starts the link; false if
  /// the port can't be bound. A port that waits for the first user is told later.
  func open(
    _ server: DocumentServer, bound: AsyncStream<Int>, ports: Ports, shell: AgentShell, link: MessageLink,
    in group: inout ThrowingTaskGroup<Void, any Error>
  ) async throws -> Bool {
    let waits = server.waitsForUser
    let driverPort = waits ? nil : await bound.first(where: { _ in true })
    guard waits || driverPort != nil else { return false }
    await shell.bind(driverPort: driverPort, replicationPort: ports.replication)
    try link.start()
    try announce(ports, drivers: driverPort)
    if waits {
      logger.warning("drivers can't connect before a user is known; make the first one: keyfold user create")
      group.addTask {
        guard let driverPort = await bound.first(where: { _ in true }) else { return }
        await shell.bind(driverPort: driverPort, replicationPort: ports.replication)
        try announce(ports, drivers: driverPort)
      }
    }
    group.addTask {
      await Self.every(Self.lifeTick) {
        await server.refreshUsers()
        await shell.noteUsers()
      }
    }
    return true
  }

  private func announce(_ ports: Ports, drivers: Int?) throws {
    let all: [String: Int?] = ["drivers": drivers, "replication": Int(ports.replication), "metrics": ports.metrics]
    let known = all.compactMapValues { $0 }
    try ReadyFile(ports: known, publicKey: ports.publicKey.text).write(to: data)
    logger.notice("ready", metadata: Logger.Metadata(uniqueKeysWithValues: known.map { ($0, "\($1)") }))
  }
}

extension AgentConfiguration {
  /// The port for drivers, nil if the system is to choose one.
  var fixedDriverPort: Int? {
    let port = drivers?.port ?? Self.defaultDriverPort
    return port == 0 ? nil : Int(port)
  }
}
