// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Documents
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import DocumentServer

/// What a server lets a test wait for.
private func until(_ what: String, _ condition: () -> Bool) async throws {
  let deadline = ContinuousClock.now + .seconds(300)
  while !condition() {
    guard ContinuousClock.now < deadline else { throw TestTimeout(what: what) }
    // tidy:allow sleep counters are read, not told
    try await Task.sleep(for: .milliseconds(2))
  }
}

private struct TestTimeout: Error { let what: String }

/// A connection that sends and, unless it reads by hand, takes nothing.
private func connect(_ port: Int, reads: Bool = false) async throws -> any Channel {
  try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
    .channelOption(.autoRead, value: reads)
    .channelOption(.socketOption(.so_rcvbuf), value: 64 << 10)
    .connect(host: "127.0.0.1", port: port).get()
}

@Suite("Slow and many drivers take no more memory than is set aside", .timeLimit(.minutes(10)))
struct BackPressureTests {
  private static let length = 8 << 20

  /// The first part of a message that says it has `length` bytes.
  private static func half(_ length: Int = length) -> [UInt8] {
    Wire.int32(length) + [UInt8](repeating: 0, count: 40_000)
  }

  @Test("hundreds of half-sent messages wait in their sockets once the memory is set aside; small ones are answered")
  func halfSent() async throws {
    var changed = ServerLimits()
    changed.requestMemory = 4 * 2 * Self.length
    // Nobody is put out for taking his time: this is about room.
    (changed.messageTime, changed.firstMessageTime) = (.seconds(600), .seconds(600))
    let limits = changed
    try await ServerTests.serving(limits: limits) { server, port in
      var channels: [any Channel] = []
      for _ in 0..<200 {
        let channel = try await connect(port)
        channels.append(channel)
        try await channel.writeAndFlush(ByteBuffer(bytes: Self.half()))
      }
      // A connection asks for room on its event loop and is counted by its task, which may run later.
      try await until("four have their room, the rest waits") {
        server.load.waitingForMemory == 196 && server.load.connections == 200
      }
      #expect(server.load.requestBytes == limits.requestMemory)
      try await Client.with(port) { (client: inout Client) async throws -> Void in
        #expect(try await client.ask(WireTests.ping)["ok"] == 1.0)
      }
      // Those that go give their places and their room back.
      for channel in channels { try await channel.close() }
      try await until("everything is given back") { server.load.requestBytes == 0 && server.load.connections == 0 }
      #expect(server.load.waitingForMemory == 0)
    }
  }

  @Test("a message that waited for its room is read and answered when there is some")
  func waits() async throws {
    var changed = ServerLimits()
    changed.requestMemory = 2 * Self.length
    let limits = changed
    try await ServerTests.serving(limits: limits) { server, port in
      let first = try await connect(port)
      try await first.writeAndFlush(ByteBuffer(bytes: Self.half()))
      try await until("the first has its room") { server.load.requestBytes == 2 * Self.length }
      let document: Document = ["_id": 1, "a": .binary(subtype: 0, bytes: [UInt8](repeating: 7, count: 1 << 20))]
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          try await Client.with(port) { (client: inout Client) async throws -> Void in
            let reply = try await client.ask(["insert": "c", "documents": [.document(document)], "$db": "d"])
            #expect(reply.number("n") == 1)
          }
        }
        try await until("the second waits") { server.load.waitingForMemory == 1 }
        try await first.close()
        try await group.waitForAll()
      }
      try await until("everything is given back") { server.load.requestBytes == 0 }
    }
  }

  @Test("a message that is not finished in time costs its connection, not everybody's memory")
  func slowMessage() async throws {
    var changed = ServerLimits()
    changed.messageTime = .milliseconds(200)
    let limits = changed
    let measures = ServerMeasures()
    try await ServerTests.serving(limits: limits, measures: measures) { server, port in
      let channel = try await connect(port, reads: true)
      // Its end may be cut off already.
      try? await channel.writeAndFlush(ByteBuffer(bytes: Self.half()))
      try await channel.closeFuture.get()
      try await until("the memory is given back") { server.load.requestBytes == 0 && server.load.connections == 0 }
      #expect(measures.refusals(.tooSlow) == 1)
    }
  }

  @Test("clients that never read hold only what is set aside, and lose their connections in time")
  func neverReads() async throws {
    var changed = ServerLimits()
    changed.replyMemory = 40 << 20
    changed.replyTime = .milliseconds(500)
    let limits = changed
    let measures = ServerMeasures()
    try await ServerTests.serving(limits: limits, measures: measures) { server, port in
      let document: Document = ["_id": 1, "a": .binary(subtype: 0, bytes: [UInt8](repeating: 7, count: 16_000_000))]
      try await Client.with(port) { (client: inout Client) async throws -> Void in
        #expect(try await client.ask(["insert": "c", "documents": [.document(document)], "$db": "d"]).number("n") == 1)
      }
      let highest = Mutex(0)
      let questions = (0..<4).flatMap { _ in Wire.message(["find": "c", "$db": "d"]) }
      for _ in 0..<20 {
        let channel = try await connect(port)
        try await channel.writeAndFlush(ByteBuffer(bytes: questions))
        highest.withLock { $0 = max($0, server.load.replyBytes) }
      }
      try await until("all of them were too slow") {
        highest.withLock { $0 = max($0, server.load.replyBytes) }
        return measures.refusals(.tooSlow) == 20
      }
      #expect(highest.withLock { $0 } <= limits.replyMemory)
      #expect(highest.withLock { $0 } > 16 << 20, "the test has seen replies that nobody took")
      try await until("the memory is given back") { server.load.replyBytes == 0 && server.load.connections == 0 }
    }
  }

  @Test("a scan ends when its driver has gone")
  func abandoned() async throws {
    let engine = EndlessEngine()
    try await ServerTests.serving(engine) { server, port in
      for command in [
        ["find": "c", "filter": ["x": 2]], ["find": "c", "sort": ["a": 1], "filter": ["x": 2]],
        ["count": "c", "query": ["x": 2]], ["count": "c"],
      ] as [Document] {
        let channel = try await connect(port)
        try await channel.writeAndFlush(ByteBuffer(bytes: Wire.message(command.adding("$db", "d"))))
        try await until("the scan runs") { engine.running == 1 }
        try await channel.close()
        try await until("the scan has ended") { engine.running == 0 }
        try await until("the connection has ended") { server.load.connections == 0 }
      }
    }
  }
}

