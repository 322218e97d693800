// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Testing

@testable import DocumentServer

@Suite("Commands answer as a driver expects")
struct CommandTests {
  @Test("says hello as a primary, with all a driver needs")
  func hello() async throws {
    let session = Session()
    let reply = try await session.accept(["hello": 1, "helloOk": true, "client": [:]], database: "admin")
    #expect(reply["isWritablePrimary"] == true)
    #expect(reply["secondary"] == false)
    #expect(reply["helloOk"] == true)
    #expect(reply["setName"] == "rs")
    #expect(reply["hosts"]?.elements == ["127.0.0.1:27117"])
    #expect(reply["me"] == "127.0.0.1:27117")
    #expect(reply["electionId"] == .objectID(ObjectID(term: 3)))
    #expect(reply["maxWireVersion"] == 21)
    #expect(reply["maxBsonObjectSize"] == 16_777_216)
    #expect(reply["maxMessageSizeBytes"] == 48_000_000)
    #expect(reply["maxWriteBatchSize"] == 100_000)
    #expect(reply["logicalSessionTimeoutMinutes"] == 30)
    #expect(ObjectID(term: 9) < ObjectID(term: 10))
    #expect(ObjectID(term: 1).description == "7fffffff0000000000000001")
    let old = try await session.accept(["isMaster": 1], database: "admin")
    #expect(old["ismaster"] == true)
  }

  @Test("says hello as neither primary nor secondary while the engine is closed")
  func helloUnavailable() async throws {
    let session = Session()
    session.engine.become(.unavailable(reason: "disabled: the key was revoked"))
    let reply = try await session.accept(["hello": 1])
    #expect(reply["isWritablePrimary"] == false)
    #expect(reply["secondary"] == false)
    #expect(reply["electionId"] == nil)
    #expect(reply["primary"] == nil)
    for command: Document in [
      ["find": "c"], ["count": "c"], ["insert": "c", "documents": [[:]]], ["listCollections": 1],
    ] {
      let refusal = try await session.run(command)
      #expect(refusal.number("code") == 13436)
      #expect(refusal.text("errmsg").contains("the key was revoked"))
    }
    #expect(try await session.code(["ping": 1]) == 0)
  }

  @Test(
    "refuses what it doesn't know by name",
    arguments: [
      (["mapReduce": "c"], 59, "mapReduce"), (["findAndModify": "c"], 9, "remove=true"),
      (["find": "c", "collation": ["locale": "de"]], 40415, "collation"),
      (["find": "c", "hint": "n_1"], 2, "hint"),
      (["find": "c", "let": [:]], 40415, "let"), (["find": "c", "tailable": true], 72, "tailable"),
      (["find": "c", "limit": -1], 2, "limit"), (["find": "c", "filter": 1], 14, "filter"), (["find": 1], 14, "find"),
      (["find": ""], 73, "empty"), (["find": "a$b"], 73, "$"),
      (["find": "c", "readConcern": ["level": "snapshot"]], 72, "snapshot"),
      (["insert": "c"], 40414, "documents"), (["insert": "c", "documents": []], 2, "documents"),
      (["insert": "c", "documents": [1]], 14, "documents"), (["update": "c", "updates": [["q": [:]]]], 40414, "u"),
      (["update": "c", "updates": [["q": [:], "u": [:], "arrayFilters": []]]], 40415, "arrayFilters"),
      (["delete": "c", "deletes": [["q": [:], "limit": 2]]], 9, "limit"),
      (["insert": "c", "documents": [[:]], "writeConcern": ["w": "dc"]], 79, "dc"),
      (["aggregate": "c", "pipeline": [["$lookup": [:]]], "cursor": [:]], 40324, "$lookup"),
      (["aggregate": "c", "pipeline": [["$match": [:]]], "cursor": [:]], 2, "$group"),
      (["create": "c", "capped": true], 72, "capped"), (["create": "c", "validator": [:]], 40415, "validator"),
      (["ping": 1, "apiVersion": "2"], 322, "version"), (["ping": 1, "txnNumber": .int64(1)], 72, "session ID"),
      (["getMore": .int64(5), "collection": "c"], 43, "5"), (["ping": 1, "ping": 1], 40413, "ping"),
    ] as [(Document, Int, String)])
  func refused(_ command: Document, _ code: Int, _ name: String) async throws {
    let reply = try await Session().run(command)
    #expect(reply["ok"] == 0.0)
    #expect(reply.number("code") == code, "\(reply.text("errmsg"))")
    #expect(reply.text("errmsg").contains(name))
    #expect(!reply.text("codeName").isEmpty)
  }

