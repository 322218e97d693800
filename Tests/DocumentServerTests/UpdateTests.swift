// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Testing

@testable import DocumentServer

@Suite("An update changes what it names and nothing else")
struct UpdateTests {
  static let document: Document = [
    "_id": 1, "n": 5, "a": ["b": 1], "list": [1, ["x": 1]], "long": .int64(.max), "s": "t",
  ]

  @Test(
    "applies",
    arguments: [
      (["x": 1], ["_id": 1, "x": 1]), (["_id": 1.0, "x": 1], ["_id": 1, "x": 1]), ([:], ["_id": 1]),
      (["$set": ["n": 6]], ["_id": 1, "n": 6]), (["$set": ["z.y": 1]], ["_id": 1, "n": 5, "z": ["y": 1]]),
      (["$unset": ["n": ""]], ["_id": 1]), (["$unset": ["q.r": ""]], ["_id": 1, "n": 5]),
      (["$inc": ["n": 2]], ["_id": 1, "n": 7]), (["$inc": ["n": 0.5]], ["_id": 1, "n": 5.5]),
      (["$inc": ["n": .int64(1)]], ["_id": 1, "n": .int64(6)]),
      (["$inc": ["n": .int32(.max)]], ["_id": 1, "n": .int64(2_147_483_652)]),
      (["$inc": ["m": 3]], ["_id": 1, "n": 5, "m": 3]),
      (["$set": ["b": 1, "a": 2]], ["_id": 1, "n": 5, "a": 2, "b": 1]),
      (["$setOnInsert": ["m": 3]], ["_id": 1, "n": 5]), (["$set": ["_id": 1.0]], ["_id": 1, "n": 5]),
      (["$set": [:]], ["_id": 1, "n": 5]), (["$set": ["n": ["$x": 1]]], ["_id": 1, "n": ["$x": 1]]),
    ] as [(Document, Document)])
  func applies(_ update: Document, _ expected: Document) throws {
    #expect(try UpdateOperation(.document(update)).apply(to: ["_id": 1, "n": 5]) == expected)
  }

  @Test("goes into arrays by place and fills up with null")
  func arrays() throws {
    let old: Document = ["_id": 1, "list": [1, ["x": 1]]]
    func list(_ update: Document) throws -> [BSONValue]? {
      try UpdateOperation(.document(update)).apply(to: old)["list"]?.elements
    }
    #expect(try list(["$set": ["list.1.x": 2, "list.3": 9]]) == [1, ["x": 2], .null, 9])
    #expect(try list(["$unset": ["list.0": 1]]) == [.null, ["x": 1]])
    #expect(try list(["$set": ["list.2.y": 1]]) == [1, ["x": 1], ["y": 1]])
    #expect(try list(["$inc": ["list.0": 1]]) == [2, ["x": 1]])
  }

  @Test(
    "is refused with MongoDB's code",
    arguments: [
      (["$set": ["n.x": 1]], 28), (["$set": ["list.x": 1]], 28), (["$inc": ["s": 1]], 14), (["$inc": ["n": "1"]], 14),
      (["$inc": ["long": 1]], 2), (["$set": ["_id": 2]], 66), (["$unset": ["_id": 1]], 66), (["_id": 2], 66),
      (["$set": ["a": 1, "a.b": 2]], 40), (["$set": ["n": 1], "$inc": ["n": 1]], 40), (["$push": ["n": 1]], 9),
      (["$set": 1], 9), (["$set": ["a..b": 1]], 56), (["$set": ["": 1]], 56), (["$set": ["list.$": 1]], 2),
      (["$set": ["list.$[]": 1]], 2), (["a": 1, "$set": ["b": 1]], 52), (["$set": ["list.999999999": 1]], 2),
      (["$set": ["b": 1], "c": 1], 9),
    ] as [(Document, Int32)])
  func refused(_ update: Document, _ code: Int32) {
    #expect {
      _ = try UpdateOperation(.document(update)).apply(to: UpdateTests.document)
    } throws: { ($0 as? CommandError)?.code.number == code }
  }

  @Test("never makes a document that is too deep or too large")
  func limits() throws {
    let deep = Array(repeating: "a", count: 101).joined(separator: ".")
    #expect(throws: CommandError.self) { try UpdateOperation(["$set": .document([deep: 1])]).apply(to: ["_id": 1]) }
    let absurd = Array(repeating: "a", count: 1_000_000).joined(separator: ".")
    #expect(throws: CommandError.self) { try UpdateOperation(["$set": .document([absurd: 1])]) }
    #expect(throws: CommandError.self) { try Filter([absurd: 1]) }
    let half = BSONValue.binary(subtype: 0, bytes: [UInt8](repeating: 0, count: 9 << 20))
    #expect {
      _ = try UpdateOperation(["$set": ["b": half]]).apply(to: ["_id": 1, "a": half])
    } throws: { ($0 as? CommandError)?.code == .documentTooLarge }
  }

  @Test(
    "inserts the query's equalities and the update",
    arguments: [
      (["_id": 7, "a": 1], ["$set": ["b": 2]], ["_id": 7, "a": 1, "b": 2]),
      (["_id": 7, "a": 1], ["b": 2], ["_id": 7, "b": 2]),
      (["_id": 7, "x.y": 1], ["$inc": ["n": 1]], ["_id": 7, "x": ["y": 1], "n": 1]),
      (["_id": 7, "n": ["$gt": 1]], ["$setOnInsert": ["z": 1]], ["_id": 7, "z": 1]),
      (["$and": [["_id": 7], ["a": ["$eq": 3]]]], ["$set": ["b": 1]], ["_id": 7, "a": 3, "b": 1]),
      (["a": 1], ["$set": ["_id": 7]], ["_id": 7, "a": 1]),
    ] as [(Document, Document, Document)])
  func upserts(_ query: Document, _ update: Document, _ expected: Document) throws {
    let operation = try UpdateOperation(.document(update))
    #expect(try operation.upserted(query: Filter(query)) { ObjectID(term: 1) } == expected)
  }

  @Test("makes an _id for an upsert that has none")
  func upsertID() throws {
    let made = try UpdateOperation(["$set": ["b": 1]]).upserted(query: Filter(["a": 1])) { ObjectID(term: 9) }
    #expect(made == ["_id": .objectID(ObjectID(term: 9)), "a": 1, "b": 1])
  }
}
