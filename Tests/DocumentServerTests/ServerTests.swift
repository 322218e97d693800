// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Testing

@testable import DocumentServer

/// A connection that speaks in whole frames.
struct Client {
  let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
  private var pending = ByteBuffer()
  private var stream: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator

  init(_ inbound: NIOAsyncChannelInboundStream<ByteBuffer>, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>) {
    stream = inbound.makeAsyncIterator()
    self.outbound = outbound
  }

  static func with<R: Sendable>(
    _ port: Int, host: String = "127.0.0.1", tls: NIOSSLContext? = nil, _ body: (inout Client) async throws -> R
  ) async throws -> R {
    let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .connect(host: host, port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          if let tls {
            try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: tls, serverHostname: nil))
          }
          return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
        }
      }
    return try await channel.executeThenClose { inbound, outbound in
      var client = Client(inbound, outbound)
      return try await body(&client)
    }
  }

  func send(_ bytes: [UInt8]) async throws { try await outbound.write(ByteBuffer(bytes: bytes)) }

  /// The next frame, nil when the server closed the connection.
  mutating func receive() async throws -> [UInt8]? {
    while true {
      if let length = pending.getInteger(at: pending.readerIndex, endianness: .little, as: UInt32.self),
        let bytes = pending.readBytes(length: Int(length))
      {
        return bytes
      }
      guard var more = try? await stream.next(isolation: #isolation) else { return nil }
      pending.writeBuffer(&more)
    }
  }

  /// The document of an OP_MSG reply.
  mutating func document() async throws -> Document {
    let bytes = try #require(try await receive())
    #expect(Array(bytes[12..<16]) == Wire.int32(2013))
    #expect(Array(bytes[8..<12]) == Wire.int32(7), "the reply names its request")
    return try Document(Array(bytes[21...]), limits: WireConstants.envelopeLimits)
  }

  /// A reply with what its header says.
  mutating func streamed() async throws -> (reply: Document, moreToCome: Bool, number: UInt32, answered: UInt32) {
    let bytes = try #require(try await receive())
    let reply = try Document(Array(bytes[21...]), limits: WireConstants.envelopeLimits)
    return (
      reply, WireReader.uint32(bytes, at: 16) & 2 != 0, WireReader.uint32(bytes, at: 4), WireReader.uint32(bytes, at: 8)
    )
  }

  mutating func ask(_ command: Document) async throws -> Document {
    try await send(Wire.message(command))
    return try await document()
  }
}

@Suite("The server speaks the wire protocol over a socket", .timeLimit(.minutes(10)))
struct ServerTests {
  /// The usual limits, but for a client that a busy machine keeps from its first message.
  static var patient: ServerLimits {
    var limits = ServerLimits()
    limits.firstMessageTime = .seconds(600)
    return limits
  }

