// SPDX-License-Identifier: GPL-3.0-or-later
import EncryptedStore
import Foundation
import Testing

@Suite("A scrub reads what nobody reads")
struct ScrubTests {
  let folder: TemporaryFolder
  let keys: TestKeys

  init() throws {
    folder = try TemporaryFolder()
    keys = try TestKeys("system", "db")
  }

  private func make(rows: Int) throws -> (Store, Session) {
    let store = try Store.create(at: folder("s"), options: .test("system"), keys: keys)
    let session = try store.openSession()
    try session.createTable("one", TableOptions(keyID: "db"))
    try session.fill("one", rows: 0..<rows)
    return (store, session)
  }

  /// Steps through a table; answers how many bytes, in how many steps.
  private func scrub(_ session: Session, _ table: String, budget: Int) throws -> (bytes: Int, steps: Int) {
    var (bytes, steps, position) = (0, 0, [UInt8]?.none)
    repeat {
      let rows = try session.scrub(table, after: position, budget: budget)
      (bytes, steps, position) = (bytes + rows.bytes, steps + 1, rows.last)
    } while position != nil
    return (bytes, steps)
  }

  @Test("goes through every row once, in steps of any size, while the table is written")
  func steps() throws {
    let (store, session) = try make(rows: 3000)
    #expect(try scrub(session, "one", budget: 1_000_000).bytes == 0, "no checkpoint has seen the table")
    try session.checkpoint()
    let whole = try scrub(session, "one", budget: .max)
    #expect(whole.steps == 1 && whole.bytes > 3000)
    try session.fill("one", rows: 3000..<4000)
    let small = try scrub(session, "one", budget: whole.bytes / 50)
    #expect(small.bytes == whole.bytes && small.steps >= 50)
    try session.checkpoint()
    #expect(try scrub(session, "one", budget: 10_000).bytes > whole.bytes)
    try session.dropTable("one")
    #expect(try scrub(session, "one", budget: 10_000).bytes == 0)
    session.close()
    try store.close()
  }

  @Test("finds a bit flipped on disk although the page is in memory, and names the file")
  func flipped() throws {
    let (store, session) = try make(rows: 3000)
    try session.checkpoint()
    let handle = try FileHandle(forUpdating: URL(filePath: folder("s/one.wt")))
    try handle.seek(toOffset: UInt64(folder.size(of: "s/one.wt") / 2))
    let old = try #require(try handle.read(upToCount: 1)?.first)
    try handle.seek(toOffset: UInt64(folder.size(of: "s/one.wt") / 2))
    try handle.write(contentsOf: Data([old ^ 0x10]))
    try handle.close()
    let error = failure { _ = try scrub(session, "one", budget: 10_000) }
    #expect(error?.code == .damaged && error?.file == "one.wt", "\(String(describing: error))")
    #expect(store.isPanicked)
  }
}
