// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// Answers commands: a request and the engine in, a reply document out. It knows nothing of sockets and logs nothing.
struct CommandInterpreter: Sendable {
  let engine: any DocumentEngine
  let cursors: CursorStore
  let identifiers: ObjectIDSource

  /// What a command came to: the reply, and why it failed if it did.
  struct Outcome: Sendable {
    let reply: Document
    let failure: CommandError?
  }

  init(engine: any DocumentEngine, cursors: CursorStore = CursorStore(), identifiers: ObjectIDSource = ObjectIDSource())
  {
    self.engine = engine
    self.cursors = cursors
    self.identifiers = identifiers
  }

  /// Runs one command; every failure becomes a reply.
  func outcome(of request: CommandRequest, connectionID: Int32) async -> Outcome {
    cursors.reap()
    do {
      let answer = try await answer(to: request, connectionID: connectionID)
      var builder = DocumentBuilder()
      builder.append(contentsOf: answer)
      builder.append("ok", .double(1))
      return Outcome(reply: builder.finish(), failure: nil)
    } catch {
      let failure = CommandError(any: error, writing: false)
      return Outcome(reply: failure.reply, failure: failure)
    }
  }

  private func answer(to request: CommandRequest, connectionID: Int32) async throws -> Document {
    let handshake = ["hello", "isMaster", "ismaster"].contains(request.name)
    if request.isLegacy, !handshake {
      throw CommandError(
        .unsupportedQueryCommand,
        "unsupported OP_QUERY command: \(request.name): the driver is too old, it has to speak OP_MSG")
    }
    var arguments = try CommandArguments(request.body, owner: request.name, sequences: request.sequences)
    let generic = try GenericFields(&arguments)
    let command = Command(request: request, arguments: arguments, generic: generic)
    return switch request.name {
    case "hello", "isMaster", "ismaster": try hello(command, connectionID: connectionID)
    case "ping": try ping(command)
    case "buildInfo", "buildinfo": try buildInfo(command)
    case "endSessions": try endSessions(command)
    case "insert": try await insert(command)
    case "update": try await update(command)
    case "delete": try await delete(command)
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
      failure.labels = [CommandError.retryableWrite]
      throw failure
    }
  }

  private func requireServing() throws(CommandError) {
    if case .unavailable(let reason) = engine.state() { throw CommandError(unavailable: reason) }
  }

  /// Says so if a write asked for more acknowledgements than the majority it got.
  func appendWriteConcernError(_ generic: GenericFields, to reply: inout DocumentBuilder) {
    let majority = engine.replicaSetView().hosts.count / 2 + 1
    guard let wanted = generic.wantedAcknowledgements, wanted > majority else { return }
    reply.append(
      "writeConcernError",
      [
        "code": .int32(ErrorCode.unsatisfiableWriteConcern.number),
        "codeName": .string(ErrorCode.unsatisfiableWriteConcern.name),
        "errmsg": .string(
          "w: \(wanted) is not supported: the write was acknowledged by a majority (\(majority) members)"),
      ])
  }
}
