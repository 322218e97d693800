// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Documents
import Testing

@testable import DocumentServer

@Suite("A user may do in a database what the role says, and nothing elsewhere", .timeLimit(.minutes(10)))
struct PrivilegeTests {
  static let reads: [Document] = [
    ["find": "c"], ["count": "c"], ["listCollections": 1], ["killCursors": "c", "cursors": []],
    ["aggregate": "c", "pipeline": [["$match": [:]], ["$group": ["_id": 1, "n": ["$sum": 1]]]], "cursor": [:]],
  ]
  static let writes: [Document] = [
    ["insert": "c", "documents": [["a": 1]]], ["update": "c", "updates": [["q": [:], "u": ["$set": ["a": 2]]]]],
    ["delete": "c", "deletes": [["q": [:], "limit": 0]]], ["create": "d"], ["drop": "d"],
  ]

  /// Which of these the server does not refuse for want of a right.
  private func allowed(_ commands: [Document], to guarded: GuardedSession, in database: String) async throws -> Int {
    var count = 0
    for command in commands where try await guarded.code(command, in: database) != 13 { count += 1 }
    return count
  }

  private func session(_ name: String, _ role: DriverRole) async throws -> GuardedSession {
    let guarded = GuardedSession()
    for database in ["shop", "other"] { _ = try await guarded.run(["create": "c"], in: database) }
    try await guarded.add(name, role)
    let name = try DriverUserName(name)
    #expect(try await guarded.logIn(name.name, "pencil", in: name.database.text)["done"] == true)
    return guarded
  }

  @Test("read: reads only")
  func read() async throws {
    let guarded = try await session("shop.alice", .read)
    #expect(try await allowed(Self.reads, to: guarded, in: "shop") == Self.reads.count)
    #expect(try await allowed(Self.writes + [["dropDatabase": 1]], to: guarded, in: "shop") == 0)
    #expect(try await allowed(Self.reads + Self.writes, to: guarded, in: "other") == 0)
  }

  @Test("readWrite: reads and writes, but does not drop the database")
  func readWrite() async throws {
    let guarded = try await session("shop.alice", .readWrite)
    #expect(try await allowed(Self.reads + Self.writes, to: guarded, in: "shop") == 10)
    let refusal = try await guarded.run(["dropDatabase": 1])
    #expect(refusal.number("code") == 13)
    #expect(refusal.text("errmsg") == "not authorized on shop to execute command { dropDatabase }")
    let other = try await guarded.run(["find": "c", "filter": ["secret": 1]], in: "other")
    #expect(other.text("errmsg") == "not authorized on other to execute command { find: \"c\" }")
    #expect(try await guarded.code(["noSuchCommand": 1]) == 13)
  }

  @Test("admin of one database: everything in it, nothing elsewhere")
  func databaseAdmin() async throws {
    let guarded = try await session("shop.alice", .admin)
    #expect(try await guarded.run(["dropDatabase": 1])["ok"] == 1.0)
    #expect(try await allowed(Self.reads + Self.writes + [["dropDatabase": 1]], to: guarded, in: "other") == 0)
  }

  @Test("admin of the database admin: everything everywhere")
  func clusterAdmin() async throws {
    let guarded = try await session("admin.root", .admin)
    #expect(try await allowed(Self.reads + Self.writes + [["dropDatabase": 1]], to: guarded, in: "other") == 11)
    let names = try await guarded.run(["listDatabases": 1], in: "admin").list("databases").map { $0.text("name") }
    #expect(names == ["admin", "shop"])
  }

  @Test("shows to everybody else only the databases they have rights in")
  func visible() async throws {
    let guarded = try await session("shop.alice", .read)
    let reply = try await guarded.run(["listDatabases": 1], in: "admin")
    #expect(reply.list("databases").map { $0.text("name") } == ["shop"])
    #expect(reply["totalSize"] == .int64(4096))
    let names = try await guarded.run(["listDatabases": 1, "nameOnly": true], in: "admin")
    #expect(names.list("databases") == [["name": "shop"]] && names["totalSize"] == nil)
  }

  @Test("lets nobody near the collection of the users, nor drop its database")
  func systemCollection() async throws {
    let guarded = try await session("admin.root", .admin)
    for command: Document in [
      ["find": "system.users"], ["insert": "system.users", "documents": [["a": 1]]], ["drop": "system.users"],
      ["count": "system.users"], ["delete": "system.users", "deletes": [["q": [:], "limit": 0]]],
      ["update": "system.users", "updates": [["q": [:], "u": ["$set": ["role": "admin"]]]]],
    ] {
      #expect(try await guarded.code(command, in: "admin") == 73)
    }
    #expect(try await guarded.code(["dropDatabase": 1], in: "admin") == 20)
    #expect(try await guarded.code(["dropDatabase": 1], in: "other") == 0)
  }

  @Test("needs an administrator for commands nobody thought of")
  func unknown() { #expect(Privilege.needed(for: "compact") == .database(.administer)) }

  @Test("reads and writes user names as database and name")
  func names() throws {
    let name = try DriverUserName("shop.a.b@c")
    #expect(name.database.text == "shop" && name.name == "a.b@c" && name.description == "shop.a.b@c")
    for wrong in ["", "shop", ".a", "shop.", "sh op.a", "shop.a\nb", "shop." + String(repeating: "a", count: 129)] {
      #expect(throws: ModelError.self) { try DriverUserName(wrong) }
    }
    #expect(try DriverUserName("shop.caf\u{E9}") != DriverUserName("shop.cafe\u{301}"))
  }
}

@Suite("Orders on users change them once", .timeLimit(.minutes(10)))
struct UserOrderTests {
  private let engine = InMemoryEngine()

  private func perform(_ order: UserOrder, _ request: CommandID = .random()) async throws -> [String] {
    try await UserOrders.perform(order, request: request, on: engine).map(\.name.description)
  }

  private func create(_ name: String) throws -> UserOrder {
    .create(DriverUser(name: try DriverUserName(name), role: .read), try ScramClient.credential("x"))
  }

  @Test("creates, lists, changes and removes")
  func life() async throws {
    #expect(try await perform(.list) == [])
    #expect(try await perform(try create("shop.b")) == ["shop.b"])
    #expect(try await perform(try create("app.z")) == ["app.z", "shop.b"])
    #expect(try await perform(.remove(DriverUserName("shop.b"))) == ["app.z"])
    #expect(try await perform(.list) == ["app.z"])
  }

  @Test("refuses what makes no sense, and to remove the last user")
  func refusals() async throws {
    _ = try await perform(try create("shop.a"))
    await #expect(throws: UserRefusal(.exists)) { try await perform(try create("shop.a")) }
    await #expect(throws: UserRefusal(.notFound)) { try await perform(.remove(DriverUserName("shop.b"))) }
    await #expect(throws: UserRefusal(.notFound)) {
      try await perform(.setPassword(DriverUserName("shop.b"), ScramClient.credential("y")))
    }
    await #expect(throws: UserRefusal(.lastUser)) { try await perform(.remove(DriverUserName("shop.a"))) }
  }

  @Test("takes a request that is repeated as done")
  func repeated() async throws {
    let request = CommandID.random()
    _ = try await perform(try create("shop.a"), request)
    #expect(try await perform(try create("shop.a"), request) == ["shop.a"])
    #expect(engine.writeCount == 2)
  }

  @Test("says whom to ask if this is not the primary")
  func notPrimary() async throws {
    engine.failWrite(.notPrimary)
    let error = await #expect(throws: EngineError.self) { try await perform(try create("shop.a")) }
    #expect(error?.code == .notPrimary)
  }
}
