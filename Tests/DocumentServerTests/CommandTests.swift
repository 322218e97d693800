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

  @Test("goes on in its next transaction when the one it shares is spent", arguments: [0, 1, 3, 1_000])
  func spent(rows: Int) async throws {
    let session = Session()
    let documents = (0..<20).map { BSONValue.document(["_id": .integer($0), "n": .integer($0)]) }
    _ = try await session.accept(["insert": "c", "documents": .array(of: documents)])
    session.engine.spendWrites(after: rows)
    let updated = try await session.accept([
      "update": "c",
      "updates": [
        ["q": ["n": ["$gte": 10]], "u": ["$inc": ["m": 1]], "multi": true], ["q": ["n": 19], "u": ["$set": ["x": 1]]],
        ["q": ["n": 50], "u": ["$set": ["x": 2]], "upsert": true],
      ],
    ])
    #expect(updated.number("n") == 12 && updated.number("nModified") == 11)
    #expect(updated.list("upserted").count == 1)
    #expect(try await session.find(["m": 1]).count == 10)
    let found = try await session.accept(["findAndModify": "c", "query": ["n": 18], "update": ["$set": ["y": 1]]])
    #expect(found.inner("value").number("_id") == 18)
    let none = try await session.accept(["findAndModify": "c", "query": ["n": 99], "remove": true])
    #expect(none["value"] == .null)
    let deleted = try await session.accept([
      "delete": "c", "deletes": [["q": ["n": ["$lt": 10]], "limit": 0], ["q": ["x": 2], "limit": 1]],
    ])
    #expect(deleted.number("n") == 11)
    #expect(try await session.find().count == 10)
    #expect(rows == 1_000 || session.engine.writeCount > 20)
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
