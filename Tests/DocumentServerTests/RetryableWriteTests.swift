// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Testing

@testable import DocumentServer

/// A driver's session with its numbers.
struct RetryingDriver {
  let session: Session
  let lsid: BSONValue

  init(_ session: Session = Session(), id: UInt8 = 1) {
    self.session = session
    lsid = ["id": .binary(subtype: 4, bytes: [UInt8](repeating: id, count: 16))]
  }

  func run(_ command: Document, number: Int64) async throws -> Document {
    var builder = DocumentBuilder()
    builder.append(contentsOf: command)
    builder.append("lsid", lsid)
    builder.append("txnNumber", .int64(number))
    return try await session.run(builder.finish())
  }

  /// What is kept of sessions.
  func records() async throws -> [Document] {
    try await session.accept(["find": "transactions", "batchSize": 10_000], database: "config").batch("firstBatch")
  }

  var count: Int {
    get async throws {
      try await records().count { if case .document(let id)? = $0["_id"] { !id.contains("part") } else { false } }
    }
  }
}

@Suite("A retryable write is carried out once")
struct RetryableWriteTests {
  @Test("answers an insert sent again with what the first attempt did, under its number only")
  func inserts() async throws {
    let driver = RetryingDriver()
    let command: Document = ["insert": "c", "documents": [["_id": 1], ["_id": 2], ["_id": 3]]]
    let first = try await driver.run(command, number: 7)
    #expect(first.number("n") == 3)
    #expect(first["retriedStmtIds"] == nil)
    let second = try await driver.run(command, number: 7)
    #expect(second.number("n") == 3)
    #expect(second["writeErrors"] == nil)
    #expect(second["retriedStmtIds"]?.elements == [0, 1, 2])
    #expect(try await driver.run(command, number: 8).list("writeErrors").first?.number("code") == 11000)
    #expect(try await RetryingDriver(driver.session, id: 2).run(command, number: 7).list("writeErrors").count == 1)
  }

  @Test("increments once, and gives the counts and upserted ids of the first attempt")
  func updates() async throws {
    let driver = RetryingDriver()
    try await driver.session.insert(["_id": 1, "n": 0])
    let command: Document = [
      "update": "c",
      "updates": [
        ["q": ["_id": 1], "u": ["$inc": ["n": 1]]], ["q": ["k": 5], "u": ["$set": ["k": 5]], "upsert": true],
      ],
    ]
    let first = try await driver.run(command, number: 1)
    let second = try await driver.run(command, number: 1)
    for reply in [first, second] {
      #expect(reply.number("n") == 2)
      #expect(reply.number("nModified") == 1)
      #expect(reply.list("upserted").count == 1)
    }
    #expect(first["upserted"] == second["upserted"])
    #expect(try await driver.session.find(["_id": 1]) == [["_id": 1, "n": 1]])
    #expect(try await driver.session.find(["k": 5]).count == 1)
  }

