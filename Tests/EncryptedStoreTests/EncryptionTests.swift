// SPDX-License-Identifier: GPL-3.0-or-later
import EncryptedStore
import Foundation
import Sealing
import Testing

@Suite("An encrypted store shows nothing and takes no wrong key")
struct EncryptionTests {
  let folder: TemporaryFolder
  let marker = "MARKER-of-a-secret-row"

  init() throws { folder = try TemporaryFolder() }

  private func fill(_ store: Store, keyID: String?) throws {
    try store.withSession { session throws in
      try session.createTable("logged", TableOptions(keyID: keyID))
      try session.createTable("unlogged", TableOptions(keyID: keyID, logged: false))
      for table in ["logged", "unlogged"] {
        try session.fill(table, rows: 0..<500, marker: marker)
        try session.put(table, Array("\(marker)-key".utf8), Session.value(1, size: 400_000, marker: marker))
      }
      try session.flushLog()
      try session.checkpoint()
      // These stay in the journal.
      try session.fill("logged", rows: 500..<600, marker: marker)
      try session.flushLog()
    }
  }

  @Test("leaves no plaintext in any file, journal and overflow pages included")
  func nothingShows() throws {
    let keys = try TestKeys("system", "db")
    let store = try Store.create(at: folder("s"), options: .test("system"), keys: keys)
    try fill(store, keyID: "db")
    #expect(try folder.files(in: "s", containing: marker) == [])
    try store.close()
    #expect(try folder.files(in: "s", containing: marker) == [])
  }

  @Test("shows everything without keys, which proves the test above")
  func everythingShows() throws {
    let store = try Store.create(at: folder("s"), options: .test())
    try fill(store, keyID: nil)
    let files = try folder.files(in: "s", containing: marker)
    #expect(Set(files).isSuperset(of: ["logged.wt", "unlogged.wt"]))
    #expect(files.contains { $0.hasPrefix("WiredTigerLog.") })
    try store.close()
  }

  @Test("refuses a wrong or missing system key, and opens with the right one afterwards")
  func systemKey() throws {
    let keys = try TestKeys("system", "db")
    let store = try Store.create(at: folder("s"), options: .test("system"), keys: keys)
    try fill(store, keyID: "db")
    try store.close()
    let others = try TestKeys("system", "db")
    let wrong = failure { _ = try Store.open(at: folder("s"), options: .test("system"), keys: others) }
    #expect(wrong?.code == .damaged)
    #expect(wrong?.file != nil)
    let missing = failure {
      _ = try Store.open(at: folder("s"), options: .test("system"), keys: keys.without("system"))
    }
    #expect(missing?.code == .missingKey)
    #expect(failure { _ = try Store.open(at: folder("s"), options: .test("db"), keys: keys) }?.code == .wrongKey)
    #expect(failure { _ = try Store.open(at: folder("s"), options: .test()) }?.code == .wrongKey)
    let again = try Store.open(at: folder("s"), options: .test("system"), keys: keys)
    try again.withSession { session throws in #expect(try session.count("logged") == 601) }
    try again.close()
  }

  @Test("refuses to encrypt a store that was made in plaintext, and the other way round")
  func noSwitch() throws {
    let keys = try TestKeys("system")
    try Store.create(at: folder("s"), options: .test()).close()
    let error = failure { _ = try Store.open(at: folder("s"), options: .test("system"), keys: keys) }
    #expect(error?.code == .wrongKey)
    let store = try Store.open(at: folder("s"), options: .test())
    try store.withSession { session throws in
      #expect(failure { try session.createTable("t", TableOptions(keyID: "system")) }?.code == .invalid)
    }
    try store.close()
  }

  @Test("loses only the tables whose key is wrong or missing")
  func tableKeys() throws {
    let keys = try TestKeys("system", "one", "two", "three")
    let store = try Store.create(at: folder("s"), options: .test("system"), keys: keys)
    try store.withSession { session throws in
      for name in ["one", "two", "three"] {
        try session.createTable(name, TableOptions(keyID: name))
        try session.fill(name, rows: 0..<100)
      }
    }
    try store.close()
    let some = try keys.without("three")
    try some.add("two")
    let again = try Store.open(at: folder("s"), options: .test("system"), keys: some)
    try again.withSession { session throws in
      let wrong = failure { _ = try session.get("two", [1]) }
      #expect(wrong?.code == .damaged)
      #expect(wrong?.file == "two.wt")
      #expect(wrong?.detail.contains("written under another") == true)
      let missing = failure { _ = try session.get("three", [1]) }
      #expect(missing?.code == .missingKey)
      #expect(missing?.detail.contains("three") == true)
      #expect(try session.count("one") == 100)
      try session.fill("one", rows: 100..<200)
      try session.checkpoint()
      #expect(!again.isPanicked)
      // A key that arrives later is found, and a table goes without its key.
      try some.add("three")
      #expect(failure { _ = try session.get("three", [1]) }?.code == .damaged)
      try session.dropTable("three")
      try session.dropTable("two")
      #expect(session.tableNames() == ["one"])
    }
    try again.close()
  }

  @Test("names the key that recovery wants, and recovers when it gets it")
  func keyMissingInRecovery() throws {
    let keys = try TestKeys("system", "db")
    let store = try Store.create(at: folder("s"), options: .test("system"), keys: keys)
    try store.withSession { session throws in
      try session.createTable("t", TableOptions(keyID: "db"))
      try session.checkpoint()
      try session.fill("t", rows: 0..<100)
      try session.flushLog()
    }
    try folder.crashImage(of: "s", as: "crashed")
    try store.close()
    let error = failure {
      _ = try Store.open(at: folder("crashed"), options: .test("system"), keys: keys.without("db"))
    }
    #expect(error?.code == .missingKey)
    #expect(error?.detail.contains("db") == true)
    let again = try Store.open(at: folder("crashed"), options: .test("system"), keys: keys)
    try again.withSession { session throws in #expect(try session.count("t") == 100) }
    try again.close()
  }

  @Test("turns a revoked key into errors, never into a crash")
  func revoked() throws {
    let keys = try TestKeys("system", "db")
    let heard = Heard()
    let store = try Store.create(at: folder("s"), options: .test("system"), keys: keys, events: heard.events)
    let session = try store.openSession()
    try session.createTable("t", TableOptions(keyID: "db"))
    try session.fill("t", rows: 0..<100)
    try session.checkpoint()
    try session.fill("t", rows: 100..<200)
    keys.pageCipher(forKeyID: "db")?.revoke()
    // Cached pages are cleartext in memory.
    #expect(try session.count("t") == 200)
    #expect(failure { try session.checkpoint() }?.code == .missingKey)
    session.close()
    #expect(throws: StoreError.self) { try store.close() }
    #expect(failure { _ = try store.openSession() }?.code == .closed)
  }
}
