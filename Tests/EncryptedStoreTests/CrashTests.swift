// SPDX-License-Identifier: GPL-3.0-or-later
import EncryptedStore
import Foundation
import Testing

@Suite("A crash loses nothing that was promised")
struct CrashTests {
  let folder: TemporaryFolder
  let keys: TestKeys

  init() throws {
    folder = try TemporaryFolder()
    keys = try TestKeys("system", "db")
  }

  private func open(_ name: String) throws -> Store {
    try Store.open(at: folder(name), options: .test("system"), keys: keys)
  }

  /// A crash image whose journal holds 300 rows after the checkpoint's 100.
  private func makeCrash() throws {
    let store = try Store.create(at: folder("s"), options: .test("system"), keys: keys)
    try store.withSession { session throws in
      try session.createTable("logged", TableOptions(keyID: "db"))
      try session.createTable("unlogged", TableOptions(keyID: "db", logged: false))
      for table in ["logged", "unlogged"] { try session.fill(table, rows: 0..<100) }
      try session.checkpoint()
      for table in ["logged", "unlogged"] { try session.fill(table, rows: 100..<400) }
      try session.flushLog()
      try session.begin()
      try session.fill("logged", rows: 400..<410)
      try folder.crashImage(of: "s", as: "crashed")
      try session.rollback()
    }
    try store.close()
  }

  private func lastLog(_ store: String) throws -> String {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder(store))
    return try store + "/" + #require(names.filter { $0.hasPrefix("WiredTigerLog.") }.max())
  }

  @Test("keeps what a logged table flushed, and takes an unlogged one back to the checkpoint")
  func durability() throws {
    try makeCrash()
    let store = try open("crashed")
    try store.withSession { session throws in
      #expect(try session.count("logged") == 400)
      #expect(try session.count("unlogged") == 100)
      #expect(try session.get("logged", Session.key(399)) == Session.value(399))
    }
    try store.close()
  }

  @Test("takes a torn record at the journal's end as normal")
  func tornTail() throws {
    try makeCrash()
    let log = try lastLog("crashed")
    let bytes = try Data(contentsOf: URL(filePath: folder(log)))
    let end = try #require(bytes.lastIndex { $0 != 0 }) + 1
    try folder.truncate(log, to: end - 100)
    let store = try open("crashed")
    try store.withSession { session throws in #expect(try (395..<400).contains(session.count("logged"))) }
    try store.close()
  }

  @Test("calls a flipped byte in the middle of the journal damage", arguments: [0.3, 0.5, 0.7, 0.9])
  func flippedJournal(part: Double) throws {
    try makeCrash()
    let log = try lastLog("crashed")
    let bytes = try Data(contentsOf: URL(filePath: folder(log)))
    let end = try #require(bytes.lastIndex { $0 != 0 })
    try folder.flip(log, at: Int(Double(end) * part))
    let error = failure { _ = try open("crashed") }
    #expect(error?.code == .damaged)
    #expect(error?.file == log.split(separator: "/").last.map(String.init))
    // Recovery has cut the journal, and still no opening takes what is left for the whole.
    let again = failure { _ = try open("crashed") }
    #expect(again?.code == .damaged)
    #expect(again?.file == error?.file)
  }

  @Test("calls a changed length in the middle of the journal damage", arguments: 1...3)
  func flippedLength(byte: Int) throws {
    try makeCrash()
    let log = try lastLog("crashed")
    let bytes = try Data(contentsOf: URL(filePath: folder(log)))
    // The record of some row: a length of two bytes at a multiple of 128 in the second half.
    let half = try #require(bytes.lastIndex { $0 != 0 }) / 2 / 128 * 128
    let starts = stride(from: half, to: half + 8192, by: 128)
    let start = try #require(starts.first { bytes[$0 + 1] == 1 && bytes[$0 + 2] == 0 && bytes[$0 + 3] == 0 })
    try folder.flip(log, at: start + byte)
    let error = failure { _ = try open("crashed") }
    #expect(error?.code == .damaged)
    #expect(error?.file?.hasPrefix("WiredTigerLog.") == true)
  }

  @Test("refuses a journal with a file missing in the middle")
  func journalGap() throws {
    try makeCrash()
    let log = try lastLog("crashed")
    try FileManager.default.copyItem(atPath: folder(log), toPath: folder("crashed/WiredTigerLog.0000000009"))
    let error = failure { _ = try open("crashed") }
    #expect(error?.code == .missingFile)
    #expect(error?.file?.hasPrefix("WiredTigerLog.000000000") == true)
  }

  @Test("keeps every flushed row of a process that was killed")
  func killed() async throws {
    let path = folder("killed")
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      let store = try Store.create(at: path, options: .test("system"), keys: TestKeys(fixed: "system"))
      let session = try store.openSession()
      try session.createTable("t")
      try session.fill("t", rows: 0..<500)
      try session.flushLog()
      kill(getpid(), SIGKILL)
    }
    let store = try Store.open(at: path, options: .test("system"), keys: TestKeys(fixed: "system"))
    try store.withSession { session throws in #expect(try session.count("t") == 500) }
    try store.close()
  }

  @Test("finishes a creation and a drop that a crash interrupted")
  func interruptedTables() throws {
    let store = try Store.create(at: folder("s"), options: .test("system"), keys: keys)
    try store.withSession { session throws in
      for table in ["a", "b", "c"] { try session.createTable(table, TableOptions(keyID: "db")) }
    }
    try store.close()
    // What is on disk if the process dies after the first manifest of a creation or a drop.
    var manifest = try String(contentsOfFile: folder("s/manifest"), encoding: .utf8)
    manifest = manifest.replacing("table a db", with: "creating a db").replacing("table b db", with: "dropping b db")
      .replacing("end 3", with: "creating d\nend 4")
    try manifest.write(toFile: folder("s/manifest"), atomically: true, encoding: .utf8)
    let again = try open("s")
    #expect(again.tableNames == ["c"])
    #expect(again.keyIDs == ["system", "db"])
    try again.withSession { session throws in
      try session.createTable("a")
      try session.createTable("d")
      #expect(failure { _ = try session.get("b", []) }?.code == .notFound)
    }
    try again.close()
    #expect(!FileManager.default.fileExists(atPath: folder("s/b.wt")))
  }

  @Test("leaves a creation of the store that was interrupted closed for ever")
  func interruptedStore() throws {
    try Store.create(at: folder("s"), options: .test("system"), keys: keys).close()
    try FileManager.default.removeItem(atPath: folder("s/manifest"))
    #expect(failure { _ = try open("s") }?.file == "manifest")
  }

  @Test("groups commits of several sessions into one flush")
  func groupCommit() throws {
    let store = try Store.create(at: folder("s"), options: .test("system"), keys: keys)
    let sessions = try (0..<4).map { _ in try store.openSession() }
    try sessions[0].createTable("t")
    for (index, session) in sessions.enumerated() {
      try session.withTransaction { try session.fill("t", rows: index * 100..<index * 100 + 100) }
    }
    try sessions[0].flushLog()
    try folder.crashImage(of: "s", as: "crashed")
    for session in sessions { session.close() }
    try store.close()
    let crashed = try open("crashed")
    try crashed.withSession { session throws in #expect(try session.count("t") == 400) }
    try crashed.close()
  }
}