  @Test("counts, with a query, skip and limit, and in the shape of countDocuments")
  func counts() async throws {
    let session = Session()
    for number in 0..<10 { try await session.insert(["_id": .integer(number), "even": .bool(number % 2 == 0)]) }
    #expect(try await session.accept(["count": "c"]).number("n") == 10)
    #expect(try await session.accept(["count": "c", "query": ["even": true], "skip": 1, "limit": 3]).number("n") == 3)
    #expect(try await session.accept(["count": "absent"]).number("n") == 0)
    let pipeline: BSONValue = [
      ["$match": ["even": true]], ["$skip": 1], ["$limit": 9], ["$group": ["_id": 1, "n": ["$sum": 1]]],
    ]
    let reply = try await session.accept(["aggregate": "c", "pipeline": pipeline, "cursor": [:]])
    #expect(reply.batch("firstBatch") == [["_id": 1, "n": 4]])
    let none: BSONValue = [["$match": ["even": 7]], ["$group": ["_id": 1, "n": ["$sum": 1]]]]
    #expect(try await session.accept(["aggregate": "c", "pipeline": none, "cursor": [:]]).batch("firstBatch") == [])
  }

  @Test("creates, lists and drops collections and databases")
  func catalogue() async throws {
    let session = Session()
    _ = try await session.accept(["create": "b"])
    #expect(try await session.code(["create": "b"]) == 48)
    try await session.insert(["_id": 1], into: "a")
    let all = try await session.accept(["listCollections": 1, "cursor": [:]]).batch("firstBatch")
    #expect(all.map { $0.text("name") } == ["a", "b"])
    #expect(all[0].inner("info")["uuid"]?.type == .binary)
    let named = try await session.accept(["listCollections": 1, "filter": ["name": "b"], "nameOnly": true])
    #expect(named.batch("firstBatch") == [["name": "b", "type": "collection"]])
    let databases = try await session.accept(["listDatabases": 1], database: "admin")
    #expect(databases.list("databases").map { $0.text("name") } == ["shop"])
    #expect(try await session.code(["listDatabases": 1]) == 72)
    #expect(try await session.accept(["drop": "a"]).number("nIndexesWas") == 1)
    #expect(try await session.code(["drop": "a"]) == 0)
    _ = try await session.accept(["dropDatabase": 1])
    #expect(try await session.accept(["listCollections": 1]).batch("firstBatch").isEmpty)
  }

  @Test("answers reads on a secondary only if the driver allows it, and no writes")
  func secondary() async throws {
    let session = Session()
    try await session.insert(["_id": 1])
    session.engine.change { ($0.isWritablePrimary, $0.isSecondary) = (false, true) }
    #expect(try await session.code(["find": "c"]) == 13435)
    #expect(try await session.code(["find": "c", "$readPreference": ["mode": "primary"]]) == 13435)
    #expect(try await session.code(["find": "c", "$readPreference": ["mode": "secondaryPreferred"]]) == 0)
    let refusal = try await session.run(["insert": "c", "documents": [["_id": 2]]])
    #expect(refusal.number("code") == 10107)
    #expect(refusal["topologyVersion"] != nil)
    session.engine.change { $0.isSecondary = false }
    #expect(try await session.code(["find": "c", "$readPreference": ["mode": "nearest"]]) == 13436)
  }
}

