// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Documents
import Logging
import Sealing
import Synchronization
import Testing

@testable import DocumentServer

/// A server's gate and one connection before it.
final class GuardedSession {
  let engine: InMemoryEngine
  let gate: AccessGate
  var session = AccessSession(peer: "test")

  init(_ engine: InMemoryEngine = InMemoryEngine(), needsLogin: Bool = false) {
    self.engine = engine
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    gate = AccessGate(
      interpreter: CommandInterpreter(engine: engine),
      directory: AccessDirectory(engine: engine, ownSecret: [1], logger: logger), log: LoginLog(logger: logger),
      needsLogin: needsLogin, nonce: { "server" })
  }

  func run(_ command: Document, in database: String = "shop") async throws -> Document {
    let request = try CommandRequest(body: command, database: database)
    return await gate.outcome(of: request, connectionID: 1, session: &session).reply
  }

  func code(_ command: Document, in database: String = "shop") async throws -> Int {
    try await run(command, in: database).number("code")
  }

  /// Logs in as drivers do; answers the last reply.
  func logIn(_ user: String, _ password: String, in database: String = "shop", skipping: Bool = true) async throws
    -> Document
  {
    let client = ScramClient(user: user, password: password)
    let challenge = try await run(
      [
        "saslStart": 1, "mechanism": "SCRAM-SHA-256", "payload": .binary(subtype: 0, bytes: client.first),
        "options": ["skipEmptyExchange": .bool(skipping)],
      ], in: database)
    guard challenge["ok"] == 1.0 else { return challenge }
    return try await prove(client, challenge, in: database)
  }

  func prove(_ client: ScramClient, _ challenge: Document, in database: String) async throws -> Document {
    let final = try client.final(answering: challenge.payload)
    let reply = try await run(Self.next(final.message), in: database)
    if reply["ok"] == 1.0 {
      let text = String(decoding: reply.payload, as: UTF8.self)
      #expect(text == "v=\(Base64Text.of(final.signature))", "the server proves itself too")
      if reply["done"] == false { return try await run(Self.next([]), in: database) }
    }
    return reply
  }

  static func next(_ payload: [UInt8]) -> Document {
    ["saslContinue": 1, "conversationId": 1, "payload": .binary(subtype: 0, bytes: payload)]
  }

  func order(_ order: UserOrder) async throws {
    _ = try await UserOrders.perform(order, request: .random(), on: engine)
  }

  func add(_ name: String, _ role: DriverRole, _ password: String = "pencil") async throws {
    try await order(.create(DriverUser(name: DriverUserName(name), role: role), ScramClient.credential(password)))
  }
}

extension Document {
  var payload: [UInt8] { if case .binary(_, let bytes)? = self["payload"] { bytes } else { [] } }
}

@Suite("From the first user on, only who logs in may do anything", .timeLimit(.minutes(10)))
struct AccessTests {
  static let insert: Document = ["insert": "c", "documents": [["a": 1]]]

  @Test("lets everybody in before there is a user, and nobody after")
  func switchesOn() async throws {
    let guarded = GuardedSession()
    #expect(try await guarded.run(Self.insert)["ok"] == 1.0)
    try await guarded.add("shop.alice", .readWrite)
    let refusal = try await guarded.run(Self.insert)
    #expect(refusal.number("code") == 13 && refusal.text("errmsg") == "Command insert requires authentication")
    for open: Document in [["hello": 1], ["isMaster": 1], ["ping": 1], ["buildInfo": 1], ["connectionStatus": 1]] {
      #expect(try await guarded.run(open)["ok"] == 1.0)
    }
    for closed: Document in [
      ["find": "c"], ["listDatabases": 1], ["endSessions": []], ["noSuchCommand": 1], ["getMore": .int64(1)],
    ] {
      #expect(try await guarded.code(closed, in: "admin") == 13)
    }
  }

  @Test("does nothing without a login where others can connect, even if the data has no users")
  func noUsers() async throws {
    let guarded = GuardedSession(needsLogin: true)
    #expect(try await guarded.code(Self.insert) == 13)
    #expect(try await guarded.code(["find": "c"]) == 13)
    #expect(try await guarded.run(["hello": 1])["ok"] == 1.0)
    try await guarded.add("shop.alice", .readWrite)
    #expect(try await guarded.code(Self.insert) == 13)
    #expect(try await guarded.logIn("alice", "pencil")["done"] == true)
    #expect(try await guarded.run(Self.insert)["ok"] == 1.0)
  }

  @Test("says why, and lets nobody in, while the data that has the users is closed", arguments: [true, false])
  func closed(wasLoggedIn: Bool) async throws {
    let guarded = GuardedSession()
    try await guarded.add("shop.alice", .readWrite)
    if wasLoggedIn { _ = try await guarded.logIn("alice", "pencil") }
    guarded.engine.become(.unavailable(reason: "node-1 is disabled"))
    for refused in [
      try await guarded.run(Self.insert), try await guarded.run(["find": "c"]),
      try await guarded.logIn("alice", "pencil"), try await guarded.logIn("alice", "wrong"),
    ] {
      #expect(refused.number("code") == 13436)
      #expect(refused.text("errmsg") == "this node is neither primary nor secondary: node-1 is disabled")
    }
    guarded.engine.become(.serving)
    #expect(try await guarded.code(Self.insert) == (wasLoggedIn ? 0 : 13))
  }

