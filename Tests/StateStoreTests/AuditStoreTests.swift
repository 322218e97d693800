// SPDX-License-Identifier: GPL-3.0-or-later
import AuditTrail
import ClusterModel
import CoordinatorCore
import Foundation
import GRDB
import Testing

@testable import StateStore

@Suite("The audit record in the store")
struct AuditStoreTests {
  private final class Folder {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("keyfold-audit-\(UUID().uuidString)").path
    var database: String { path + "/coordinator.sqlite" }
    deinit { try? FileManager.default.removeItem(atPath: path) }
  }

  private func changes(_ numbers: ClosedRange<Int>) -> [RecordChange] {
    numbers.map { number in
      .append(
        AuditEntry(
          at: OperatorTime(milliseconds: Int64(number)), by: .coordinator, action: "test", subject: "s\(number)",
          detail: "d", requestID: number % 2 == 0 ? "r" : nil))
    }
  }

  @Test("goes on from where it ended, also in the next process")
  func goesOn() throws {
    let folder = Folder()
    do {
      let store = try StateStore(folder: folder.path)
      #expect(try store.auditHead() == .empty)
      try store.apply(changes(1...3))
      try store.close()
    }
    let store = try StateStore(folder: folder.path)
    try store.apply(changes(4...5))
    let links = try store.audit(after: 0, limit: 100)
    #expect(links.map(\.entry.subject) == ["s1", "s2", "s3", "s4", "s5"])
    #expect(try AuditChain.check(links, after: .empty) == store.auditHead())
    #expect(try store.audit(after: 2, limit: 2).map(\.sequence) == [3, 4])
  }

  @Test("has nothing of a transaction that failed")
  func atomicity() throws {
    let folder = Folder()
    let store = try StateStore(folder: folder.path)
    let huge = [UInt8](repeating: 0, count: StateStore.maximumSecretLength + 1)
    #expect(throws: StateStoreError.self) { try store.apply(changes(1...1), secrets: [.put(id: "big", sealed: huge)]) }
    #expect(try store.auditHead() == .empty)
  }

  @Test("drops what was kept long enough, and stays a chain that says what it begins after")
  func retention() throws {
    let folder = Folder()
    let store = try StateStore(folder: folder.path, retainedAuditEntries: 10)
    for start in stride(from: 1, through: 1501, by: 100) { try store.apply(changes(start...(start + 99))) }
    let base = try store.auditBase()
    let kept = try store.auditHead().sequence - base.sequence
    #expect(base.sequence > 0 && kept >= 10 && kept <= 10 + 1000)
    var head = base
    while true {
      let links = try store.audit(after: head.sequence, limit: 500)
      if links.isEmpty { break }
      head = try AuditChain.check(links, after: head)
    }
    #expect(try head == store.auditHead())
  }

  @Test("shows one byte that was changed in the database")
  func oneByte() throws {
    let folder = Folder()
    do {
      let store = try StateStore(folder: folder.path)
      try store.apply(changes(1...9))
      try store.close()
    }
    let queue = try DatabaseQueue(path: folder.database)
    try queue.write { try $0.execute(sql: "UPDATE audit SET subject = 'S4' WHERE sequence = 4") }
    try queue.close()
    let store = try StateStore(folder: folder.path)
    let links = try store.audit(after: 0, limit: 100)
    #expect { try AuditChain.check(links, after: .empty) } throws: { ($0 as? AuditError)?.sequence == 4 }
  }

  @Test("takes up decisions that the first schema kept, and keeps them once")
  func migration() throws {
    let folder = Folder()
    do { try StateStore(folder: folder.path).close() }
    let queue = try DatabaseQueue(path: folder.database)
    try queue.write { database in
      try database.execute(sql: "DROP TABLE audit; DROP TABLE audit_base; PRAGMA user_version = 1")
      for number in 1...2 {
        let json =
          #"{"at":{"milliseconds":\#(number)},"by":"admin","command":"node approve","subject":"n","what":"w"}"#
        try database.execute(
          sql: "INSERT INTO records (kind, id, json) VALUES ('audit', ?, ?)", arguments: ["\(number)", Data(json.utf8)])
      }
    }
    try queue.close()
    for _ in 1...2 {
      let store = try StateStore(folder: folder.path)
      let links = try store.audit(after: 0, limit: 10)
      #expect(
        links.map(\.entry.at.milliseconds) == [1, 2] && links.map(\.entry.action) == ["node approve", "node approve"])
      #expect(try AuditChain.check(links, after: .empty) == store.auditHead())
      #expect(try store.records().isEmpty)
      try store.close()
    }
  }
}
