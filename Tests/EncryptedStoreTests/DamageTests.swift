// SPDX-License-Identifier: GPL-3.0-or-later
import EncryptedStore
import Foundation
import Testing

@Suite("Damage is an error that names the file, never an empty or shorter store")
struct DamageTests {
  let folder: TemporaryFolder
  let keys: TestKeys

  init() throws {
    folder = try TemporaryFolder()
    keys = try TestKeys("system", "db")
  }

  /// A closed store of two tables with 3,000 rows each.
  private func makeStore() throws {
    let store = try Store.create(at: folder("s"), options: .test("system"), keys: keys)
    try store.withSession { session throws in
      for table in ["one", "two"] {
        try session.createTable(table, TableOptions(keyID: "db"))
        try session.fill(table, rows: 0..<3000)
      }
    }
    try store.close()
  }

  private func open(_ name: String = "s", _ heard: Heard = Heard()) throws -> Store {
    try Store.open(at: folder(name), options: .test("system"), keys: keys, events: heard.events)
  }

  @Test(
    "refuses to open without one of its files",
    arguments: [
      "WiredTiger", "WiredTiger.turtle", "WiredTiger.wt", "two.wt", "manifest", "WiredTigerLog.",
    ])
  func missingFile(file: String) throws {
    try makeStore()
    let names = try FileManager.default.contentsOfDirectory(atPath: folder("s"))
    for name in names where name == file || (file.hasSuffix(".") && name.hasPrefix(file)) {
      try FileManager.default.removeItem(atPath: folder("s/\(name)"))
    }
    let before = try Set(FileManager.default.contentsOfDirectory(atPath: folder("s")))
    let error = failure { _ = try open() }
    #expect(error?.code == .missingFile)
    #expect(error?.file?.hasPrefix(file) == true)
    // Nothing was made in its place.
    #expect(try Set(FileManager.default.contentsOfDirectory(atPath: folder("s"))) == before)
  }

  @Test("refuses a manifest that is not what it wrote", arguments: [0, 3, 20, 30])
  func badManifest(offset: Int) throws {
    try makeStore()
    try folder.flip("s/manifest", at: offset)
    let error = failure { _ = try open() }
    #expect(error?.code == .damaged || error?.code == .wrongKey || error?.code == .invalid)
    try folder.flip("s/manifest", at: offset)
    try folder.truncate("s/manifest", to: folder.size(of: "s/manifest") - 1)
    let cut = failure { _ = try open() }
    #expect(cut?.code == .damaged)
    #expect(cut?.file == "manifest")
  }

