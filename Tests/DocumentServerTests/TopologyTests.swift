// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Testing

@testable import DocumentServer

@Suite("Drivers hear of a change at once", .timeLimit(.minutes(10)))
struct TopologyTests {
  private static func awaiting(_ reply: Document, milliseconds: Int = 60_000) -> Document {
    [
      "hello": 1, "topologyVersion": reply["topologyVersion"] ?? .null, "maxAwaitTimeMS": .integer(milliseconds),
      "$db": "admin",
    ]
  }

  private static func counter(_ reply: Document) -> Int { reply.inner("topologyVersion").number("counter") }

  @Test("answers an awaited hello when the part changes, and counts the change")
  func change() async throws {
    let session = Session()
    let first = try await session.accept(["hello": 1])
    async let next = session.accept(Self.awaiting(first))
    while session.interpreter.topology.waiting == 0 { await Task.yield() }
    session.engine.change { ($0.isWritablePrimary, $0.isSecondary, $0.primary) = (false, true, nil) }
    let reply = try await next
    #expect(reply["isWritablePrimary"] == false)
    #expect(reply["secondary"] == true)
    #expect(Self.counter(reply) == Self.counter(first) + 1)
    #expect(session.interpreter.topology.waiting == 0)
  }

  @Test("answers at once if the driver's news is old or another process's, and after the time if nothing changed")
  func noWait() async throws {
    let session = Session()
    let first = try await session.accept(["hello": 1])
    session.engine.become(.unavailable(reason: "closed"))
    let second = try await session.accept(Self.awaiting(first))
    #expect(Self.counter(second) == Self.counter(first) + 1)
    #expect(second["secondary"] == false)
    let other = try await Session().accept(["hello": 1])
    #expect(Self.counter(try await session.accept(Self.awaiting(other))) == Self.counter(second))
    let same = try await session.accept(Self.awaiting(second, milliseconds: 5))
    #expect(Self.counter(same) == Self.counter(second))
  }

  @Test(
    "waits a minute at most, whatever it is asked",
    arguments: [
      (-1, .zero), (0, .zero), (5, .milliseconds(5)), (60_000, .seconds(60)), (Int(Int32.max), .seconds(60)),
      (.max, .seconds(60)),
    ] as [(Int, Duration)])
  func bounded(_ milliseconds: Int, _ wait: Duration) {
    #expect(CommandInterpreter.awaitTime(milliseconds: milliseconds) == wait)
  }

  @Test("rests between the replies of a stream without news", arguments: [(0, 500), (1, 500), (10_000, 10_000)])
  func rests(_ asked: Int, _ wait: Int) async throws {
    let reply = try await Session().accept(["hello": 1])
    let request = try CommandRequest(body: Self.awaiting(reply, milliseconds: asked))
    #expect(request.following(reply)?.body.number("maxAwaitTimeMS") == wait)
  }

  @Test("wakes when its driver goes, also if that was before")
  func gone() async throws {
    let topology = Session().interpreter.topology
    for isLate in [false, true] {
      let life = ConnectionLife()
      if isLate { life.end() }
      async let wait: Void = topology.wait(after: topology.look().version, limit: .seconds(600), life: life)
      if !isLate {
        while topology.waiting == 0 { await Task.yield() }
        life.end()
      }
      try await wait
      #expect(topology.waiting == 0)
    }
  }

  @Test("does not count the time of the newest write as a change")
  func lastWrite() async throws {
    let session = Session()
    let first = try await session.accept(["hello": 1])
    session.engine.change { $0.lastWriteMilliseconds = 5_000 }
    let second = try await session.accept(["hello": 1])
    #expect(Self.counter(first) == Self.counter(second))
    #expect(second.inner("lastWrite")["lastWriteDate"] == .date(5_000))
  }

  @Test("refuses half of what an awaited hello needs, and a version from the future")
  func refused() async throws {
    let session = Session()
    let first = try await session.accept(["hello": 1])
    let version = first["topologyVersion"] ?? .null
    #expect(try await session.code(["hello": 1, "maxAwaitTimeMS": 5]) == 31368)
    #expect(try await session.code(["hello": 1, "topologyVersion": version]) == 31368)
    #expect(try await session.code(["hello": 1, "topologyVersion": [:], "maxAwaitTimeMS": 5]) == 2)
    let id = first.inner("topologyVersion")["processId"] ?? .null
    let future: Document = ["processId": id, "counter": .int64(1_000)]
    #expect(
      try await session.code(["hello": 1, "topologyVersion": .document(future), "maxAwaitTimeMS": 5]) == 31382)
  }

  @Test("says what version an error about the node's part belongs to")
  func errors() async throws {
    let session = Session()
    let before = try await session.accept(["hello": 1])
    session.engine.change { ($0.isWritablePrimary, $0.isSecondary) = (false, true) }
    let refusal = try await session.run(["insert": "c", "documents": [[:]]])
    #expect(refusal.number("code") == 10107)
    #expect(Self.counter(refusal) == Self.counter(before) + 1)
    #expect(try await session.run(["find": "c", "filter": 1])["topologyVersion"] == nil)
  }

  @Test("streams one reply for each change to a driver that allows it, and ends the stream when it stops")
  func stream() async throws {
    let engine = InMemoryEngine()
    try await ServerTests.serving(engine) { server, port in
      try await Client.with(port) { (client: inout Client) async throws -> Void in
        let first = try await client.ask(["hello": 1, "$db": "admin"])
        try await client.send(Wire.message(Self.awaiting(first), flags: 1 << 16))
        engine.change { ($0.isWritablePrimary, $0.isSecondary) = (false, true) }
        let second = try await client.streamed()
        #expect(second.reply["secondary"] == true)
        #expect(second.moreToCome)
        #expect(second.answered == 7)
        engine.change { $0.electionID = 9 }
        let third = try await client.streamed()
        #expect(Self.counter(third.reply) == Self.counter(second.reply) + 1)
        #expect(third.answered == second.number)
        server.shutdown()
        #expect(try await client.streamed().moreToCome == false)
        #expect(try await client.receive() == nil)
      }
    }
  }

  @Test("gives one reply to a driver that does not allow a stream")
  func single() async throws {
    let engine = InMemoryEngine()
    try await ServerTests.serving(engine) { _, port in
      try await Client.with(port) { (client: inout Client) async throws -> Void in
        let first = try await client.ask(["hello": 1, "$db": "admin"])
        try await client.send(Wire.message(Self.awaiting(first, milliseconds: 1)))
        #expect(try await client.streamed().moreToCome == false)
        #expect(try await client.ask(WireTests.ping) == ["ok": 1.0])
      }
    }
  }

  @Test("says that it shuts down while it stops")
  func stopping() async throws {
    let session = Session()
    session.interpreter.topology.close()
    session.engine.become(.unavailable(reason: "the node is stopping"))
    #expect(try await session.code(["find": "c"]) == 91)
  }
}
