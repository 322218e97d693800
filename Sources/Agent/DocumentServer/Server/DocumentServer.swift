// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents
public import Logging
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// Serves drivers over the MongoDB wire protocol from a document engine.
///
/// A server runs once: `run` binds, serves until `shutdown` or until its task is cancelled, and returns when every
/// connection is closed. Connections take one request at a time; what a client sends meanwhile waits in its socket.
public final class DocumentServer: Sendable {
  private typealias Connection = NIOAsyncChannel<[UInt8], [UInt8]>

  private let host: String
  private let port: Int
  private let limits: ServerLimits
  private let logger: Logger
  private let gate: AccessGate
  private let connections: ConnectionRegistry
  private let measures: ServerMeasures
  private let hasStarted = Mutex(false)

  /// Prepares a server; nothing is bound yet. `host` has to be a loopback address, because drivers don't authenticate;
  /// port 0 lets the system choose. `testCommands` lets drivers' own tests ask for faults.
  public init(
    engine: any DocumentEngine, host: String = "127.0.0.1", port: Int, limits: ServerLimits = ServerLimits(),
    measures: ServerMeasures = ServerMeasures(), testCommands: Bool = false, logger: Logger
  ) {
    self.host = host
    self.port = port
    self.limits = limits
    self.logger = logger
    self.measures = measures
    var interpreter = CommandInterpreter(engine: engine)
    if testCommands { interpreter.failPoints = FailPoints() }
    gate = AccessGate(
      interpreter: interpreter,
      directory: AccessDirectory(
        engine: engine, ownSecret: Self.random(bytes: DecoyRecord.secretBytes), logger: logger),
      log: LoginLog(logger: logger), nonce: { Base64Text.of(Self.random(bytes: 24)) })
    connections = ConnectionRegistry(maximumConnections: limits.maximumConnections)
  }

  /// Binds, tells `onBound` the port and serves. Throws `ServerError` if it can't bind or ran before.
  public func run(onBound: @Sendable (Int) -> Void) async throws {
    guard
      hasStarted.withLock({ started in
        defer { started = true }
        return !started
      })
    else { throw ServerError(.alreadyStarted, "this document server ran before; make a new one") }
    let listener = try await bind()
    let port = listener.channel.localAddress?.port ?? 0
    guard connections.listen(listener.channel) else {
      try await listener.executeThenClose { _ in }
      return
    }
    logger.info("serving drivers", metadata: ["host": "\(host)", "port": "\(port)"])
    onBound(port)
    await withTaskCancellationHandler {
      async let late: Void = gate.interpreter.lateWrites.run()
      await serve(listener)
      gate.interpreter.lateWrites.close()
      await late
    } onCancel: {
      shutdown()
    }
    logger.info("stopped serving drivers")
  }

  /// Stops: requests under way are answered, then everything closes and `run` returns.
  public func shutdown() {
    connections.stop()
    gate.interpreter.topology.close()
  }

  /// What the server holds now, beside its limits.
  public var load: ServerLoad {
    ServerLoad(
      connections: connections.count, connectionLimit: limits.maximumConnections, cursors: gate.interpreter.cursors.load
    )
  }

  private func bind() async throws(ServerError) -> NIOAsyncChannel<Connection, Never> {
    let limits = limits
    do {
      let address = try SocketAddress(ipAddress: host, port: port)
      guard address.isLoopback else {
        throw ServerError(
          .notLoopback, "refusing to serve drivers on \(host): they don't authenticate yet; use 127.0.0.1 or ::1")
      }
      return try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .serverChannelOption(.backlog, value: limits.backlog)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
        .childChannelOption(
          .writeBufferWaterMark, value: .init(low: limits.writeLowWaterMark, high: limits.writeHighWaterMark)
        )
        .bind(to: address) { channel in
          channel.eventLoop.makeCompletedFuture { try DocumentServer.connection(on: channel) }
        }
    } catch let error as ServerError {
      throw error
    } catch {
      throw ServerError(.cannotBind, "cannot serve drivers on \(host):\(port): \(error)", underlying: error)
    }
  }

