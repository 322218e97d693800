// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Documents

/// Stands before the interpreter: lets through what the connection's user may do, and does the logins itself.
struct AccessGate: Sendable {
  let interpreter: CommandInterpreter
  let directory: AccessDirectory
  let log: LoginLog
  /// Whether nothing is done without a login even while there is no user.
  var needsLogin = false
  /// Makes the server's part of a nonce.
  let nonce: @Sendable () throws -> String

  /// Runs one command of a connection; every failure becomes a reply.
  func outcome(
    of request: CommandRequest, connectionID: Int32, session: inout AccessSession
  ) async -> CommandInterpreter.Outcome {
    do {
      // Only the handshake may come in an old driver's frame; the interpreter says so.
      if request.isLegacy, Privilege.needed(for: request.name) != .none {
        return await interpreter.outcome(of: request, connectionID: connectionID)
      }
      if let reply = try await answer(request, session: &session) { return Self.success(reply) }
      switch request.name {
      case "hello", "isMaster", "ismaster":
        let outcome = await interpreter.outcome(of: request, connectionID: connectionID)
        return await greet(request, outcome, session: &session)
      default:
        let user = try await authorize(request, session)
        try Self.refuseSystem(request)
        var owned = request
        if let user { owned.user = "\(user.name.database.text).\(user.name.name)" }
        let outcome = await interpreter.outcome(of: owned, connectionID: connectionID)
        guard request.name == "listDatabases", let user, !user.isClusterAdmin else { return outcome }
        return Self.visible(outcome, to: user)
      }
    } catch {
      return interpreter.refusal(CommandError(any: error, writing: false), of: request)
    }
  }

  /// The commands that are about the connection itself; nil for all others.
  private func answer(_ request: CommandRequest, session: inout AccessSession) async throws -> Document? {
    switch request.name {
    case "saslStart": return try await start(request.body, database: request.database, session: &session)
    case "saslContinue": return try await goOn(request.body, database: request.database, session: &session)
    case "authenticate":
      throw CommandError(
        .mechanismUnavailable, "authenticate is not supported: log in by saslStart with SCRAM-SHA-256")
    case "logout":
      session.login = nil
      session.conversation = nil
      return Document()
    case "connectionStatus": return try await status(session)
    default: return nil
    }
  }

  /// Throws unless the connection may run this command now; answers its user, nil while nobody has to log in.
  private func authorize(_ request: CommandRequest, _ session: AccessSession) async throws -> DriverUser? {
    let needed = Privilege.needed(for: request.name)
    if needed == .none { return nil }
    let users = try await directory.current()
    guard users.isEnabled || needsLogin else { return nil }
    guard let login = session.login, let user = users.user(of: login) else {
      throw CommandError.requiresAuthentication(request.name)
    }
    if case .database(let action) = needed, !user.may(action, in: request.database) {
      throw CommandError.notAuthorized(request)
    }
    return user
  }

  /// The database of the users is nobody's to drop, whoever asks.
  private static func refuseSystem(_ request: CommandRequest) throws(CommandError) {
    if request.name == "dropDatabase", request.database == Namespace.users.database {
      throw CommandError(.illegalOperation, "Dropping the 'admin' database is prohibited.")
    }
  }

  /// Leaves in a list of databases only what the user has rights in.
  private static func visible(
    _ outcome: CommandInterpreter.Outcome, to user: DriverUser
  ) -> CommandInterpreter.Outcome {
    guard outcome.failure == nil, let databases = outcome.reply["databases"]?.elements else { return outcome }
    let kept = databases.filter { entry in
      guard case .document(let fields) = entry, case .string(let name)? = fields["name"] else { return false }
      return user.may(.read, in: name)
    }
    var size: Int64 = 0
    for case .document(let fields) in kept {
      if case .int64(let bytes)? = fields["sizeOnDisk"] { size = size.addingReportingOverflow(bytes).partialValue }
    }
    var reply = DocumentBuilder()
    for element in outcome.reply {
      switch element.key {
      case "databases": reply.append("databases", .array(of: kept))
      case "totalSize": reply.append("totalSize", .int64(size))
      case "totalSizeMb": reply.append("totalSizeMb", .int64(size / (1024 * 1024)))
      default: reply.append(element.key, element.value)
      }
    }
    return CommandInterpreter.Outcome(reply: reply.finish(), failure: nil)
  }

  private func status(_ session: AccessSession) async throws -> Document {
    var users: [BSONValue] = []
    var roles: [BSONValue] = []
    if let login = session.login, let user = try await directory.current().user(of: login) {
      users = [["user": .string(user.name.name), "db": .string(user.name.database.text)]]
      roles = [["role": .string(user.role.rawValue), "db": .string(user.name.database.text)]]
    }
    return [
      "authInfo": ["authenticatedUsers": .array(of: users), "authenticatedUserRoles": .array(of: roles)]
    ]
  }

  static func success(_ reply: Document) -> CommandInterpreter.Outcome {
    var builder = DocumentBuilder()
    builder.append(contentsOf: reply)
    builder.append("ok", .double(1))
    return CommandInterpreter.Outcome(reply: builder.finish(), failure: nil)
  }
}
