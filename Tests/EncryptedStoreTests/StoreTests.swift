// SPDX-License-Identifier: GPL-3.0-or-later
import EncryptedStore
import Foundation
import Testing

@Suite("A store keeps rows in tables")
struct StoreTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("gives back what was put, after a reopening too", arguments: [nil, "system"], [Compression.none, .snappy])
  func roundTrip(systemKeyID: String?, compression: Compression) throws {
    let keys = try TestKeys("system", "db")
    let options = StoreOptions.test(systemKeyID, compression: compression)
    let store = try Store.create(at: folder("s"), options: options, keys: keys)
    try store.withSession { session throws in
      try session.createTable("rows", TableOptions(keyID: systemKeyID == nil ? nil : "db"))
      try session.fill("rows", rows: 0..<2000)
      try session.put("rows", [0], [])
      #expect(failure { try session.put("rows", [], [1]) }?.code == .invalid)
      #expect(try session.get("rows", []) == nil)
      #expect(try !session.remove("rows", []))
      try session.put("rows", [0xff], Session.value(1, size: 600_000))
      #expect(try session.remove("rows", Session.key(7)))
      #expect(try !session.remove("rows", Session.key(7)))
    }
    try store.close()
    let again = try Store.open(at: folder("s"), options: options, keys: keys)
    try again.withSession { session throws in
      #expect(try session.count("rows") == 2001)
      #expect(try session.get("rows", Session.key(6)) == Session.value(6))
      #expect(try session.get("rows", Session.key(7)) == nil)
      #expect(try session.get("rows", [0]) == [])
      #expect(try session.get("rows", [0xff]) == Session.value(1, size: 600_000))
      try session.verify("rows")
      #expect(session.tableNames() == ["rows"])
    }
    #expect(again.keyID(ofTable: "rows") == (systemKeyID == nil ? nil : "db"))
    #expect(again.keyIDs == (systemKeyID == nil ? [] : ["system", "db"]))
    try again.close()
  }

  @Test("scans from either side, from and between keys")
  func scans() throws {
    let store = try Store.create(at: folder("s"), options: .test())
    try store.withSession { session throws in
      try session.createTable("t")
      for key in [10, 20, 30, 40] as [UInt8] { try session.put("t", [key], [key]) }
      func keys(_ start: UInt8?, _ inclusive: Bool, _ reverse: Bool) throws -> [UInt8] {
        try session.rows(
          "t", from: start.map { [$0] }, inclusive: inclusive, reverse: reverse, limit: 10
        ).map { $0.key[0] }
      }
      #expect(try keys(nil, true, false) == [10, 20, 30, 40])
      #expect(try keys(nil, true, true) == [40, 30, 20, 10])
      #expect(try keys(20, true, false) == [20, 30, 40])
      #expect(try keys(20, false, false) == [30, 40])
      #expect(try keys(25, true, false) == [30, 40])
      #expect(try keys(20, true, true) == [20, 10])
      #expect(try keys(20, false, true) == [10])
      #expect(try keys(25, true, true) == [20, 10])
      #expect(try keys(5, true, false) == [10, 20, 30, 40])
      #expect(try keys(5, true, true) == [])
      #expect(try session.rows("t", from: [], limit: 1).map(\.key) == [[10]])
      #expect(try session.rows("t", from: [], reverse: true, limit: 1).isEmpty)
      #expect(try keys(45, true, false) == [])
      #expect(try keys(45, true, true) == [40, 30, 20, 10])
      #expect(try session.rows("t", limit: 2).map { $0.value } == [[10], [20]])
      #expect(try session.rows("t", limit: 0).isEmpty)
    }
    try store.close()
  }

  @Test("lets the body of a scan use the session, and stops when it says so or throws")
  func scanBody() throws {
    struct Enough: Error {}
    let store = try Store.create(at: folder("s"), options: .test())
    try store.withSession { session throws in
      try session.createTable("t")
      try session.fill("t", rows: 0..<10)
      var seen = 0
      try unsafe session.scan("t") { key, _ throws in
        let copy = unsafe [UInt8](key)
        #expect(try session.count("t") == 10 - seen)
        #expect(try session.remove("t", copy))
        seen += 1
        return seen < 4
      }
      #expect(try session.count("t") == 6)
      #expect(throws: Enough.self) { try unsafe session.scan("t") { _, _ in throw Enough() } }
      try session.begin()
      let error = failure {
        try unsafe session.scan("t") { _, _ in
          try session.rollback()
          return true
        }
      }
      #expect(error?.code == .invalid)
    }
    try store.close()
  }

  @Test("commits a transaction whole, rolls it back whole, and refuses a conflicting one")
  func transactions() throws {
    struct Enough: Error {}
    let store = try Store.create(at: folder("s"), options: .test())
    let (one, two) = (try store.openSession(), try store.openSession())
    try one.createTable("t")
    try one.withTransaction { try one.fill("t", rows: 0..<10) }
    #expect(throws: Enough.self) {
      try one.withTransaction {
        try one.fill("t", rows: 10..<20)
        throw Enough()
      }
    }
    #expect(try two.count("t") == 10)
    try one.begin()
    try two.begin()
    #expect(failure { try one.begin() }?.code == .invalid)
    try one.put("t", [1], [1])
    #expect(try two.get("t", [1]) == nil)
    let conflict = failure { try two.put("t", [1], [2]) }
    #expect(conflict?.code == .conflict)
    #expect(conflict?.isRetryable == true)
    try two.rollback()
    try two.rollback()
    try one.commit()
    #expect(failure { try one.commit() }?.code == .invalid)
    #expect(try two.get("t", [1]) == [1])
    two.close()
    one.close()
    try store.close()
  }

  @Test("fills an empty table in bulk, in order only")
  func bulk() throws {
    let keys = try TestKeys("system")
    let store = try Store.create(at: folder("s"), options: .test("system"), keys: keys)
    try store.withSession { session throws in
      try session.createTable("t", TableOptions(logged: false))
      let cursor = try session.openBulkCursor("t")
      for row in 0..<1000 { try cursor.insert(Session.key(row), Session.value(row)) }
      #expect(failure { try cursor.insert([0], [0]) }?.code == .invalid)
      try cursor.finish()
      cursor.close()
      try session.checkpoint()
      #expect(try session.count("t") == 1000)
    }
    try store.close()
  }

  @Test("creates and drops tables once, and refuses names that are none")
  func tables() throws {
    let keys = try TestKeys("system")
    let store = try Store.create(at: folder("s"), options: .test("system"), keys: keys)
    let (one, two) = (try store.openSession(), try store.openSession())
    try one.createTable("a-b_1")
    #expect(failure { try one.createTable("a-b_1") }?.code == .exists)
    for bad in ["", "A", "a/b", "a b", "../a", "a:b", "ä", String(repeating: "a", count: 201)] {
      #expect(failure { try one.createTable(bad) }?.code == .invalid)
      #expect(failure { _ = try one.get(bad, []) }?.code == .invalid)
    }
    #expect(failure { try one.createTable("t", TableOptions(leafPageBytes: 5000)) }?.code == .invalid)
    #expect(failure { try one.createTable("t", TableOptions(keyID: "a\"b")) }?.code == .invalid)
    #expect(failure { try one.createTable("t", TableOptions(keyID: "nobody")) }?.code == .missingKey)
    #expect(store.tableNames == ["a-b_1"])
    #expect(failure { _ = try one.get("t", []) }?.code == .notFound)
    #expect(failure { try one.dropTable("t") }?.code == .notFound)
    #expect(failure { try one.verify("t") }?.code == .notFound)
    _ = try two.get("a-b_1", [1])
    #expect(failure { try one.dropTable("a-b_1") }?.code == .busy)
    #expect(store.tableNames == ["a-b_1"])
    two.releaseCursors(of: "a-b_1")
    try one.dropTable("a-b_1")
    #expect(failure { _ = try two.get("a-b_1", [1]) }?.code == .notFound)
    #expect(!FileManager.default.fileExists(atPath: folder("s/a-b_1.wt")))
    try one.createTable("a-b_1")
    one.close()
    two.close()
    try store.close()
  }

  @Test("closes in any order without harm")
  func closing() throws {
    let store = try Store.create(at: folder("s"), options: .test())
    let session = try store.openSession()
    try session.createTable("t")
    let cursor = try session.openCursor("t")
    #expect(failure { try store.close() }?.code == .busy)
    #expect(store.openSessionCount == 1)
    session.close()
    session.close()
    #expect(failure { _ = try cursor.next() }?.code == .closed)
    cursor.close()
    #expect(failure { _ = try session.get("t", []) }?.code == .closed)
    #expect(failure { try session.begin() }?.code == .closed)
    try store.close()
    try store.close()
    #expect(failure { _ = try store.openSession() }?.code == .closed)
  }

  @Test("survives owners that let go in the wrong order")
  func lettingGo() throws {
    for round in 0..<5 {
      var store: Store? = try Store.create(at: folder("s\(round)"), options: .test())
      var session = try store?.openSession()
      try session?.createTable("t")
      try session?.fill("t", rows: 0..<10)
      let cursor = try session?.openCursor("t")
      store = nil
      #expect(try cursor?.next() == true)
      session = nil
      #expect(failure { _ = try cursor?.next() }?.code == .closed)
    }
  }

  @Test("is created once, and open once")
  func exclusive() throws {
    let store = try Store.create(at: folder("s"), options: .test())
    #expect(failure { _ = try Store.create(at: folder("s"), options: .test()) }?.code == .exists)
    #expect(failure { _ = try Store.open(at: folder("s"), options: .test()) }?.code == .busy)
    try store.close()
    #expect(failure { _ = try Store.create(at: folder("s"), options: .test()) }?.code == .exists)
    #expect(failure { _ = try Store.create(at: folder("no/such"), options: .test()) }?.code == .missingFile)
    #expect(failure { _ = try Store.open(at: folder("none"), options: .test()) }?.code == .missingFile)
    #expect(!FileManager.default.fileExists(atPath: folder("none")))
  }

  @Test("reads with four threads while one writes")
  func concurrency() async throws {
    let keys = try TestKeys("system")
    var options = StoreOptions.test("system")
    options.cacheBytes = 2 << 20
    let store = try Store.create(at: folder("s"), options: options, keys: keys)
    try store.withSession {
      try $0.createTable("t")
      try $0.fill("t", rows: 0..<5000)
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        try store.withSession { session throws in
          for batch in 0..<50 {
            try session.withTransaction { try session.fill("t", rows: 5000 + batch * 20..<5020 + batch * 20) }
            try session.flushLog()
            if batch % 10 == 9 { try session.checkpoint() }
          }
        }
      }
      for reader in 0..<4 {
        group.addTask {
          try store.withSession { session throws in
            for step in 0..<2000 {
              let row = (step &* 7919 &+ reader &* 1201) % 5000
              #expect(try session.get("t", Session.key(row)) == Session.value(row))
            }
            #expect(try (session.count("t") - 5000) % 20 == 0)
          }
        }
      }
      try await group.waitForAll()
    }
    try store.withSession { session throws in #expect(try session.count("t") == 6000) }
    try store.close()
  }
}