extension BackPressureTests {
  @Test("a count of everything keeps to its time")
  func countInTime() async throws {
    try await ServerTests.serving(EndlessEngine()) { _, port in
      try await Client.with(port) { (client: inout Client) async throws -> Void in
        #expect(try await client.ask(["count": "c", "maxTimeMS": 1, "$db": "d"]).number("code") == 50)
      }
    }
  }

  @Test("a driver that goes while its hello waits gives its place back at once")
  func abandonedHello() async throws {
    try await ServerTests.serving { server, port in
      let version = try await Client.with(port) { (client: inout Client) async throws -> BSONValue in
        try await client.ask(["hello": 1, "$db": "admin"])["topologyVersion"] ?? .null
      }
      let hello: Document = [
        "hello": 1, "topologyVersion": version, "maxAwaitTimeMS": .int32(.max), "$db": "admin",
      ]
      let channel = try await connect(port)
      try await channel.writeAndFlush(ByteBuffer(bytes: Wire.message(hello, flags: 1 << 16)))
      try await until("the hello waits") { server.gate.interpreter.topology.waiting == 1 }
      try await channel.close()
      try await until("the connection has ended") { server.load.connections == 0 }
      #expect(server.gate.interpreter.topology.waiting == 0)
    }
  }

  @Test("the kernel watches the machines of drivers")
  func keepAlive() async throws {
    try await ServerTests.serving { server, port in
      let client = try await connect(port)
      try await until("it is let in") { server.load.connections == 1 }
      let channel = try #require(server.connections.channels.first)
      #expect(try await channel.getOption(.socketOption(.so_keepalive)).get() != 0)
      #expect(try await channel.getOption(.tcpOption(.keepAliveIdle)).get() == 60)
      #expect(try await channel.getOption(.tcpOption(.keepAliveInterval)).get() == 15)
      #expect(try await channel.getOption(.tcpOption(.keepAliveProbes)).get() == 4)
      #expect(try await channel.getOption(.tcpOption(.unacknowledgedTime)).get() == 120_000)
      try await client.close()
    }
  }

  @Test("before the login a connection sends no more than a login takes")
  func strangers() async throws {
    let engine = InMemoryEngine()
    let name = try DriverUserName("d.alice")
    let order = UserOrder.create(DriverUser(name: name, role: .readWrite), try ScramClient.credential("pencil"))
    _ = try await UserOrders.perform(order, request: .random(), on: engine)
    let large: Document = [
      "insert": "c", "documents": [["a": .binary(subtype: 0, bytes: [UInt8](repeating: 7, count: 100_000))]],
      "$db": "d",
    ]
    let measures = ServerMeasures()
    try await ServerTests.serving(engine, measures: measures) { _, port in
      try await Client.with(port) { (client: inout Client) async throws -> Void in
        #expect(try await client.ask(WireTests.ping)["ok"] == 1.0)
        try? await client.send(Wire.message(large))
        #expect(try await client.receive() == nil)
      }
      // The connection closes before its end is counted.
      try await until("the refusal is counted") { measures.refusals(.notUnderstood) == 1 }
      try await Client.with(port) { (client: inout Client) async throws -> Void in
        let scram = ScramClient(user: "alice", password: "pencil")
        let challenge = try await client.ask([
          "saslStart": 1, "mechanism": "SCRAM-SHA-256", "payload": .binary(subtype: 0, bytes: scram.first),
          "options": ["skipEmptyExchange": true], "$db": "d",
        ])
        let final = try scram.final(answering: challenge.payload)
        let end = try await client.ask([
          "saslContinue": 1, "conversationId": 1, "payload": .binary(subtype: 0, bytes: final.message), "$db": "d",
        ])
        #expect(end["done"] == true)
        #expect(try await client.ask(large).number("n") == 1)
      }
    }
  }

