// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
internal import Documents
public import Logging
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

/// Serves drivers over the MongoDB wire protocol from a document engine.
///
/// A server runs once: `run` binds, serves until `shutdown` or until its task is cancelled, and returns when every
/// connection is closed. Connections take one request at a time; what a client sends meanwhile waits in its socket.
public final class DocumentServer: Sendable {
  private typealias Connection = NIOAsyncChannel<IncomingMessage, OutgoingMessage>
  /// A connection, and what it may send.
  private struct DriverConnection: Sendable {
    let channel: any Channel
    let permit: MessagePermit
  }

  private typealias Outbound = NIOAsyncChannelOutboundWriter<OutgoingMessage>

  private let address: ServerAddress
  let rule: BindRule
  private let tls: DriverTLS?
  private let log: LoginLog
  let limits: ServerLimits
  let logger: Logger
  let gate: AccessGate
  let connections: ConnectionRegistry
  let measures: ServerMeasures
  private let requestMemory: MemoryBudget
  private let replyMemory: MemoryBudget
  private let hasStarted = Mutex(false)

  /// Prepares a server; nothing is bound yet. An address that others can reach is not bound before it is known that
  /// there is a user: the engine's data says so, or `knowsUsers`, before the engine is open. Port 0 lets the system
  /// choose. `testCommands` lets drivers' own tests ask for faults.
  public init(
    engine: any DocumentEngine, host: String = "127.0.0.1", port: Int, tls: DriverTLS? = nil,
    limits: ServerLimits = ServerLimits(), measures: ServerMeasures = ServerMeasures(), knowsUsers: Bool = false,
    testCommands: Bool = false, logger: Logger
  ) {
    address = ServerAddress(host: host, port: port)
    rule = BindRule(isLoopback: address.isLoopback, knowsUsers: knowsUsers)
    self.tls = tls.flatMap { $0.mode == .disabled ? nil : $0 }
    log = LoginLog(logger: logger)
    self.limits = limits
    self.logger = logger
    self.measures = measures
    var interpreter = CommandInterpreter(engine: engine)
    if testCommands { interpreter.failPoints = FailPoints() }
    gate = AccessGate(
      interpreter: interpreter,
      directory: AccessDirectory(
        engine: engine, ownSecret: Self.random(bytes: DecoyRecord.secretBytes), logger: logger),
      log: log, needsLogin: rule.needsLogin, nonce: { Base64Text.of(Self.random(bytes: 24)) })
    connections = ConnectionRegistry(limits)
    requestMemory = MemoryBudget(limit: limits.requestMemory)
    replyMemory = MemoryBudget(limit: limits.replyMemory)
  }

