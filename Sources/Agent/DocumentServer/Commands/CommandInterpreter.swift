// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// Answers commands: a request and the engine in, a reply document out. It knows nothing of sockets and logs nothing.
struct CommandInterpreter: Sendable {
  let engine: any DocumentEngine
  let cursors: CursorStore
  let identifiers: ObjectIDSource
  let topology: TopologyWatch
  let clock: SessionClock
  let lateWrites = LateWrites()
  let startedAt = ContinuousClock.now
  /// Set where test commands are enabled.
  var failPoints: FailPoints?

  /// What a command came to: the reply, and why it failed if it did.
  struct Outcome: Sendable {
    var reply: Document
    let failure: CommandError?
    /// What a driver that takes a stream of replies wants to have answered next.
    var next: CommandRequest?
    /// Whether the driver is to get no answer at all.
    var closesConnection = false
  }

  init(
    engine: any DocumentEngine, cursors: CursorStore = CursorStore(), identifiers: ObjectIDSource = ObjectIDSource(),
    clock: SessionClock = SessionClock()
  ) {
    self.engine = engine
    self.cursors = cursors
    self.identifiers = identifiers
    self.clock = clock
    topology = TopologyWatch(engine)
  }

  /// Runs one command; every failure becomes a reply.
  func plainOutcome(of request: CommandRequest, connectionID: Int32) async -> Outcome {
    cursors.reap()
    do {
      let answer = try await answer(to: request, connectionID: connectionID)
      var builder = DocumentBuilder()
      builder.append(contentsOf: answer)
      builder.append("ok", .double(1))
      let reply = builder.finish()
      return Outcome(reply: reply, failure: nil, next: request.following(reply))
    } catch {
      return refusal(CommandError(any: error, writing: false), of: request)
    }
  }

  func refusal(_ error: CommandError, of request: CommandRequest) -> Outcome {
    let failure = (topology.isClosed ? error.whileStopping() : error).told(to: request)
    guard failure.tellsStateChange else { return Outcome(reply: failure.reply, failure: failure) }
    var builder = DocumentBuilder()
    builder.append(contentsOf: failure.reply)
    builder.append("topologyVersion", topology.look().version.value)
    return Outcome(reply: builder.finish(), failure: failure)
  }

  private func answer(to request: CommandRequest, connectionID: Int32) async throws -> Document {
    let handshake = ["hello", "isMaster", "ismaster"].contains(request.name)
    if request.isLegacy, !handshake {
      throw CommandError(
        .unsupportedQueryCommand,
        "unsupported OP_QUERY command: \(request.name): the driver is too old, it has to speak OP_MSG")
    }
    var arguments = try CommandArguments(request.body, owner: request.name, sequences: request.sequences)
    let generic = try GenericFields(&arguments, user: request.user)
    let command = Command(request: request, arguments: arguments, generic: generic)
    try command.checkTransaction()
    return switch request.name {
    case "hello", "isMaster", "ismaster": try await hello(command, connectionID: connectionID)
    case "ping": try ping(command)
    case "buildInfo", "buildinfo": try buildInfo(command)
    case "serverStatus": try serverStatus(command)
    case "getParameter": try getParameter(command)
    case "getCmdLineOpts": try getCmdLineOpts(command)
    case "configureFailPoint": try configureFailPoint(command)
    case "startSession": try startSession(command)
    case "refreshSessions": try refreshSessions(command)
    case "endSessions": try await endSessions(command)
    case "insert": try await insert(command)
    case "update": try await update(command)
    case "delete": try await delete(command)
    case "findAndModify", "findandmodify": try await findAndModify(command)
    case "find": try await find(command)
    case "getMore": try await getMore(command)
    case "killCursors": try killCursors(command)
    case "count": try await count(command)
    case "aggregate": try await aggregate(command)
    case "create": try await create(command)
    case "drop": try await drop(command)
    case "dropDatabase": try await dropDatabase(command)
    case "listDatabases": try await listDatabases(command)
    case "listCollections": try await listCollections(command)
    default: throw CommandError(.commandNotFound, "no such command: '\(request.name)'")
    }
  }
}

/// A command with its generic fields taken out.
struct Command: Sendable {
  let request: CommandRequest
  var arguments: CommandArguments
  let generic: GenericFields

  var database: String { request.database }

  /// Takes the collection's name, the value of the command's own field.
  mutating func namespace() throws -> Namespace {
    let name = try arguments.requiredString(request.name)
    return try Namespace(database: database, collection: name)
  }

  /// Throws unless the command is for the database `admin`.
  func requireAdmin() throws(CommandError) {
    if database != "admin" {
      throw CommandError(.invalidOptions, "\(request.name) may only be run against the admin database")
    }
  }
}

extension CommandInterpreter {
  /// Throws unless this node may answer a read of this command now.
  func requireReadable(_ generic: GenericFields) throws(CommandError) {
    try requireServing()
    let view = engine.replicaSetView()
    if view.isWritablePrimary { return }
    guard view.isSecondary else {
      throw CommandError(unavailable: "it has not joined the replica set or is recovering")
    }
    if !generic.allowsSecondary {
      throw CommandError(.notPrimaryNoSecondaryOk, "not primary and the read preference does not allow a secondary")
    }
  }

  /// Throws unless this node may write now; nothing was written, so the driver may send the command again.
  func requireWritable() throws(CommandError) {
    do throws(CommandError) {
      try requireServing()
      if !engine.replicaSetView().isWritablePrimary { throw CommandError(.notWritablePrimary, "not primary") }
    } catch {
      var failure = error
      failure.wroteNothing = true
      throw failure
    }
  }

  private func requireServing() throws(CommandError) {
    if case .unavailable(let reason) = engine.state() { throw CommandError(unavailable: reason) }
  }
}
