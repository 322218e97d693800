// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Testing

@testable import DocumentServer

@Suite("Cursors go on where they were")
struct CursorTests {
  static func filled(_ count: Int, cursors: CursorStore = CursorStore()) async throws -> Session {
    let session = Session(cursors: cursors)
    let documents = (0..<count).map { BSONValue.document(["_id": .integer($0), "r": .integer(count - $0)]) }
    _ = try await session.accept(["insert": "c", "documents": .array(of: documents)])
    return session
  }

  static func all(_ session: Session, _ command: Document, batchSize: Int = 7) async throws -> [Int] {
    var reply = try await session.accept(command)
    var found = reply.batch("firstBatch")
    while case .int64(let id)? = reply.inner("cursor")["id"], id != 0 {
      reply = try await session.accept(["getMore": .int64(id), "collection": "c", "batchSize": .integer(batchSize)])
      found += reply.batch("nextBatch")
    }
    return found.map { $0.number("_id") }
  }

  @Test("returns everything once, in order", arguments: [0, 1, 50, 101, 300])
  func everything(count: Int) async throws {
    let session = try await CursorTests.filled(max(count, 1))
    if count == 0 { _ = try await session.accept(["delete": "c", "deletes": [["q": [:], "limit": 0]]]) }
    let expected = Array(0..<count)
    #expect(try await CursorTests.all(session, ["find": "c"]) == expected)
    #expect(try await CursorTests.all(session, ["find": "c", "batchSize": 0]) == expected)
    #expect(try await CursorTests.all(session, ["find": "c", "batchSize": 3]) == expected)
    #expect(try await CursorTests.all(session, ["find": "c", "sort": ["r": 1], "batchSize": 3]) == expected.reversed())
    #expect(
      try await CursorTests.all(session, ["find": "c", "skip": 2, "limit": 20, "batchSize": 3])
        == Array(expected.dropFirst(2).prefix(20)))
    #expect(
      try await CursorTests.all(session, ["find": "c", "sort": ["r": 1], "skip": 2, "limit": 20])
        == Array(expected.reversed().dropFirst(2).prefix(20)))
    #expect(
      try await CursorTests.all(session, ["find": "c", "filter": ["_id": ["$in": [3, 1, 2]]], "batchSize": 1])
        == expected.filter { (1...3).contains($0) })
    #expect(session.interpreter.cursors.count == 0)
  }

  @Test("gives 101 documents in a first batch, and one batch when asked to")
  func firstBatch() async throws {
    let session = try await CursorTests.filled(300)
    #expect(try await session.find().count == 101)
    #expect(try await session.find([:], ["singleBatch": true, "limit": 5]).count == 5)
    #expect(try await session.find([:], ["singleBatch": true, "batchSize": 5]).count == 5)
  }

  @Test("keeps batches below 16 MiB but always gives one document")
  func largeBatches() async throws {
    let session = Session()
    let large = BSONValue.binary(subtype: 0, bytes: [UInt8](repeating: 0, count: 7 << 20))
    for number in 0..<5 { try await session.insert(["_id": .integer(number), "a": large]) }
    try await session.insert([
      "_id": 9, "a": .binary(subtype: 0, bytes: [UInt8](repeating: 0, count: (16 << 20) - 100)),
    ])
    #expect(try await session.find([:], ["limit": 9]).count == 2)
    #expect(try await CursorTests.all(session, ["find": "c"]) == [0, 1, 2, 3, 4, 9])
  }

  @Test("ends by killCursors, by idling and when its collection is dropped")
  func ends() async throws {
    let now = TestClock()
    let session = try await CursorTests.filled(300, cursors: CursorStore(now: { now.instant }))
    func open(_ options: Document = [:]) async throws -> BSONValue {
      try await session.accept(["find": "c", "batchSize": 2]).inner("cursor")["id"] ?? .null
    }
    let killed = try await open()
    let reply = try await session.accept(["killCursors": "c", "cursors": [killed, .int64(1)]])
    #expect(reply["cursorsKilled"]?.elements == [killed])
    #expect(reply["cursorsNotFound"]?.elements == [.int64(1)])
    #expect(try await session.code(["getMore": killed, "collection": "c"]) == 43)
    let idle = try await open()
    #expect(try await session.code(["getMore": idle, "collection": "other"]) == 13, "as MongoDB answers")
    now.advance(by: .seconds(599))
    #expect(try await session.code(["getMore": idle, "collection": "c", "batchSize": 1]) == 0)
    now.advance(by: .seconds(601))
    #expect(try await session.code(["getMore": idle, "collection": "c"]) == 43)
    let dropped = try await open()
    _ = try await session.accept(["drop": "c"])
    try await session.insert(["_id": 1])
    #expect(try await session.code(["getMore": dropped, "collection": "c"]) == 175)
    #expect(session.interpreter.cursors.count == 0)
  }

  @Test("are bounded in number and in memory, and lent to one getMore at a time")
  func bounds() throws {
    let store = CursorStore(limits: .init(maximumCursors: 2, maximumMemory: 200))
    let document: Document = ["a": .binary(subtype: 0, bytes: [UInt8](repeating: 0, count: 60))]
    let id = try store.open(.results(KeptResults([document])), namespace: "d.c")
    #expect { try store.open(.results(KeptResults([document])), namespace: "d.c") } throws: {
      ($0 as? CommandError)?.code == .memoryLimit
    }
    _ = try store.open(.results(KeptResults([])), namespace: "d.c")
    #expect(throws: CommandError.self) { try store.open(.results(KeptResults([])), namespace: "d.c") }
    let content = try store.checkOut(id, namespace: "d.c")
    #expect { try store.checkOut(id, namespace: "d.c") } throws: { ($0 as? CommandError)?.code == .cursorInUse }
    #expect(store.kill(id, namespace: "d.c"))
    #expect(!store.checkIn(id, content))
    #expect(store.count == 1)
    _ = try store.open(.results(KeptResults([document])), namespace: "d.c")
  }

  @Test("are charged for the query they keep, and not for the message it came in")
  func queries() async throws {
    let session = try await CursorTests.filled(300)
    let empty: Document = ["find": "c", "batchSize": 1]
    _ = try await session.accept(empty)
    let plain = session.interpreter.cursors.load.bytes
    #expect(plain > 0)
    let values = BSONValue.array(of: (0..<1_000).map { .integer($0) })
    _ = try await session.accept(["find": "c", "filter": ["_id": ["$in": values]], "batchSize": 1])
    #expect(session.interpreter.cursors.load.bytes - 2 * plain > 100_000)
    let small = Session(engine: session.engine, cursors: CursorStore(limits: .init(maximumMemory: 64 << 10)))
    #expect(try await small.code(["find": "c", "filter": ["_id": ["$in": values]], "batchSize": 1]) == 292)
    #expect(try await small.code(empty) == 0)
    let filter: Document = ["a": ["b": 1]]
    let message: Document = [
      "find": "c", "filter": .document(filter), "comment": .string(String(repeating: "x", count: 9)),
    ]
    guard case .document(let embedded)? = message["filter"] else { throw WireError("no filter") }
    #expect(embedded.detached == filter)
    #expect(embedded.detached.bytes.count == filter.size)
  }

  @Test("are charged for all that their array keeps until it was copied")
  func kept() {
    let document: Document = ["a": .binary(subtype: 0, bytes: [UInt8](repeating: 0, count: 60))]
    var results = KeptResults([Document](repeating: document, count: 10)[...])
    let all = results.memory
    #expect(all >= 10 * document.size)
    for left in (1...9).reversed() {
      #expect(results.take(BatchSize(documents: 1)).count == 1)
      #expect(results.memory == (left > 5 ? all : left > 2 ? all / 2 : left == 2 ? all / 5 : all / 10))
    }
    #expect(results.take(.next(nil)).count == 1)
    #expect(results.isEmpty && results.memory == 0)
  }
}
