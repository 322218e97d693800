// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Testing

@testable import DocumentServer

@Suite("A query matches what MongoDB matches")
struct FilterTests {
  static let document: Document = [
    "_id": 1, "n": 5, "s": "text", "null": .null, "list": [1, 2, 3], "docs": [["x": 1], ["x": 2, "y": 3]], "empty": [],
    "inner": ["deep": ["n": 7]], "nan": .double(.nan), "flag": true,
  ]

  @Test(
    "holds",
    arguments: [
      [:], ["n": 5], ["n": 5.0], ["n": ["$eq": 5]], ["n": ["$gt": 4, "$lt": 6]], ["n": ["$gte": 5]], ["n": ["$lte": 5]],
      ["n": ["$ne": 6]], ["n": ["$in": [1, 5]]], ["n": ["$nin": [1, 2]]], ["s": ["$gt": "tex"]], ["absent": .null],
      ["null": .null], ["absent": ["$exists": false]], ["null": ["$exists": true]], ["empty": ["$exists": true]],
      ["list": 2], ["list": [1, 2, 3]], ["list": ["$gt": 2]], ["list": ["$in": [9, 3]]], ["docs.x": 2], ["docs.1.y": 3],
      ["docs.y": .null], ["inner.deep.n": 7], ["inner": ["deep": ["n": 7]]], ["$or": [["n": 1], ["n": 5]]],
      ["$and": [["n": 5], ["s": "text"]]], ["$nor": [["n": 1], ["s": "x"]]], ["n": ["$not": ["$gt": 5]]],
      ["absent": ["$not": ["$gt": 5]]], ["absent": ["$ne": 1]], ["absent": ["$in": [.null]]], ["nan": .double(.nan)],
      ["nan": ["$gte": .double(.nan)]], ["n": ["$gt": .minKey]], ["n": ["$lt": .maxKey]], ["null": ["$gte": .null]],
      ["flag": ["$gt": false]], ["empty": []], ["list.0": 1],
    ] as [Document])
  func matches(_ query: Document) throws { #expect(try Filter(query).matches(FilterTests.document)) }

  @Test(
    "does not hold",
    arguments: [
      ["n": 6], ["n": ["$gt": 5]], ["n": ["$lt": 5]], ["n": ["$gt": "a"]], ["s": ["$lt": 9]], ["n": ["$ne": 5]],
      ["n": ["$in": []]], ["n": ["$nin": [5]]], ["n": ["$exists": false]], ["absent": ["$exists": true]],
      ["list": [1, 2]],
      ["list": ["$ne": 2]], ["docs.x": 3], ["docs": ["x": 9]], ["empty.x": .null],
      ["inner": ["deep": ["n": 7], "more": 1]],
      ["$or": [["n": 1], ["n": 2]]], ["$nor": [["n": 5]]], ["n": ["$not": ["$gte": 5]]], ["n": ["$gte": .double(.nan)]],
      ["nan": ["$lt": 5]], ["null": ["$gt": .null]], ["s": .null], ["absent": ["$gt": 1]], ["list.0": 2],
    ] as [Document])
  func misses(_ query: Document) throws { #expect(try !Filter(query).matches(FilterTests.document)) }

  @Test(
    "is refused by the name of what is not supported",
    arguments: [
      (["$where": "1"], "$where"), (["$expr": [:]], "$expr"), (["$text": [:]], "$text"),
      (["n": ["$regex": "a"]], "$regex"),
      (["n": .regex(pattern: "a", options: "")], "$regex"), (["n": ["$elemMatch": [:]]], "$elemMatch"),
      (["n": ["$size": 1]], "$size"), (["n": ["$all": [1]]], "$all"), (["n": ["$mod": [1, 2]]], "$mod"),
      (["n": ["$type": 1]], "$type"), (["n": ["$in": 1]], "$in"), (["$and": []], "$and"), (["$or": [1]], "$or"),
      (["n": ["$not": 1]], "$not"), (["n": ["$gt": 1, "x": 2]], "x"), (["n": .undefined], "undefined"),
      (["n": ["$in": [["$gt": 1]]]], "$in"),
    ] as [(Document, String)])
  func refused(_ query: Document, _ name: String) {
    #expect { try Filter(query) } throws: { error in
      guard let error = error as? CommandError else { return false }
      return error.code == .badValue && error.message.contains(name)
    }
  }

  @Test("narrows the search by _id")
  func plans() throws {
    let one = try DocumentKey(1)
    let five = try DocumentKey(5)
    #expect(try QueryPlan(Filter(["_id": 1])).access == .keys([one]))
    #expect(try QueryPlan(Filter(["x": 1, "_id": ["$in": [5, 1, 1.0]]])).access == .keys([one, five]))
    #expect(try QueryPlan(Filter(["_id": ["$gt": 1, "$lte": 5]])).access == .range(from: one, through: five))
    #expect(try QueryPlan(Filter(["$or": [["_id": 1]]])).access == .range(from: nil, through: nil))
    #expect(try QueryPlan(Filter(["_id": [1]])).access == .range(from: nil, through: nil))
  }
}

@Suite("A projection leaves what was asked for")
struct ProjectionTests {
  static let document: Document = ["_id": 1, "a": 1, "b": ["c": 2, "d": 3], "e": [["f": 1, "g": 2], 5, [["f": 3]]]]