  /// Binds, tells `onBound` the port and serves. Throws `ServerError` if it can't bind or ran before.
  public func run(onBound: @Sendable (Int) -> Void) async throws {
    guard
      hasStarted.withLock({ started in
        defer { started = true }
        return !started
      })
    else { throw ServerError(.alreadyStarted, "this document server ran before; make a new one") }
    guard try await mayBind() else { return }
    let listener = try await bind()
    let port = listener.channel.localAddress?.port ?? 0
    guard connections.listen(listener.channel) else {
      try await listener.executeThenClose { _ in }
      return
    }
    logger.info(
      "listens for drivers",
      metadata: ["host": "\(address.host)", "port": "\(port)", "tls": "\(tls?.mode.rawValue ?? "disabled")"])
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
      connections: connections.count, connectionLimit: limits.maximumConnections, strangers: connections.strangers,
      requestBytes: requestMemory.used, requestByteLimit: requestMemory.limit, replyBytes: replyMemory.used,
      replyByteLimit: replyMemory.limit,
      waitingForMemory: requestMemory.waiting + replyMemory.waiting, cursors: gate.interpreter.cursors.load)
  }

  /// Waits until the address may be bound; false if the server stops before.
  private func mayBind() async throws -> Bool {
    _ = try address.resolved()
    await refreshUsers()
    while waitsForUser {
      guard !connections.isStopping, (try? await Task.sleep(for: limits.userPoll)) != nil else { return false }
      await refreshUsers()
    }
    if !rule.isLoopback, tls?.mode != .required {
      logger.warning("drivers from other machines may speak without TLS; set drivers.tls.mode to required")
    }
    return true
  }

  private func bind() async throws(ServerError) -> NIOAsyncChannel<DriverConnection, Never> {
    let limits = limits
    let target = try address.resolved()
    do {
      return try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .serverChannelOption(.backlog, value: limits.backlog)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .keepingAlive(limits)
        .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
        // Until somebody serves it.
        .childChannelOption(.autoRead, value: false)
        .childChannelOption(
          .writeBufferWaterMark, value: .init(low: limits.writeLowWaterMark, high: limits.writeHighWaterMark)
        )
        .bind(to: target) { channel in
          channel.eventLoop.makeCompletedFuture { try self.connection(on: channel) }
        }
    } catch {
      throw ServerError(
        .cannotBind, "cannot serve drivers on \(address.host):\(address.port): \(error)", underlying: error)
    }
  }

  private func connection(on channel: any Channel) throws -> DriverConnection {
    let log = log
    let permit = MessagePermit(directory: gate.directory, needsLogin: rule.needsLogin)
    let peer = Self.peer(of: channel)
    let pipeline = channel.pipeline.syncOperations
    // Nearest to the socket: who may not connect is not even heard, and is cut off without TLS's goodbyes.
    try pipeline.addHandler(AddressCheck { self.checks($0) })
    if let tls {
      try pipeline.addHandler(
        TLSDetector(tls) {
          log.refused("a connection without TLS was closed; drivers.tls.mode is required", peer: peer)
        })
    }
    try pipeline.addHandler(
      FrameHandler(budget: requestMemory, limits: limits, permit: permit) { [measures] in measures.refused(.tooSlow) })
    try pipeline.addHandler(
      FirstMessageDeadline(.init(limits.firstMessageTime)) {
        log.refused("a connection said nothing in time and was closed", peer: peer)
      })
    return DriverConnection(channel: channel, permit: permit)
  }

  /// The stream of a connection's messages, one at a time: reading stops as soon as one waits. Made for whoever serves
  /// it: one that is dropped unserved, as happens to connections that come while the server stops, ends the process.
  private static func open(_ channel: any Channel) async throws -> Connection {
    try await channel.eventLoop.submit {
      guard channel.isActive else { throw ChannelError.ioOnClosedChannel }
      let connection = try Connection(
        wrappingChannelSynchronously: channel,
        configuration: .init(
          backPressureStrategy: .init(lowWatermark: 1, highWatermark: 1), isOutboundHalfClosureEnabled: false))
      channel.setOption(.autoRead, value: true).whenFailure { _ in channel.close(promise: nil) }
      return connection
    }.get()
  }

  private static func peer(of channel: any Channel) -> String { channel.remoteAddress?.description ?? "unknown" }

  /// Commands whose replies may be as large as a batch, and that wait for no other member meanwhile. What else answers
  /// in many bytes takes its room when it does.
  private static let largeReplies: Set<String> = [
    "aggregate", "find", "getMore", "killCursors", "listCollections", "listDatabases",
  ]

  private func serve(_ listener: NIOAsyncChannel<DriverConnection, Never>) async {
    await withDiscardingTaskGroup { group in
      do {
        try await listener.executeThenClose { accepted in
          for try await connection in accepted {
            group.addTask { await self.serve(connection.channel, connection.permit) }
          }
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

  private func serve(_ channel: any Channel, _ permit: MessagePermit) async {
    let id = place(for: channel)
    do {
      let connection = try await Self.open(channel)
      try await connection.executeThenClose { inbound, outbound in
        guard let id else { return noteNoPlace(for: channel) }
        var session = AccessSession(peer: Self.peer(of: channel))
        let life = ConnectionLife()
        channel.closeFuture.whenComplete { _ in life.end() }
        for try await message in inbound {
          guard connections.begin(id) else { return }
          try await ConnectionLife.$current.withValue(life) {
            try await answer(message, connectionID: id, session: &session, permit, outbound)
          }
          guard connections.end(id), !session.isExhausted else { return }
        }
      }
    } catch let error as WireError {
      measures.refused(.notUnderstood)
      logger.warning("connection closed: \(error)", metadata: ["connection": "\(id ?? 0)"])
    } catch let error as NIOSSLError where !error.isEnd {
      log.refused(
        "a TLS handshake failed", metadata: ["reason": "\(error)"], peer: Self.peer(of: channel))
    } catch is SlowPeer {
      logger.info("connection closed: its driver was too slow", metadata: ["connection": "\(id ?? 0)"])
    } catch {
      logger.debug("connection lost", metadata: ["connection": "\(id ?? 0)", "error": "\(error)"])
    }
    if let id { connections.remove(id) }
  }

  /// Answers one message: with one reply, or with a stream of them where the driver takes one.
  private func answer(
    _ message: IncomingMessage, connectionID: Int32, session: inout AccessSession, _ permit: MessagePermit,
    _ outbound: Outbound
  ) async throws {
    // Until here the message's memory is set aside; the documents in it live as long as the command.
    defer { withExtendedLifetime(message) {} }
    let command = try MessageDecoder.decode(message.bytes)
    var next: CommandRequest?
    var numbers = MessageEncoder.Numbers(reply: connectionID, answered: command.requestID)
    repeat {
      let outcome: CommandInterpreter.Outcome
      var share: MemoryBudget.Share?
      switch command.content {
      case .command(let request):
        if Self.largeReplies.contains(request.name) { share = await replyMemory.share(limits.largestReply) }
        let start = ContinuousClock.now
        outcome = await gate.outcome(of: next ?? request, connectionID: connectionID, session: &session)
        measures.answered(request.name, since: start, failed: outcome.failure != nil)
      case .refused(let error): outcome = .init(reply: error.reply, failure: error)
      }
      if let failure = outcome.failure, failure.code == .internalError {
        logger.error("a command failed: \(failure.message)", metadata: ["connection": "\(connectionID)"])
      }
      if outcome.closesConnection { throw WireError("a fail point closes the connection") }
      // Before the reply: after it the driver may send what it was logged in for.
      let isLoggedIn = session.login != nil
      if permit.isLoggedIn != isLoggedIn {
        permit.isLoggedIn = isLoggedIn
        connections.note(connectionID, isLoggedIn: isLoggedIn)
      }
      if gate.directory.isEnabled == nil { await refreshUsers() }
      guard command.wantsReply else { return }
      next = command.allowsExhaust && !gate.interpreter.topology.isClosed ? outcome.next : nil
      let bytes = MessageEncoder.encode(outcome.reply, to: command, numbers, moreToCome: next != nil)
      if let share {
        share.shrink(to: bytes.count)
      } else if bytes.count > limits.freeReplyBytes {
        share = await replyMemory.share(bytes.count)
      }
      try await outbound.write(OutgoingMessage(bytes: bytes, share: share))
      numbers = .init(reply: numbers.reply &+ 1, answered: numbers.reply)
    } while next != nil
  }
}

extension DocumentServer {
  /// Whether the address is not bound because nobody knows of a user yet.
  public var waitsForUser: Bool { !rule.binds(isEnabled: gate.directory.isEnabled) }

  /// Whether drivers have to log in, as far as is known; call `refreshUsers` now and then to keep it fresh.
  public var authentication: DriverAuthentication { rule.authentication(isEnabled: gate.directory.isEnabled) }

  /// Whether the engine's data was seen to have users.
  public var showsUsers: Bool { gate.directory.isEnabled == true }

  /// Looks whether users have changed; costs a look at a counter if not.
  public func refreshUsers() async { _ = try? await gate.directory.current() }

  /// Bytes of the system's generator, for nonces.
  private static func random(bytes count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: .min ... .max) } }
}

extension NIOSSLError {
  /// Whether it only says that the other side went away.
  fileprivate var isEnd: Bool {
    switch self {
    case .uncleanShutdown: true
    default: false
    }
  }
}