  private static func connection(on channel: any Channel) throws -> Connection {
    try channel.pipeline.syncOperations.addHandlers([ByteToMessageHandler(FrameDecoder()), FrameEncoder()])
    // One request at a time: reading stops as soon as one waits.
    return try Connection(
      wrappingChannelSynchronously: channel,
      configuration: .init(
        backPressureStrategy: .init(lowWatermark: 1, highWatermark: 1), isOutboundHalfClosureEnabled: false))
  }

  private func serve(_ listener: NIOAsyncChannel<Connection, Never>) async {
    await withDiscardingTaskGroup { group in
      do {
        try await listener.executeThenClose { accepted in
          for try await connection in accepted { group.addTask { await self.serve(connection) } }
        }
      } catch {
        // A stop ends the wait for connections by an error of its own.
        if connections.isStopping || error is CancellationError {
          logger.debug("the listening socket closed", metadata: ["reason": "\(error)"])
        } else {
          logger.error("the listening socket failed", metadata: ["error": "\(error)"])
        }
        shutdown()
      }
    }
  }

  private func serve(_ connection: Connection) async {
    let id = connections.add(connection.channel)
    do {
      try await connection.executeThenClose { inbound, outbound in
        guard let id else {
          measures.refused(.tooMany)
          logger.warning("connection refused: too many", metadata: ["limit": "\(limits.maximumConnections)"])
          return
        }
        var session = AccessSession(peer: connection.channel.remoteAddress?.description ?? "unknown")
        for try await bytes in inbound {
          guard connections.begin(id) else { return }
          try await answer(bytes, connectionID: id, session: &session, outbound)
          guard connections.end(id), !session.isExhausted else { return }
        }
      }
    } catch let error as WireError {
      measures.refused(.notUnderstood)
      logger.warning("connection closed: \(error)", metadata: ["connection": "\(id ?? 0)"])
    } catch {
      logger.debug("connection lost", metadata: ["connection": "\(id ?? 0)", "error": "\(error)"])
    }
    if let id { connections.remove(id) }
  }

  /// Answers one message: with one reply, or with a stream of them where the driver takes one.
  private func answer(
    _ bytes: [UInt8], connectionID: Int32, session: inout AccessSession,
    _ outbound: NIOAsyncChannelOutboundWriter<[UInt8]>
  ) async throws {
    let command = try MessageDecoder.decode(bytes)
    var next: CommandRequest?
    var numbers = MessageEncoder.Numbers(reply: connectionID, answered: command.requestID)
    repeat {
      let outcome: CommandInterpreter.Outcome
      switch command.content {
      case .command(let request):
        let start = ContinuousClock.now
        outcome = await gate.outcome(of: next ?? request, connectionID: connectionID, session: &session)
        measures.answered(request.name, since: start, failed: outcome.failure != nil)
      case .refused(let error): outcome = .init(reply: error.reply, failure: error)
      }
      if let failure = outcome.failure, failure.code == .internalError {
        logger.error("a command failed: \(failure.message)", metadata: ["connection": "\(connectionID)"])
      }
      if outcome.closesConnection { throw WireError("a fail point closes the connection") }
      guard command.wantsReply else { return }
      next = command.allowsExhaust && !gate.interpreter.topology.isClosed ? outcome.next : nil
      try await outbound.write(MessageEncoder.encode(outcome.reply, to: command, numbers, moreToCome: next != nil))
      numbers = .init(reply: numbers.reply &+ 1, answered: numbers.reply)
    } while next != nil
  }
}

extension DocumentServer {
  /// Bytes of the system's generator, for nonces.
  private static func random(bytes count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: .min ... .max) } }
}

extension SocketAddress {
  /// Whether the address is one of this machine only: 127.0.0.0/8 or ::1.
  fileprivate var isLoopback: Bool {
    ipAddress.map { $0 == "::1" || $0.hasPrefix("127.") } ?? false
  }
}
