// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Testing

@testable import DocumentServer

@Suite("findAndModify changes one document and gives it back")
struct FindAndModifyTests {
  static func filled() async throws -> Session {
    let session = Session()
    try await session.insert(["_id": 1, "p": 5], ["_id": 2, "p": 3], ["_id": 3, "p": 9])
    return session
  }

  @Test("gives the document as it was or as it is")
  func images() async throws {
    let session = try await Self.filled()
    let increment: BSONValue = ["$inc": ["p": 1]]
    let old = try await session.accept(["findAndModify": "c", "query": ["_id": 1], "update": increment])
    #expect(old.inner("value") == ["_id": 1, "p": 5])
    #expect(old.inner("lastErrorObject") == ["n": 1, "updatedExisting": true])
    let new = try await session.accept([
      "findAndModify": "c", "query": ["_id": 1], "update": increment, "new": true, "fields": ["p": 1, "_id": 0],
    ])
    #expect(new.inner("value") == ["p": 7])
    let replaced = try await session.accept([
      "findAndModify": "c", "query": ["_id": 1], "update": ["q": 1], "new": true,
    ])
    #expect(replaced.inner("value") == ["_id": 1, "q": 1])
  }

  @Test("takes the first in the order of a sort")
  func sorted() async throws {
    let session = try await Self.filled()
    for expected in [3, 1, 2] {
      let reply = try await session.accept(["findAndModify": "c", "sort": ["p": -1], "remove": true])
      #expect(reply.inner("value").number("_id") == expected)
    }
    let none = try await session.accept(["findAndModify": "c", "sort": ["p": -1], "remove": true])
    #expect(none["value"] == .null)
    #expect(none.inner("lastErrorObject") == ["n": 0])
  }

  @Test("gives every document of a queue to one of many workers")
  func queue() async throws {
    let session = Session()
    for number in 0..<40 { try await session.insert(["_id": .integer(number), "p": .integer(number % 7)]) }
    let taken = try await withThrowingTaskGroup(of: [Int].self) { group in
      for _ in 0..<4 {
        group.addTask {
          var mine: [Int] = []
          while true {
            let reply = try await session.accept(["findAndModify": "c", "sort": ["p": 1], "remove": true])
            guard case .document(let document)? = reply["value"] else { return mine }
            mine.append(document.number("_id"))
          }
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    #expect(taken.sorted() == Array(0..<40))
  }

  @Test("makes a document if it may")
  func upsert() async throws {
    let session = try await Self.filled()
    let absent = try await session.accept(["findAndModify": "c", "query": ["_id": 7], "update": ["$set": ["a": 1]]])
    #expect(absent["value"] == .null)
    #expect(absent.inner("lastErrorObject") == ["n": 0, "updatedExisting": false])
    let made = try await session.accept([
      "findAndModify": "c", "query": ["_id": 7], "update": ["$set": ["a": 1]], "upsert": true, "new": true,
    ])
    #expect(made.inner("value") == ["_id": 7, "a": 1])
    #expect(made.inner("lastErrorObject") == ["n": 1, "updatedExisting": false, "upserted": 7])
    let duplicate = try await session.run([
      "findAndModify": "c", "query": ["_id": 7, "a": 2], "update": ["$set": ["b": 1]], "upsert": true,
    ])
    #expect(duplicate.number("code") == 11000)
    #expect(duplicate.inner("keyValue") == ["_id": 7])
  }

  @Test("sent again, gives the same document and changes nothing more")
  func retried() async throws {
    let driver = RetryingDriver(try await Self.filled())
    let increment: Document = ["findAndModify": "c", "query": ["_id": 1], "update": ["$inc": ["p": 1]], "new": true]
    let first = try await driver.run(increment, number: 1)
    let second = try await driver.run(increment, number: 1)
    #expect(first.inner("value") == ["_id": 1, "p": 6])
    #expect(second.inner("value") == first.inner("value"))
    #expect(second["lastErrorObject"] == first["lastErrorObject"])
    #expect(second["retriedStmtId"] == 0)
    let remove: Document = ["findAndModify": "c", "sort": ["p": 1], "remove": true]
    let removed = try await driver.run(remove, number: 2)
    #expect(try await driver.run(remove, number: 2).inner("value") == removed.inner("value"))
    #expect(try await driver.session.find().count == 2)
  }
}
