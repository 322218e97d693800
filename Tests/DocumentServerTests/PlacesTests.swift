// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Documents
import Testing

@testable import DocumentServer

@Suite("Places go first to those who log in", .timeLimit(.minutes(10)))
struct PlacesTests {
  /// Fills places as they come, each connection with the next number; answers who left or was refused.
  private struct House {
    var places: ConnectionPlaces
    var lastID: Int32 = 0
    var left: [Int32] = []
    var refused = 0

    init(_ limits: ServerLimits = ServerLimits()) { places = ConnectionPlaces(limits) }

    /// The number of the new connection, nil if it was refused.
    @discardableResult
    mutating func connect(from address: String, logsIn: Bool = false, knowsUsers: Bool = true) -> Int32? {
      lastID += 1
      switch places.onConnect(lastID, from: ClientAddress(address), knowsUsers: knowsUsers) {
      case .refused:
        refused += 1
        return nil
      case .admitted(let victim):
        if let victim { left.append(victim) }
        if logsIn { places.onLogin(lastID, true) }
        return lastID
      }
    }

    mutating func connect(_ count: Int, from address: String, logsIn: Bool = false) {
      for _ in 0..<count { connect(from: address, logsIn: logsIn) }
    }
  }

  @Test("lets logins in while strangers take all they can get, and keeps what other machines have")
  func strangers() {
    var house = House()
    let monitor: Int32 = 1
    house.connect(from: "10.0.0.1")
    for attacker in ["192.0.2.1", "192.0.2.2"] { house.connect(2_000, from: attacker) }
    #expect(house.places.count == 1_000 && house.refused == 0)
    house.left = []
    house.connect(500, from: "10.0.0.1", logsIn: true)
    for attacker in ["192.0.2.1", "192.0.2.2"] { house.connect(2_000, from: attacker) }
    #expect(house.refused > 0, "500 logged in are enough to refuse more strangers")
    #expect(house.places.count == 1_000 && house.places.strangers == 500)
    #expect(house.left.count >= 500 && !house.left.contains(monitor))
  }

  @Test("takes the place of the oldest of the address that has most")
  func oldest() {
    var limits = ServerLimits()
    (limits.maximumConnections, limits.placesForLogins, limits.unremarkableStrangers) = (6, 3, 1)
    var house = House(limits)
    house.connect(2, from: "10.0.0.1")
    house.connect(3, from: "192.0.2.1")
    house.connect(1, from: "192.0.2.1", logsIn: true)
    house.connect(1, from: "10.0.0.2")
    #expect(house.left == [3])
    house.places.onClose(4)
    house.connect(2, from: "10.0.0.3")
    #expect(house.left == [3, 1])
  }

  @Test("spares no address that has a few when each of many has few: the oldest of all goes")
  func many() {
    var house = House()
    for number in 0..<1_500 { house.connect(from: "192.0.\(number / 250).\(number % 250)") }
    #expect(house.left == Array(1...500))
    #expect(house.refused == 0)
  }

  @Test("refuses a pool that is too large rather than end monitors, also its own, but makes a crowd give way")
  func pool() {
    var house = House()
    house.connect(20, from: "10.0.0.1")
    house.connect(980, from: "10.0.0.1", logsIn: true)
    house.connect(from: "10.0.0.1")
    #expect(house.refused == 1 && house.left.isEmpty)
    let other = house.connect(from: "10.0.0.2")
    #expect(other != nil && house.left == [1])
  }

  @Test("ends nobody while places are free, however many come from one address")
  func proxy() {
    var house = House()
    house.connect(999, from: "192.0.2.1")
    #expect(house.left.isEmpty && house.refused == 0)
  }

  @Test("counts the addresses of one IPv6 network together, and one of IPv4 as itself however it is written")
  func addresses() {
    #expect(ClientAddress("2001:db8::1") == ClientAddress("2001:db8:0:0:ffff::2"))
    #expect(ClientAddress("2001:db8::1") != ClientAddress("2001:db8:0:1::1"))
    #expect(ClientAddress("::ffff:192.0.2.1") == ClientAddress("192.0.2.1"))
    #expect(ClientAddress("192.0.2.1") != ClientAddress("192.0.2.2"))
    #expect(ClientAddress(nil) == ClientAddress(nil))
  }

  @Test("ends nobody while there are no users; a logout makes a stranger")
  func noUsers() {
    var limits = ServerLimits()
    (limits.maximumConnections, limits.placesForLogins) = (2, 1)
    var house = House(limits)
    house.connect(from: "127.0.0.1", knowsUsers: false)
    house.connect(from: "127.0.0.1", knowsUsers: false)
    house.connect(from: "127.0.0.1", knowsUsers: false)
    #expect(house.refused == 1 && house.left.isEmpty)
    house.places.onLogin(1, true)
    house.places.onLogin(2, true)
    house.connect(from: "127.0.0.2")
    #expect(house.refused == 2)
    house.places.onLogin(2, false)
    house.places.onLogin(1, false)
    #expect(house.places.strangers == 2)
    house.connect(from: "127.0.0.2")
    #expect(house.refused == 2 && house.left == [1])
    house.places.onClose(1)
    #expect(house.places.count == 2 && house.places.strangers == 2)
  }
}

