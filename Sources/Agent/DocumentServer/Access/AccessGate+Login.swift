// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Documents
internal import Sealing

/// Logins: MongoDB's SASL commands around `ScramExchange`, also inside a hello.
extension AccessGate {
  /// The one mechanism there is.
  static let mechanism = "SCRAM-SHA-256"

  /// `saslStart`: the client names itself and gets its challenge.
  func start(_ body: Document, database: String, session: inout AccessSession) async throws -> Document {
    session.conversation = nil
    guard body["mechanism"] == .string(Self.mechanism) else {
      throw CommandError(
        .mechanismUnavailable, "the only mechanism for authentication is \(Self.mechanism)")
    }
    var skipsEmptyMessage = false
    if case .document(let options)? = body["options"] { skipsEmptyMessage = options["skipEmptyExchange"] == true }
    let first: ScramClientFirst
    do throws(ScramSyntaxError) { first = try ScramClientFirst(try payload(of: body)) } catch {
      throw fail("", in: database, error.description, &session)
    }
    let users = try await directory.current()
    let name = (try? DatabaseName(database)).flatMap { try? DriverUserName(database: $0, name: first.user) }
    let record = name.flatMap { users.records[$0] }
    // Also for a user that exists, so that both take the same time.
    let decoy = try ScramCredential(
      ofNobodyNamed: "\(database).\(first.user)", secret: directory.decoySecret(of: users))
    let (exchange, message) = ScramExchange.begin(
      first, credential: record?.credential ?? decoy, serverNonce: try nonce(), skipsEmptyMessage: skipsEmptyMessage)
    session.conversation = AccessSession.Conversation(
      exchange: exchange, claimed: first.user,
      login: record.map { AccessSession.Login(name: $0.user.name, identity: $0.identity) },
      deadline: .now + AccessSession.loginTime)
    return Self.step(message, isDone: false)
  }

  /// `saslContinue`: the client proves itself, and ends the exchange if it did not ask to skip that.
  func goOn(_ body: Document, database: String, session: inout AccessSession) async throws -> Document {
    guard var conversation = session.conversation else {
      throw CommandError(.protocolError, "No SASL session state found")
    }
    guard body["conversationId"]?.wholeNumber == Int(AccessSession.conversationID) else {
      throw CommandError(.protocolError, "sasl: Mismatched conversation id")
    }
    let claimed = conversation.claimed
    guard ContinuousClock.now < conversation.deadline else {
      throw fail(claimed, in: database, "the login took longer than \(AccessSession.loginTime)", &session)
    }
    let step: (message: [UInt8], isDone: Bool)
    do {
      let payload = try payload(of: body)
      step = try conversation.exchange.onMessage(payload)
    } catch let error as ScramSyntaxError {
      throw fail(claimed, in: database, error.description, &session)
    } catch ScramExchange.Refusal.malformed(let reason) {
      throw fail(claimed, in: database, reason, &session)
    } catch ScramExchange.Refusal.wrongProof {
      throw fail(
        claimed, in: database, conversation.login == nil ? "there is no such user" : "wrong password", &session)
    }
    // A user who was removed meanwhile has proven nothing.
    guard let login = conversation.login, try await directory.current().user(of: login) != nil else {
      throw fail(claimed, in: database, "there is no such user", &session)
    }
    session.conversation = step.isDone ? nil : conversation
    if step.isDone {
      session.login = login
      log.succeeded(login.name, peer: session.peer)
    }
    return Self.step(step.message, isDone: step.isDone)
  }

  /// Adds to a hello's reply which mechanisms there are, and the challenge of a login that came along with it.
  func greet(
    _ request: CommandRequest, _ outcome: CommandInterpreter.Outcome, session: inout AccessSession
  ) async -> CommandInterpreter.Outcome {
    guard outcome.failure == nil else { return outcome }
    var reply = DocumentBuilder()
    reply.append(contentsOf: outcome.reply)
    // The same for everybody: MongoDB leaves it out for users that don't exist, and so tells who does.
    if case .string? = request.body["saslSupportedMechs"] {
      reply.append("saslSupportedMechs", [.string(Self.mechanism)])
    }
    // What can't be begun here is left out; the client begins anew by itself, and then gets to know why.
    if case .document(let login)? = request.body["speculativeAuthenticate"], case .string(let database)? = login["db"],
      (try? Namespace.check(database: database)) != nil, login["saslStart"] != nil,
      let started = try? await start(login, database: database, session: &session)
    {
      reply.append("speculativeAuthenticate", .document(started))
    }
    return CommandInterpreter.Outcome(reply: reply.finish(), failure: nil, next: outcome.next)
  }

  private func payload(of body: Document) throws(ScramSyntaxError) -> [UInt8] {
    guard case .binary(_, let payload)? = body["payload"] else {
      throw ScramSyntaxError(description: "the payload is missing or not binary")
    }
    return payload
  }

  /// Notes a failed login; the client learns nothing but that it failed.
  private func fail(
    _ user: String, in database: String, _ reason: String, _ session: inout AccessSession
  ) -> CommandError {
    session.noteFailure()
    log.failed(user: user, database: database, reason: reason, peer: session.peer)
    return .authenticationFailed
  }

  private static func step(_ payload: [UInt8], isDone: Bool) -> Document {
    [
      "conversationId": .int32(AccessSession.conversationID), "done": .bool(isDone),
      "payload": .binary(subtype: 0, bytes: payload),
    ]
  }
}