@Suite("Writes do what they report")
struct WriteCommandTests {
  @Test("stops an ordered insert at a duplicate and names it, an unordered one goes on")
  func duplicates() async throws {
    let session = Session()
    let documents: BSONValue = [["_id": 1], ["_id": 1.0], ["_id": 2], ["_id": [1]], ["x": 1]]
    let ordered = try await session.accept(["insert": "c", "documents": documents])
    #expect(ordered.number("n") == 1)
    let fault = ordered.list("writeErrors")
    #expect(fault.count == 1)
    #expect(fault[0].number("index") == 1)
    #expect(fault[0].number("code") == 11000)
    #expect(fault[0].inner("keyPattern") == ["_id": 1])
    #expect(fault[0].inner("keyValue") == ["_id": 1.0])
    let unordered = try await session.accept(["insert": "c", "documents": documents, "ordered": false])
    #expect(unordered.number("n") == 2)
    #expect(unordered.list("writeErrors").map { $0.number("code") } == [11000, 11000, 53])
    #expect(try await session.find().count == 3)
  }

  @Test("puts _id in front and makes one where there is none")
  func identifiers() async throws {
    let session = Session()
    try await session.insert(["a": 1, "_id": 5], ["a": 2])
    let found = try await session.find()
    #expect(found[0] == ["_id": 5, "a": 1])
    #expect(found[1]["_id"]?.type == .objectID)
  }

  @Test("takes fields that look like operators from an insert only, as since MongoDB 5.0")
  func dollarFields() async throws {
    let session = Session()
    try await session.insert(["_id": 1, "$a": 1])
    #expect(try await session.find() == [["_id": 1, "$a": 1]])
    let inside = try await session.accept(["insert": "c", "documents": [["_id": ["$a": 1]]]])
    #expect(inside.list("writeErrors")[0].number("code") == 52)
  }

  @Test("updates one, many, none and inserts when asked to")
  func updates() async throws {
    let session = Session()
    try await session.insert(["_id": 1, "n": 1], ["_id": 2, "n": 1], ["_id": 3, "n": 2])
    func update(_ statement: BSONValue) async throws -> Document {
      try await session.accept(["update": "c", "updates": [statement]])
    }
    let one = try await update(["q": ["n": 1], "u": ["$set": ["n": 5]]])
    #expect((one.number("n"), one.number("nModified")) == (1, 1))
    let many = try await update(["q": [:], "u": ["$set": ["n": 5]], "multi": true])
    #expect((many.number("n"), many.number("nModified")) == (3, 2))
    let none = try await update(["q": ["_id": 9], "u": ["$inc": ["n": 1]]])
    #expect((none.number("n"), none.number("nModified")) == (0, 0))
    let upsert = try await update(["q": ["_id": 9], "u": ["$inc": ["n": 1]], "upsert": true])
    #expect((upsert.number("n"), upsert.number("nModified")) == (1, 0))
    #expect(upsert.list("upserted") == [["index": 0, "_id": 9]])
    #expect(try await session.find(["_id": 9]) == [["_id": 9, "n": 1]])
    let wrong = try await update(["q": [:], "u": ["a": 1], "multi": true])
    #expect(wrong.list("writeErrors")[0].number("code") == 9)
  }

  @Test("keeps what an update wrote before it failed, and says how much")
  func partialUpdate() async throws {
    let session = Session()
    try await session.insert(["_id": 1, "n": 1], ["_id": 2, "n": "text"], ["_id": 3, "n": 1])
    let reply = try await session.accept([
      "update": "c", "updates": [["q": [:], "u": ["$inc": ["n": 1]], "multi": true]],
    ])
    #expect((reply.number("n"), reply.number("nModified")) == (1, 1))
    #expect(reply.list("writeErrors")[0].number("code") == 14)
    #expect(try await session.find(["n": 2]) == [["_id": 1, "n": 2]])
  }