  @Test("reports a flipped byte of a table once, by the file's name, and stops")
  func flippedByte() throws {
    try makeStore()
    for page in 2..<(try folder.size(of: "s/two.wt") / 4096 - 8) { try folder.flip("s/two.wt", at: page * 4096 + 2000) }
    let heard = Heard()
    let store = try open("s", heard)
    try store.withSession { session throws in
      let error = failure { _ = try session.count("two") }
      #expect(error?.code == .damaged)
      #expect(error?.file == "two.wt")
      #expect(error?.isFatal == true)
      #expect(store.isPanicked)
      #expect(heard.damages.map(\.file) == ["two.wt"])
      let next = failure { _ = try session.get("one", Session.key(1)) }
      #expect(next?.code == .panic)
      #expect(next?.file == "two.wt")
      #expect(failure { _ = try store.openSession() }?.code == .panic)
    }
    #expect(throws: StoreError.self) { try store.close() }
    #expect(heard.damages.count == 1)
    let again = try open()
    try again.withSession { session throws in #expect(try session.count("one") == 3000) }
    try again.close()
  }

  @Test("finds a bit flipped anywhere in what an encrypted table holds, without a checksum of WiredTiger's")
  func everyByte() throws {
    let store = try Store.create(at: folder("s"), options: .test("system"), keys: keys)
    try store.withSession { session throws in
      try session.createTable("two", TableOptions(keyID: "db", logged: false))
      try session.fill("two", rows: 0..<100)
    }
    try store.close()
    // The rows are one page of 20 KiB and more; around it are WiredTiger's own small blocks, and padding.
    var found = 0
    for offset in stride(from: 4096 + 7, to: try folder.size(of: "s/two.wt"), by: 307) {
      try folder.flip("s/two.wt", at: offset)
      let error = failure {
        let store = try open()
        defer { try? store.close() }
        try store.withSession { session throws in
          for row in 0..<100 { #expect(try session.get("two", Session.key(row)) == Session.value(row), "at \(offset)") }
        }
      }
      if let error {
        #expect(error.code == .damaged && error.file == "two.wt", "at \(offset): \(error)")
        found += 1
      }
      try folder.flip("s/two.wt", at: offset)
    }
    #expect(found > 20 << 10 / 307, "every byte of the page, a part of the rest")
  }

  @Test("finds a flipped byte by verifying, without stopping")
  func verify() throws {
    try makeStore()
    for page in 2..<(try folder.size(of: "s/two.wt") / 4096 - 8) { try folder.flip("s/two.wt", at: page * 4096 + 2000) }
    let store = try open()
    try store.withSession { session throws in
      try session.verify("one")
      let error = failure { try session.verify("two") }
      #expect(error?.code == .damaged)
      #expect(error?.file == "two.wt")
      #expect(!store.isPanicked)
      #expect(try session.count("one") == 3000)
    }
    try store.close()
  }

  @Test("keeps page contents out of messages, of a store in plaintext too")
  func quietMessages() throws {
    let store = try Store.create(at: folder("p"), options: .test())
    try store.withSession { session throws in
      try session.createTable("t")
      for row in 0..<3000 { try session.put("t", Session.key(row), [UInt8](repeating: 0x41, count: 200)) }
    }
    try store.close()
    for page in 2..<(try folder.size(of: "p/t.wt") / 4096 - 8) { try folder.flip("p/t.wt", at: page * 4096 + 2000) }
    let heard = Heard()
    let again = try Store.open(at: folder("p"), options: .test(), events: heard.events)
    try again.withSession { session throws in #expect(failure { _ = try session.count("t") }?.code == .damaged) }
    #expect(!heard.messages.isEmpty)
    #expect(heard.messages.allSatisfy { !$0.contains("41 41 41") && !$0.contains("414141") && $0.count <= 1024 })
    #expect(throws: StoreError.self) { try again.close() }
  }

  @Test("loses only the table whose file was cut off", arguments: [0, 4096, 20_000])
  func truncatedTable(size: Int) throws {
    try makeStore()
    try folder.truncate("s/two.wt", to: size)
    let store = try open()
    try store.withSession { session throws in
      let error = failure { _ = try session.count("two") }
      #expect(error?.code == .damaged)
      #expect(error?.file == "two.wt")
      if !store.isPanicked { #expect(try session.count("one") == 3000) }
    }
    try? store.close()
  }

  @Test("refuses a turtle or metadata file that was emptied", arguments: ["WiredTiger.turtle", "WiredTiger.wt"])
  func emptied(file: String) throws {
    try makeStore()
    try folder.truncate("s/\(file)", to: 0)
    let error = failure { _ = try open() }
    #expect(error?.code == .damaged)
  }

  @Test("names a turtle with flipped bits, wherever they are, or is not hurt by them")
  func flippedTurtle() throws {
    try makeStore()
    let size = try folder.size(of: "s/WiredTiger.turtle")
    var refused = 0
    for offset in stride(from: 0, to: size, by: 37) {
      try folder.flip("s/WiredTiger.turtle", at: offset)
      let sound = folder("copy-\(offset)")
      try FileManager.default.copyItem(atPath: folder("s"), toPath: sound)
      try folder.flip("s/WiredTiger.turtle", at: offset)
      let error = failure { try open("copy-\(offset)").close() }
      guard let error else { continue }
      refused += 1
      #expect([.damaged, .missingFile, .panic].contains(error.code), "at \(offset): \(error)")
      if error.code == .damaged { #expect(error.file != nil, "at \(offset): \(error)") }
    }
    #expect(refused > 0)
  }
}