  static let cases: [(Document, Document)] = [
    (Document(), document), (["a": 1], ["_id": 1, "a": 1]), (["_id": 0, "a": true], ["a": 1]), (["_id": 1], ["_id": 1]),
    (["_id": 0], ["a": 1, "b": ["c": 2, "d": 3], "e": [["f": 1, "g": 2], 5, [["f": 3]]]]),
    (["b.c": 1], ["_id": 1, "b": ["c": 2]]), (["e.f": 1], ["_id": 1, "e": [["f": 1], [["f": 3]]]]),
    (["b.c": 0, "e": 0], ["_id": 1, "a": 1, "b": ["d": 3]]),
    (["e.f": 0, "b": 0], ["_id": 1, "a": 1, "e": [["g": 2], 5, [[:]]]]), (["absent": 1], ["_id": 1]),
    (["b": 1, "a": 1], ["_id": 1, "a": 1, "b": ["c": 2, "d": 3]]),
  ]

  @Test("includes and excludes", arguments: cases)
  func projects(_ projection: Document, _ expected: Document) throws {
    let projection = try Projection(projection)
    #expect((projection?.apply(to: ProjectionTests.document) ?? ProjectionTests.document) == expected)
  }

  @Test(
    "is refused where it is not supported",
    arguments: [
      ["a": 1, "b": 0], ["a": "$b"], ["a": ["$slice": 1]], ["a.$": 1], ["a": 1, "a.b": 1], ["a.b": 1, "a": 1],
      ["a..b": 1], ["$x": 1],
    ] as [Document])
  func refused(_ projection: Document) { #expect(throws: CommandError.self) { try Projection(projection) } }
}

@Suite("A sort orders like MongoDB")
struct SortTests {
  static func sorted(_ sort: Document, _ documents: [Document], wanted: Int? = nil) throws -> [Int] {
    var sorter = Sorter(order: try SortOrder(sort), wanted: wanted)
    for document in documents { try sorter.add(document, returning: document) }
    return sorter.finish().map { $0.number("_id") }
  }

  @Test("takes the smallest element of an array ascending, the largest descending, missing as null")
  func arrays() throws {
    let documents: [Document] = [
      ["_id": 1, "a": 5], ["_id": 2, "a": [1, 9]], ["_id": 3], ["_id": 4, "a": []], ["_id": 5, "a": "x"],
    ]
    #expect(try SortTests.sorted(["a": 1], documents) == [4, 3, 2, 1, 5])
    #expect(try SortTests.sorted(["a": -1], documents) == [5, 2, 1, 3, 4])
  }

  @Test("orders by several keys and keeps equal ones in their order")
  func severalKeys() throws {
    let documents: [Document] = (0..<6).map { ["_id": .int32($0), "a": .int32($0 % 2), "b": .int32(-$0 / 2)] }
    #expect(try SortTests.sorted(["a": -1, "b": 1], documents) == [5, 3, 1, 4, 2, 0])
    #expect(try SortTests.sorted(["x": 1], documents) == [0, 1, 2, 3, 4, 5])
  }

  @Test("keeps only the best when few are wanted", arguments: [1, 3, 50, 1_000, .max])
  func best(wanted: Int) throws {
    let documents: [Document] = (0..<500).map { ["_id": .int32($0), "a": .int32($0 * 7919 % 500)] }
    let all = try SortTests.sorted(["a": 1], documents)
    #expect(try SortTests.sorted(["a": 1], documents, wanted: wanted) == Array(all.prefix(wanted)))
  }

  @Test("fails with 292 above its memory, but not if few are wanted")
  func memory() throws {
    let large: Document = ["_id": 1, "a": .string(String(repeating: "x", count: 1000))]
    var sorter = Sorter(order: try SortOrder(["a": 1]), wanted: nil, maximumMemory: 10_000)
    #expect { for _ in 0..<20 { try sorter.add(large, returning: large) } } throws: {
      ($0 as? CommandError)?.code == .memoryLimit
    }
    var few = Sorter(order: try SortOrder(["a": 1]), wanted: 2, maximumMemory: 10_000)
    for _ in 0..<2_000 { try few.add(large, returning: large) }
    #expect(few.finish().count == 2)
  }

  @Test(
    "is refused where it is not supported",
    arguments: [["$natural": 1], ["a": 2], ["a": "x"], ["a": ["$meta": "x"]], ["a.": 1]] as [Document])
  func refused(_ sort: Document) { #expect(throws: CommandError.self) { try SortOrder(sort) } }
}