  @Test("deletes one or all")
  func deletes() async throws {
    let session = Session()
    try await session.insert(["_id": 1, "n": 1], ["_id": 2, "n": 1], ["_id": 3, "n": 2])
    #expect(try await session.accept(["delete": "c", "deletes": [["q": ["n": 1], "limit": 1]]]).number("n") == 1)
    #expect(try await session.find().map { $0.number("_id") } == [2, 3])
    #expect(try await session.accept(["delete": "c", "deletes": [["q": [:], "limit": 0]]]).number("n") == 2)
    #expect(try await session.accept(["delete": "absent", "deletes": [["q": [:], "limit": 0]]]).number("n") == 0)
  }

  @Test("splits a long command into several transactions with the same result", arguments: [1, 2, 7, 1_000])
  func budgets(size: Int) throws {
    let namespace = try Namespace(database: "d", collection: "c")
    let statements: [WriteStatement] =
      (0..<50).map { .insert(["_id": .int32($0), "n": 0]) { ObjectID(term: 1) } }
      + [
        try .update(["q": ["n": 0], "u": ["$inc": ["n": 1]], "multi": true]),
        try .delete(["q": ["_id": ["$gte": 40]], "limit": 0]),
        try .update(["q": ["_id": 100], "u": ["$set": ["x": 1]], "upsert": true]),
      ]
    var run = WriteRun(namespace: namespace, statements: statements, isOrdered: true, identifiers: ObjectIDSource())
    run.budget = WriteBudget(bytes: size * 40, operations: size, scanned: size)
    let transaction = MemoryTransaction(MemoryStore())
    var progress = WriteProgress()
    var steps = 0
    while !progress.isFinished, steps < 10_000 {
      (progress, steps) = (try run.step(transaction, from: progress), steps + 1)
    }
    #expect(progress.count == 50 + 50 + 10)
    #expect(progress.modified == 50)
    #expect(progress.upserted.count == 1)
    #expect(progress.faults.isEmpty)
    #expect(steps > 1 || size == 1_000)
  }

  @Test("tells an unknown outcome from a write that did not happen")
  func failures() async throws {
    let session = Session()
    let command: Document = ["insert": "c", "documents": [["_id": 1]]]
    session.engine.failWrite(.outcomeUnknown)
    let unknown = try await session.run(command)
    #expect(unknown.number("code") == 189)
    #expect(unknown["errorLabels"] == nil)
    session.engine.failWrite(.notPrimary)
    let refused = try await session.run(command)
    #expect(refused.number("code") == 10107)
    #expect(refused["errorLabels"] == nil)
    session.engine.failWrite(.storage)
    #expect(try await session.code(command) == 1)
    session.engine.failWrite(.overloaded)
    #expect(try await session.code(command) == 24)
    #expect(try await session.code(command) == 0)
  }

  @Test("does not invite to repeat a write of which a part stands")
  func partialFailure() async throws {
    let session = Session()
    let large = BSONValue.binary(subtype: 0, bytes: [UInt8](repeating: 0, count: 5 << 20))
    session.engine.failWrite(.notPrimary, after: 1)
    let reply = try await session.run(["insert": "c", "documents": [["a": large], ["a": large], ["a": large]]])
    #expect(reply.number("code") == 10107)
    #expect(reply["errorLabels"] == nil)
    #expect(try await session.find().count == 2)
  }
}

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
    let store = CursorStore(limits: .init(maximumCursors: 2, maximumMemory: 100))
    let document: Document = ["a": .binary(subtype: 0, bytes: [UInt8](repeating: 0, count: 60))]
    let id = try store.open(.results([document]), namespace: "d.c")
    #expect { try store.open(.results([document]), namespace: "d.c") } throws: {
      ($0 as? CommandError)?.code == .memoryLimit
    }
    _ = try store.open(.results([]), namespace: "d.c")
    #expect(throws: CommandError.self) { try store.open(.results([]), namespace: "d.c") }
    let content = try store.checkOut(id, namespace: "d.c")
    #expect { try store.checkOut(id, namespace: "d.c") } throws: { ($0 as? CommandError)?.code == .cursorInUse }
    #expect(store.kill(id, namespace: "d.c"))
    #expect(!store.checkIn(id, content))
    #expect(store.count == 1)
    _ = try store.open(.results([document]), namespace: "d.c")
  }
}