  /// Runs a server for the length of `body`.
  static func serving(
    _ engine: any DocumentEngine = InMemoryEngine(), limits: ServerLimits = patient, tls: DriverTLS? = nil,
    measures: ServerMeasures = ServerMeasures(),
    _ body: @Sendable @escaping (DocumentServer, Int) async throws -> Void
  ) async throws {
    let server = DocumentServer(
      engine: engine, port: 0, tls: tls, limits: limits, measures: measures,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.run { continuation.yield($0) } }
      var iterator = ports.makeAsyncIterator()
      let port = try #require(await iterator.next())
      do {
        try await body(server, port)
      } catch {
        group.cancelAll()
        throw error
      }
      server.shutdown()
      try await group.waitForAll()
    }
  }

  @Test("inserts, finds and answers what came in one after the other")
  func roundTrip() async throws {
    try await ServerTests.serving { _, port in
      try await Client.with(port) { (client: inout Client) async throws -> Void in
        let documents = (0..<250).map { Document([("_id", .int32($0)), ("text", "caf\u{E9}")]) }
        try await client.send(
          Wire.message(["insert": "c", "$db": "d"], sequences: Wire.sequence("documents", documents)))
        #expect(try await client.document().number("n") == 250)
        let first = try await client.ask(["find": "c", "$db": "d"])
        #expect(first.batch("firstBatch") == Array(documents.prefix(101)))
        let id = first.inner("cursor")["id"] ?? .null
        let rest = try await client.ask(["getMore": id, "collection": "c", "$db": "d"])
        #expect(rest.batch("nextBatch") == Array(documents.dropFirst(101)))
        try await client.send(Wire.message(WireTests.ping) + Wire.message(["hello": 1, "$db": "admin"]))
        #expect(try await client.document() == ["ok": 1.0])
        #expect(try await client.document()["setName"] == "rs")
      }
    }
  }

  @Test("answers the OP_QUERY handshake with an OP_REPLY")
  func handshake() async throws {
    try await ServerTests.serving { _, port in
      try await Client.with(port) { (client: inout Client) async throws -> Void in
        try await client.send(Wire.query(["isMaster": 1, "helloOk": true]))
        let bytes = try #require(try await client.receive())
        #expect(Array(bytes[12..<16]) == Wire.int32(1))
        #expect(Array(bytes[32..<36]) == Wire.int32(1))
        #expect(try Document(Array(bytes[36...]))["ismaster"] == true)
      }
    }
  }

  @Test("does not answer unacknowledged writes, but carries them out")
  func unacknowledged() async throws {
    try await ServerTests.serving { _, port in
      try await Client.with(port) { (client: inout Client) async throws -> Void in
        try await client.send(Wire.message(["insert": "c", "documents": [["_id": 1]], "$db": "d"], flags: 2))
        #expect(try await client.ask(["count": "c", "$db": "d"]).number("n") == 1)
      }
    }
  }

  @Test("takes and gives large documents")
  func large() async throws {
    try await ServerTests.serving { _, port in
      try await Client.with(port) { (client: inout Client) async throws -> Void in
        let document: Document = ["_id": 1, "a": .binary(subtype: 0, bytes: [UInt8](repeating: 7, count: 16_000_000))]
        #expect(try await client.ask(["insert": "c", "documents": [.document(document)], "$db": "d"]).number("n") == 1)
        #expect(try await client.ask(["find": "c", "$db": "d"]).batch("firstBatch") == [document])
      }
    }
  }

  @Test(
    "closes a connection that sends hostile bytes, and serves others",
    arguments: [
      Array("GET / HTTP/1.1\r\n\r\n".utf8), Wire.int32(48_000_001) + [0], Wire.int32(15), Wire.int32(-1),
      Wire.frame(opcode: 2012, []), Wire.frame([1, 2, 3]),
    ] as [[UInt8]])
  func hostile(_ bytes: [UInt8]) async throws {
    try await ServerTests.serving { _, port in
      try await Client.with(port) { (client: inout Client) async throws -> Void in
        try await client.send(bytes)
        #expect(try await client.receive() == nil)
      }
      try await Client.with(port) { (client: inout Client) async throws -> Void in
        #expect(try await client.ask(WireTests.ping)["ok"] == 1.0)
      }
    }
  }

  @Test("closes one connection more than allowed")
  func tooMany() async throws {
    var limits = ServerLimits()
    limits.maximumConnections = 1
    try await ServerTests.serving(limits: limits) { _, port in
      try await Client.with(port) { (first: inout Client) async throws -> Void in
        #expect(try await first.ask(WireTests.ping)["ok"] == 1.0)
        try await Client.with(port) { (second: inout Client) async throws -> Void in
          #expect(try await second.receive() == nil)
        }
        #expect(try await first.ask(WireTests.ping)["ok"] == 1.0)
      }
    }
  }

  @Test("closes idle connections and returns when it is shut down")
  func shutdown() async throws {
    try await ServerTests.serving { server, port in
      try await Client.with(port) { (client: inout Client) async throws -> Void in
        #expect(try await client.ask(WireTests.ping)["ok"] == 1.0)
        server.shutdown()
        #expect(try await client.receive() == nil)
      }
    }
  }

  @Test("refuses what is no address", arguments: ["somewhere", "", "127.0.0.1:1"])
  func noAddress(host: String) async {
    let server = DocumentServer(engine: InMemoryEngine(), host: host, port: 0, logger: Logger(label: "test"))
    await #expect(throws: ServerError.self) { try await server.run { _ in } }
  }

  @Test("runs once")
  func once() async throws {
    try await ServerTests.serving { server, _ in
      await #expect { try await server.run { _ in } } throws: { ($0 as? ServerError)?.code == .alreadyStarted }
    }
  }
}