@Suite("Connections that never log in shut nobody out", .timeLimit(.minutes(10)))
struct ShutOutTests {
  private static let hello: Document = ["hello": 1, "$db": "admin"]

  /// Ten places, of which half are for those who log in.
  private static var limits: ServerLimits {
    var limits = ServerTests.patient
    (limits.maximumConnections, limits.placesForLogins) = (10, 5)
    limits.unremarkableStrangers = 1
    return limits
  }

  private static func guarded() async throws -> InMemoryEngine {
    let engine = InMemoryEngine()
    let user = DriverUser(name: try DriverUserName("shop.alice"), role: .readWrite)
    _ = try await UserOrders.perform(
      .create(user, ScramClient.credential("pencil")), request: .random(), on: engine)
    return engine
  }

  /// Holds connections from loopback addresses, each answered one hello, until `body` ends.
  private static func holding(
    _ sources: ArraySlice<String>, _ port: Int, _ body: @Sendable @escaping () async throws -> Void
  ) async throws {
    guard let source = sources.first else { return try await body() }
    try await AddressTests.with(port, from: source) { (client: inout Client) async throws -> Void in
      #expect(try await client.ask(hello)["ok"] == 1.0)
      try await holding(sources.dropFirst(), port, body)
    }
  }

  @Test("a login gets in, and stays, while idle connections that said hello want all places")
  func login() async throws {
    try await ServerTests.serving(try await Self.guarded(), limits: Self.limits) { server, port in
      await server.refreshUsers()
      let crowd = Array(repeating: "127.0.0.9", count: 30)[...]
      try await Self.holding(crowd, port) {
        #expect(server.load.connections == 10 && server.load.strangers == 10)
        try await Client.with(port) { (client: inout Client) async throws -> Void in
          try await client.logIn("alice", "pencil")
          #expect(server.load.strangers == 9)
          try await Self.holding(crowd, port) {
            #expect(server.load.connections == 10 && server.load.strangers == 9)
          }
          #expect(try await client.ask(["find": "c", "$db": "shop"])["ok"] == 1.0)
        }
        #expect(server.measures.refusals(.tooMany) == 0)
      }
      #expect(server.measures.refusals(.notLoggedIn) == 20 + 1 + 30)
    }
  }

  @Test("a monitor that lost its place gets another at once")
  func monitor() async throws {
    try await ServerTests.serving(try await Self.guarded(), limits: Self.limits) { server, port in
      await server.refreshUsers()
      try await Client.with(port) { (monitor: inout Client) async throws -> Void in
        let first = try await monitor.ask(Self.hello)
        // Now it waits for news of the node, as monitors do.
        try await monitor.send(
          Wire.message(
            [
              "hello": 1, "topologyVersion": first["topologyVersion"] ?? .null, "maxAwaitTimeMS": 60_000,
              "$db": "admin",
            ], flags: 1 << 16))
        // One for each address: nobody stands out, so the oldest of all goes.
        try await Self.holding((1...10).map { "127.0.0.\(100 + $0)" }[...], port) {}
        #expect(try await monitor.receive() == nil)
        try await Self.holding((1...10).map { "127.0.0.\(100 + $0)" }[...], port) {
          try await Client.with(port) { (again: inout Client) async throws -> Void in
            #expect(try await again.ask(Self.hello)["ok"] == 1.0)
          }
        }
      }
    }
  }

  @Test("nobody is ended for others while there is no user")
  func noUsers() async throws {
    try await ServerTests.serving(limits: Self.limits) { server, port in
      try await Self.holding(Array(repeating: "127.0.0.9", count: 10)[...], port) {
        try await Client.with(port) { (client: inout Client) async throws -> Void in
          #expect(try await client.receive() == nil)
        }
        #expect(server.measures.refusals(.tooMany) == 1 && server.measures.refusals(.notLoggedIn) == 0)
      }
    }
  }
}

extension Client {
  /// Logs in as drivers do.
  mutating func logIn(_ user: String, _ password: String, in database: String = "shop") async throws {
    let scram = ScramClient(user: user, password: password)
    let challenge = try await ask([
      "saslStart": 1, "mechanism": "SCRAM-SHA-256", "payload": .binary(subtype: 0, bytes: scram.first),
      "options": ["skipEmptyExchange": true], "$db": .string(database),
    ])
    let proof = try scram.final(answering: challenge.payload).message
    let reply = try await ask([
      "saslContinue": 1, "conversationId": 1, "payload": .binary(subtype: 0, bytes: proof), "$db": .string(database),
    ])
    #expect(reply["done"] == true)
  }
}