  @Test("logs in with the right password, with and without the empty message", arguments: [true, false])
  func login(skipping: Bool) async throws {
    let guarded = GuardedSession()
    try await guarded.add("shop.al=ice", .readWrite)
    let end = try await guarded.logIn("al=3Dice", "pencil", skipping: skipping)
    #expect(end["ok"] == 1.0 && end["done"] == true)
    #expect(try await guarded.run(Self.insert)["ok"] == 1.0)
    let status = try await guarded.run(["connectionStatus": 1]).inner("authInfo")
    #expect(status.list("authenticatedUsers") == [["user": "al=ice", "db": "shop"]])
    #expect(try await guarded.run(["logout": 1])["ok"] == 1.0)
    #expect(try await guarded.code(Self.insert) == 13)
  }

  @Test("answers a wrong password, a wrong database and an unknown user alike, at every step")
  func failures() async throws {
    for (user, password, database) in [
      ("alice", "Pencil", "shop"), ("alice", "pencil", "admin"), ("eve", "pencil", "shop"),
    ] {
      let guarded = GuardedSession()
      try await guarded.add("shop.alice", .readWrite)
      let reply = try await guarded.logIn(user, password, in: database)
      #expect(reply == CommandError.authenticationFailed.reply)
      #expect(try await guarded.code(Self.insert) == 13)
    }
  }

  @Test("challenges an unknown user as a known one, always with the same salt")
  func decoys() async throws {
    let engine = InMemoryEngine()
    func challenge(_ user: String) async throws -> [Substring] {
      // A connection, and in a cluster a member, of its own each time.
      let guarded = GuardedSession(engine)
      let reply = try await guarded.run([
        "saslStart": 1, "mechanism": "SCRAM-SHA-256",
        "payload": .binary(subtype: 0, bytes: ScramClient(user: user, password: "").first),
      ])
      return String(decoding: reply.payload, as: UTF8.self).split(separator: ",")
    }
    try await GuardedSession(engine).add("shop.alice", .read)
    let (known, unknown) = (try await challenge("alice"), try await challenge("eve"))
    #expect(known[0] == unknown[0] && known[2] == unknown[2] && known[1].count == unknown[1].count)
    #expect(try await challenge("eve") == unknown)
    #expect(try await challenge("mallory")[1] != unknown[1])
  }

  @Test("begins a login inside a hello, and names the mechanism for everybody")
  func speculative() async throws {
    let guarded = GuardedSession()
    try await guarded.add("shop.alice", .read)
    let client = ScramClient(user: "alice", password: "pencil")
    let hello = try await guarded.run(
      [
        "hello": 1, "saslSupportedMechs": "shop.nobody",
        "speculativeAuthenticate": [
          "saslStart": 1, "mechanism": "SCRAM-SHA-256", "payload": .binary(subtype: 0, bytes: client.first),
          "db": "shop", "options": ["skipEmptyExchange": true],
        ],
      ], in: "admin")
    #expect(hello["saslSupportedMechs"] == ["SCRAM-SHA-256"])
    let end = try await guarded.prove(client, hello.inner("speculativeAuthenticate"), in: "shop")
    #expect(end["done"] == true)
    let other = try await guarded.run(
      ["hello": 1, "speculativeAuthenticate": ["saslStart": 1, "mechanism": "SCRAM-SHA-1", "db": "shop"]])
    #expect(other["ok"] == 1.0 && other["speculativeAuthenticate"] == nil)
  }

  @Test("takes away at once what an open connection may do when its user is removed, also if made anew")
  func removal() async throws {
    let guarded = GuardedSession()
    try await guarded.add("shop.alice", .readWrite)
    try await guarded.add("shop.bob", .read)
    _ = try await guarded.logIn("alice", "pencil")
    #expect(try await guarded.run(Self.insert)["ok"] == 1.0)
    try await guarded.order(.remove(DriverUserName("shop.alice")))
    #expect(try await guarded.code(Self.insert) == 13)
    try await guarded.add("shop.alice", .readWrite)
    #expect(try await guarded.code(Self.insert) == 13)
    #expect(try await guarded.logIn("alice", "pencil")["done"] == true)
  }

  @Test("keeps an open connection when the password changes, and takes only the new one from then on")
  func newPassword() async throws {
    let guarded = GuardedSession()
    try await guarded.add("shop.alice", .readWrite)
    _ = try await guarded.logIn("alice", "pencil")
    try await guarded.order(.setPassword(DriverUserName("shop.alice"), ScramClient.credential("pen")))
    #expect(try await guarded.run(Self.insert)["ok"] == 1.0)
    let other = GuardedSession(guarded.engine)
    #expect(try await other.logIn("alice", "pencil").number("code") == 18)
    #expect(try await other.logIn("alice", "pen")["done"] == true)
  }

  @Test("gives up on a connection after so many failures, and on a login without its beginning")
  func exhaustion() async throws {
    let guarded = GuardedSession()
    try await guarded.add("shop.alice", .read)
    #expect(try await guarded.code(GuardedSession.next([])) == 17)
    for attempt in 0..<AccessSession.maximumFailures {
      #expect(!guarded.session.isExhausted, "\(attempt)")
      _ = try await guarded.logIn("alice", "wrong")
    }
    #expect(guarded.session.isExhausted)
  }

  @Test("has one mechanism, and says so")
  func mechanisms() async throws {
    let guarded = GuardedSession()
    for mechanism: BSONValue in ["SCRAM-SHA-1", "PLAIN", "MONGODB-X509", 1] {
      let command: Document = ["saslStart": 1, "mechanism": mechanism, "payload": .binary(subtype: 0, bytes: [])]
      #expect(try await guarded.code(command) == 334)
    }
    #expect(try await guarded.code(["authenticate": 1, "mechanism": "MONGODB-X509"]) == 334)
  }
}