  @Test("deletes once")
  func deletes() async throws {
    let driver = RetryingDriver()
    try await driver.session.insert(["_id": 1, "k": 1], ["_id": 2, "k": 1])
    let command: Document = ["delete": "c", "deletes": [["q": ["k": 1], "limit": 1]]]
    for _ in 0..<3 { #expect(try await driver.run(command, number: 1).number("n") == 1) }
    #expect(try await driver.session.find().count == 1)
  }

  @Test("carries out what an earlier attempt did not get to, and only that")
  func partial() async throws {
    let driver = RetryingDriver()
    try await driver.session.insert(["_id": 2])
    let command: Document = ["insert": "c", "documents": [["_id": 1], ["_id": 2], ["_id": 3]]]
    #expect(try await driver.run(command, number: 1).number("n") == 1)
    _ = try await driver.session.accept(["delete": "c", "deletes": [["q": ["_id": 2], "limit": 1]]])
    let again = try await driver.run(command, number: 1)
    #expect(again.number("n") == 3)
    #expect(again["retriedStmtIds"]?.elements == [0])
    #expect(try await driver.session.find().count == 3)
  }

  @Test("goes on where a long command was cut off, and a retry finds every part")
  func longCommand() async throws {
    let driver = RetryingDriver()
    let large = BSONValue.binary(subtype: 0, bytes: [UInt8](repeating: 0, count: 5 << 20))
    let command: Document = [
      "insert": "c", "documents": [["_id": 1, "a": large], ["_id": 2, "a": large], ["_id": 3, "a": large]],
    ]
    driver.session.engine.failWrite(.notPrimary, after: 1)
    let broken = try await driver.run(command, number: 1)
    #expect(broken.number("code") == 10107)
    #expect(broken["errorLabels"]?.elements == ["RetryableWriteError"])
    #expect(try await driver.run(command, number: 1).number("n") == 3)
    #expect(try await driver.session.find([:], ["projection": ["_id": 1]]).count == 3)
  }

  @Test("keeps results that no longer fit into one row in rows of their own, and removes them with the next number")
  func parts() async throws {
    let driver = RetryingDriver()
    let text = String(repeating: "x", count: 1_000)
    let statements = (0..<1_000).map { number in
      BSONValue.document(["q": ["_id": .string("\(number)-\(text)")], "u": ["$set": ["n": 1]], "upsert": true])
    }
    let command: Document = ["update": "c", "updates": .array(of: statements)]
    let first = try await driver.run(command, number: 1)
    #expect(try await driver.records().count > 4)
    let second = try await driver.run(command, number: 1)
    #expect(first["upserted"] == second["upserted"])
    #expect(second["retriedStmtIds"]?.elements?.count == 1_000)
    _ = try await driver.run(["insert": "c", "documents": [["_id": 1]]], number: 2)
    #expect(try await driver.records().count == 2, "the session's row and the clock")
  }

  @Test("numbers statements as the driver says")
  func statementNumbers() async throws {
    let driver = RetryingDriver()
    let first: Document = ["insert": "c", "documents": [["_id": 1], ["_id": 2]], "stmtIds": [10, 11]]
    #expect(try await driver.run(first, number: 1).number("n") == 2)
    let later: Document = ["insert": "c", "documents": [["_id": 2], ["_id": 3]], "stmtId": 11]
    let reply = try await driver.run(later, number: 1)
    #expect(reply.number("n") == 2)
    #expect(reply["retriedStmtIds"]?.elements == [11])
    for wrong: BSONValue in [[1], [1, 1], [1, -1], [1, 1.5], "x"] {
      let refused: Document = ["insert": "c", "documents": [["_id": 8], ["_id": 9]], "stmtIds": wrong]
      #expect(try await driver.run(refused, number: 2).number("code") == 72)
    }
  }

  @Test("refuses a number that the session has left behind")
  func tooOld() async throws {
    let driver = RetryingDriver()
    _ = try await driver.run(["insert": "c", "documents": [["_id": 1]]], number: 5)
    let reply = try await driver.run(["insert": "c", "documents": [["_id": 2]]], number: 4)
    #expect(reply.number("code") == 225)
    #expect(try await driver.session.find().count == 1)
  }

  @Test("refuses by name what can't be sent again, and transactions")
  func refused() async throws {
    let driver = RetryingDriver()
    try await driver.session.insert(["_id": 1, "n": 0])
    let many: Document = ["update": "c", "updates": [["q": [:], "u": ["$inc": ["n": 1]], "multi": true]]]
    #expect(try await driver.run(many, number: 1).list("writeErrors").first?.number("code") == 72)
    let all: Document = ["delete": "c", "deletes": [["q": [:], "limit": 0]]]
    #expect(try await driver.run(all, number: 1).list("writeErrors").first?.number("code") == 72)
    #expect(try await driver.run(["find": "c"], number: 1).number("code") == 50768)
    let begun: Document = [
      "insert": "c", "documents": [["_id": 2]], "startTransaction": true, "autocommit": false,
    ]
    let transaction = try await driver.run(begun, number: 1)
    #expect(transaction.number("code") == 263)
    #expect(transaction.text("errmsg").contains("transactions are not supported"))
    #expect(try await driver.run(["commitTransaction": 1, "autocommit": false], number: 1).number("code") == 263)
    #expect(try await driver.session.code(["insert": "c", "documents": [[:]], "txnNumber": .int64(1)]) == 72)
    #expect(try await driver.session.find() == [["_id": 1, "n": 0]])
  }

  @Test("labels the errors after which a driver may send it again")
  func labels() async throws {
    let driver = RetryingDriver()
    let command: Document = ["insert": "c", "documents": [["_id": 1]]]
    driver.session.engine.failWrite(.outcomeUnknown)
    let unknown = try await driver.run(command, number: 1)
    #expect(unknown.number("code") == 189)
    #expect(unknown["errorLabels"]?.elements == ["RetryableWriteError"])
    #expect(unknown["topologyVersion"] != nil)
    driver.session.engine.failWrite(.notPrimary)
    let refused = try await driver.run(command, number: 1)
    #expect(refused.number("code") == 10107)
    #expect(refused["errorLabels"]?.elements == ["RetryableWriteError", "NoWritesPerformed"])
    driver.session.engine.failWrite(.storage)
    #expect(try await driver.run(command, number: 1)["errorLabels"] == nil)
    driver.session.engine.change { ($0.isWritablePrimary, $0.isSecondary) = (false, true) }
    #expect(try await driver.run(command, number: 1)["errorLabels"]?.elements?.first == "RetryableWriteError")
  }

  @Test("lets nobody but the server write its records")
  func ownCollection() async throws {
    let driver = RetryingDriver()
    _ = try await driver.run(["insert": "c", "documents": [["_id": 1]]], number: 1)
    for command: Document in [
      ["insert": "transactions", "documents": [[:]]], ["delete": "transactions", "deletes": [["q": [:], "limit": 0]]],
      ["update": "transactions", "updates": [["q": [:], "u": ["$set": ["number": 0]]]]], ["drop": "transactions"],
      ["create": "transactions"], ["dropDatabase": 1], ["findAndModify": "transactions", "remove": true],
    ] { #expect(try await driver.session.code(command, database: "config") == 20) }
    #expect(try await driver.count == 1)
  }
}

@Suite("Sessions are bounded in number and in time")
struct SessionTests {
  private static func insert(_ id: Int) -> Document { ["insert": "c", "documents": [["_id": .integer(id)]]] }

  @Test("forgets a session half an hour after its last write, by the replicated clock")
  func expiry() async throws {
    let time = TestClock()
    let session = Session(clock: SessionClock { time.instant })
    let old = RetryingDriver(session, id: 1)
    let other = RetryingDriver(session, id: 2)
    _ = try await old.run(Self.insert(1), number: 1)
    time.advance(by: .seconds(29 * 60))
    _ = try await other.run(Self.insert(2), number: 1)
    #expect(try await old.count == 2)
    time.advance(by: .seconds(120))
    _ = try await other.run(Self.insert(3), number: 2)
    #expect(try await old.count == 1)
    #expect(try await other.run(Self.insert(3), number: 2).number("n") == 1, "the other one's record stands")
  }

  @Test("takes the clock over from the primary before, however wrong its own is")
  func clockOfAnotherNode() async throws {
    let time = TestClock()
    let engine = InMemoryEngine()
    let first = RetryingDriver(Session(engine: engine, clock: SessionClock { time.instant }), id: 1)
    _ = try await first.run(Self.insert(1), number: 1)
    // Another node: its steady clock began at another time, long ago.
    let far = TestClock()
    far.advance(by: .seconds(1_000_000))
    let next = RetryingDriver(Session(engine: engine, clock: SessionClock { far.instant }), id: 2)
    _ = try await next.run(Self.insert(2), number: 1)
    far.advance(by: .seconds(29 * 60))
    _ = try await next.run(Self.insert(3), number: 2)
    #expect(try await next.count == 2)
    #expect(try await RetryingDriver(next.session, id: 1).run(Self.insert(1), number: 1).number("n") == 1)
    far.advance(by: .seconds(120))
    _ = try await next.run(Self.insert(4), number: 3)
    #expect(try await next.count == 1)
  }

  @Test("finds every expired session, a few rows with each write")
  func manyExpired() async throws {
    let time = TestClock()
    let session = Session(clock: SessionClock { time.instant })
    for number in 0..<600 {
      var id = [UInt8](repeating: 0, count: 16)
      (id[0], id[1]) = (UInt8(number / 256), UInt8(number % 256))
      let lsid: Document = ["id": .binary(subtype: 4, bytes: id)]
      _ = try await session.accept([
        "insert": "c", "documents": [["_id": .integer(number)]], "lsid": .document(lsid), "txnNumber": .int64(1),
      ])
    }
    let driver = RetryingDriver(session, id: 0xEE)
    #expect(try await driver.count == 600)
    time.advance(by: .seconds(3_600))
    for number in 0..<5 { _ = try await driver.run(Self.insert(1_000 + number), number: Int64(number)) }
    #expect(try await driver.count == 1)
  }

  @Test("ends sessions that a driver says it is done with")
  func ends() async throws {
    let session = Session()
    async let late: Void = session.interpreter.lateWrites.run()
    let driver = RetryingDriver(session)
    _ = try await driver.run(Self.insert(1), number: 1)
    #expect(try await driver.count == 1)
    #expect(try await session.code(["endSessions": [driver.lsid]], database: "admin") == 0)
    session.interpreter.lateWrites.close()
    await late
    #expect(try await driver.count == 0)
    #expect(try await session.code(["refreshSessions": [driver.lsid]]) == 0)
    #expect(try await session.code(["endSessions": [["id": 5]]]) == 14)
    let started = try await session.accept(["startSession": 1])
    #expect(started.number("timeoutMinutes") == 30)
    #expect(started.inner("id")["id"]?.type == .binary)
  }

  @Test("keeps two users' sessions of one number apart")
  func owners() async throws {
    let session = Session()
    let driver = RetryingDriver(session)
    for (place, user) in ["", "shop.ann", "shop.bob"].enumerated() {
      let command: Document = [
        "insert": "c", "documents": [["_id": .integer(place)]], "lsid": driver.lsid, "txnNumber": .int64(1),
      ]
      var request = try CommandRequest(body: command, database: "shop")
      request.user = user
      let reply = await session.interpreter.outcome(of: request, connectionID: 1).reply
      #expect(reply["retriedStmtIds"] == nil)
    }
    #expect(try await driver.count == 3)
    #expect(try await session.find().count == 3)
  }

  @Test("takes a session with any command, and refuses one that is none")
  func generic() async throws {
    let session = Session()
    let driver = RetryingDriver(session)
    #expect(try await session.code(["find": "c", "lsid": driver.lsid]) == 0)
    #expect(try await session.code(["ping": 1, "lsid": ["id": "x"]]) == 14)
    #expect(try await session.code(["ping": 1, "lsid": [:]]) == 40414)
    #expect(
      try await session.code(["ping": 1, "lsid": ["id": .binary(subtype: 4, bytes: [1, 2, 3])]]) == 14)
  }
}

@Suite("A driver says how long it waits for a write")
struct WriteConcernTests {
  @Test("takes every number of members that there are as a majority, and says if there are fewer")
  func members() async throws {
    let session = Session(engine: InMemoryEngine(hosts: ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]))
    func concern(_ w: BSONValue) async throws -> Document {
      try await session.accept(["insert": "c", "documents": [[:]], "writeConcern": ["w": w, "j": true]])
    }
    for w: BSONValue in [0, 1, 2, 3, "majority"] { #expect(try await concern(w)["writeConcernError"] == nil) }
    #expect(try await concern(4).inner("writeConcernError").number("code") == 100)
    #expect(
      try await session.code(["insert": "c", "documents": [[:]], "writeConcern": ["w": -1]]) == 9)
  }

  @Test("answers after wtimeout with what was written, which may still be committed")
  func timeout() async throws {
    let engine = InMemoryEngine()
    let session = Session(engine: engine)
    async let late: Void = session.interpreter.lateWrites.run()
    try await session.insert(["_id": 0])
    engine.holdAcknowledgements()
    let reply = try await session.accept([
      "insert": "c", "documents": [["_id": 1]], "writeConcern": ["w": "majority", "wtimeout": 20],
    ])
    #expect(reply.number("n") == 1)
    #expect(reply.inner("writeConcernError").number("code") == 64)
    #expect(reply.inner("writeConcernError").inner("errInfo")["wtimeout"] == true)
    engine.releaseAcknowledgements()
    let inTime = try await session.accept([
      "insert": "c", "documents": [["_id": 2]], "writeConcern": ["w": "majority", "wtimeout": 60_000],
    ])
    #expect(inTime["writeConcernError"] == nil)
    session.interpreter.lateWrites.close()
    await late
    #expect(try await session.find().count == 3)
  }
}
