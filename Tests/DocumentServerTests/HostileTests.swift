// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Documents
import Testing

@testable import DocumentServer

@Suite("Hostile commands cost an error, and little else")
struct HostileTests {
  private static func text(_ count: Int, _ unit: String = "x") -> String { String(repeating: unit, count: count) }

  @Test(
    "takes no number for a direction but 1 and -1",
    arguments: [.int64(.min), .double(-0x1p63), .int64(.max), .int32(.min), 0, 2, .double(.nan)] as [BSONValue])
  func directions(_ direction: BSONValue) async throws {
    let session = Session()
    #expect(try await session.code(["find": "c", "sort": ["a": direction]]) == 2)
    #expect(try await session.code(["findAndModify": "c", "sort": ["a": direction], "remove": true]) == 2)
  }

  @Test(
    "clips what it echoes, between characters, and keeps both ends",
    arguments: [text(512), text(513), text(9_999, "\u{E9}"), "a" + text(2_000, "\u{301}"), text(600, "\u{1F600}")])
  func clips(_ words: String) {
    let message = CommandError(.badValue, words).message
    #expect(message.utf8.count <= CommandError.maximumMessageBytes + 3)
    #expect(words.utf8.count > CommandError.maximumMessageBytes || message == words)
    #expect(!message.contains("\u{FFFD}"))
    #expect(message.unicodeScalars.first == words.unicodeScalars.first)
    #expect(message.unicodeScalars.last == words.unicodeScalars.last)
  }

  @Test("answers long names with short errors")
  func echoes() async throws {
    let long = Self.text(100_000)
    let commands: [Document] = [
      [long: 1], ["find": "c", long: 1], ["find": .string(long)], ["find": "c", "filter": ["$" + long: 1]],
      ["find": "c", "projection": [long + "..": 1]], ["update": "c", "updates": [["q": [:], "u": ["$" + long: 1]]]],
      ["insert": "c", "documents": [["_id": [("$" + long): 1]]]],
    ]
    for command in commands { #expect(try await Session().run(command).size < 1_000) }
    let guarded = GuardedSession()
    try await guarded.add("shop.alice", .read)
    _ = try await guarded.logIn("alice", "pencil")
    #expect(try await guarded.run(["insert": .string(long), "documents": [[:]]]).size < 1_000)
    #expect(WireError(long).description.utf8.count < 1_000)
  }

  @Test("cuts no more documents out of a message than a command takes", arguments: [100_000, 100_001])
  func manyDocuments(_ count: Int) throws {
    let bytes = Wire.message(
      ["insert": "c", "$db": "d"],
      sequences: Wire.sequence("documents", [Document](repeating: [:], count: 60_000))
        + Wire.sequence("others", [Document](repeating: [:], count: count - 60_000)))
    switch try MessageDecoder.decode(bytes).content {
    case .command: #expect(count == 100_000)
    case .refused(let error): #expect(count > 100_000 && error.code == .badValue)
    }
  }

  @Test("has one budget of nulls for all paths of an update")
  func padding() {
    let update: Document = ["$set": ["a.400000": 1, "b.1200000": 1]]
    #expect {
      _ = try UpdateOperation(.document(update)).apply(to: ["_id": 1, "a": [], "b": []])
    } throws: { ($0 as? CommandError)?.code == .badValue }
  }

  @Test("tells the words of write errors only up to a limit, and place and code of all")
  func writeErrors() async throws {
    let session = Session()
    let documents = BSONValue.array(
      of: (0..<3_000).map { .document(["_id": .string(Self.text(1_000) + String($0))]) })
    let insert: Document = ["insert": "c", "documents": documents, "ordered": false]
    _ = try await session.accept(insert)
    let reply = try await session.accept(insert)
    let errors = reply.list("writeErrors")
    #expect(errors.count == 3_000)
    #expect(errors.allSatisfy { $0.number("code") == 11_000 })
    #expect(errors.first?.inner("keyValue").isEmpty == false)
    #expect(errors.last?.number("index") == 2_999)
    #expect(reply.size < WriteProgress.maximumFaultBytes + 3_000 * 100)
  }

  @Test("refuses an _id that the engine could not take, before anything is written of it")
  func longKeys() async throws {
    let session = Session()
    func id(_ count: Int) -> BSONValue {
      .document(["_id": .binary(subtype: 0, bytes: [UInt8](repeating: 0, count: count))])
    }
    let reply = try await session.accept([
      "insert": "c", "documents": [id(1 << 20), id(WriteStatement.maximumKeyBytes - 6), ["_id": 1]], "ordered": false,
    ])
    #expect(reply.number("n") == 2)
    #expect(reply.list("writeErrors").map { $0.number("code") } == [2])
  }

  @Test("looks at no more keys than a budget allows, whether or not documents stand under them")
  func missingKeys() throws {
    let transaction = MemoryTransaction(MemoryStore())
    let collection = try transaction.createCollection(try Namespace(database: "d", collection: "c"))
    let values = BSONValue.array(of: (0..<1_000).map { .integer($0) })
    let plan = QueryPlan(try Filter(["_id": ["$in": values]]))
    var budget = ScanBudget(documents: 10)
    #expect(try !plan.visit(transaction, collection, after: nil, budget: &budget) { _, _ in true })
    #expect(budget.used == 10)
  }

  @Test("takes two spellings of a letter for two databases, and writes only under one of them")
  func spellings() async throws {
    let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
    let user = DriverUser(name: try DriverUserName(database: DatabaseName(composed), name: "alice"), role: .readWrite)
    #expect(user.may(.write, in: composed))
    #expect(!user.may(.read, in: decomposed))
    let session = Session()
    let insert: Document = ["insert": "c", "documents": [[:]]]
    #expect(try await session.code(insert, database: composed) == 0)
    #expect(try await session.code(insert, database: decomposed) == 73)
    #expect(try await session.code(["find": "c"], database: decomposed) == 0)
    #expect(try await session.code(["dropDatabase": 1], database: decomposed) == 0)
  }

  @Test("begins no login inside a hello for a database that can't be one")
  func speculative() async throws {
    let guarded = GuardedSession()
    try await guarded.add("shop.alice", .read)
    for (database, isBegun) in [("shop", true), (Self.text(1_000), false), ("a.b", false)] {
      let client = ScramClient(user: "alice", password: "pencil")
      let reply = try await guarded.run([
        "hello": 1,
        "speculativeAuthenticate": [
          "saslStart": 1, "mechanism": "SCRAM-SHA-256", "payload": .binary(subtype: 0, bytes: client.first),
          "db": .string(database),
        ],
      ])
      #expect(reply["ok"] == 1.0 && reply.contains("speculativeAuthenticate") == isBegun)
    }
  }
}