  @Test("as long as nobody knows whether there are users, there may be")
  func permit() async throws {
    let engine = InMemoryEngine()
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let directory = AccessDirectory(engine: engine, ownSecret: [1], logger: logger)
    let permit = MessagePermit(directory: directory)
    #expect(!permit.allowsLarge)
    _ = try await directory.current()
    #expect(permit.allowsLarge)
    let user = DriverUser(name: try DriverUserName("d.alice"), role: .read)
    _ = try await UserOrders.perform(
      .create(user, try ScramClient.credential("pencil")), request: .random(), on: engine)
    _ = try await directory.current()
    #expect(!permit.allowsLarge)
    permit.isLoggedIn = true
    #expect(permit.allowsLarge)
  }

  @Test("where others can connect nobody sends a large message before a login, also while there are no users")
  func permitElsewhere() async throws {
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let directory = AccessDirectory(engine: InMemoryEngine(), ownSecret: [1], logger: logger)
    _ = try await directory.current()
    #expect(MessagePermit(directory: directory).allowsLarge)
    let permit = MessagePermit(directory: directory, needsLogin: true)
    #expect(!permit.allowsLarge)
    permit.isLoggedIn = true
    #expect(permit.allowsLarge)
  }

  @Test("a message's time runs only while its connection is read")
  func messageClock() {
    func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(seconds) }
    var clock = MessageClock()
    clock.start(at(10))
    #expect(clock.spent(at(15)) == .seconds(5))
    clock.pause(at(15))
    clock.pause(at(20))
    #expect(clock.spent(at(100)) == .seconds(5))
    clock.resume(at(110))
    clock.resume(at(111))
    #expect(clock.spent(at(112)) == .seconds(7) && clock.age(at(112)) == .seconds(102))
    // The next message begins while nothing is read.
    clock.pause(at(112))
    clock.start(at(120))
    #expect(clock.spent(at(130)) == .zero)
    clock.resume(at(130))
    #expect(clock.spent(at(131)) == .seconds(1))
  }
}

extension Document {
  fileprivate func adding(_ key: String, _ value: BSONValue) -> Document {
    var builder = DocumentBuilder()
    builder.append(contentsOf: self)
    builder.append(key, value)
    return builder.finish()
  }
}

/// An engine with one collection that has no end.
private final class EndlessEngine: DocumentEngine {
  private let inner = InMemoryEngine()
  private let scans = Mutex(0)

  var running: Int { scans.withLock { $0 } }

  func count(_ change: Int) { scans.withLock { $0 += change } }

  func replicaSetView() -> ReplicaSetView { inner.replicaSetView() }
  func state() -> EngineState { .serving }
  func onViewChange(_ body: @Sendable @escaping () -> Void) {}
  func systemVersion() -> UInt64 { 0 }

  func read<R: Sendable>(_ body: @Sendable @escaping (any ReadTransaction) throws -> R) async throws -> R {
    try body(EndlessCollection(engine: self))
  }

  func write<R: Sendable>(_ body: @Sendable @escaping (any WriteTransaction) throws -> R) async throws -> R {
    try await inner.write(body)
  }
}

private struct EndlessCollection: ReadTransaction {
  private static let row: Document = ["_id": 1, "x": 1]

  let engine: EndlessEngine

  func collection(_ namespace: Namespace) throws -> CollectionHandle? {
    guard namespace.collection == "c" else { return nil }
    return CollectionHandle(uuid: "00000000-0000-4000-8000-000000000001", namespace: namespace)
  }
  func document(_ collection: CollectionHandle, key: [UInt8]) throws -> [UInt8]? { nil }
  func scan(
    _ collection: CollectionHandle, after: [UInt8]?, _ body: (_ key: [UInt8], _ document: [UInt8]) throws -> Bool
  ) throws {
    engine.count(1)
    defer { engine.count(-1) }
    while try body([1], Self.row.bytes) {}
  }
  func forEachKey(_ collection: CollectionHandle, _ body: () throws -> Bool) throws {
    engine.count(1)
    defer { engine.count(-1) }
    while try body() {}
  }
  func databases() throws -> [DatabaseSummary] { [] }
  func collections(in database: String) throws -> [CollectionHandle] { [] }
}
