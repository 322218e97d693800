// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// Which documents are to be counted.
private struct CountQuery: Sendable {
  let namespace: Namespace
  let plan: QueryPlan
  var skip = 0
  var limit: Int?
}

extension CommandInterpreter {
  func count(_ command: Command) async throws -> Document {
    var command = command
    let namespace = try command.namespace()
    var arguments = command.arguments
    let filter = try Filter(try arguments.document("query") ?? Document())
    var query = CountQuery(namespace: namespace, plan: QueryPlan(filter))
    query.skip = try arguments.count("skip") ?? 0
    // A negative limit means the same as a positive one here, as in MongoDB.
    let limit = try arguments.integer("limit") ?? 0
    query.limit = limit == 0 ? nil : Int(clamping: limit.magnitude)
    arguments.ignore("fields")
    try arguments.requireOnlyIndex("hint")
    try arguments.finish()
    try requireReadable(command.generic)
    return ["n": .integer(try await count(query, deadline: command.generic.deadline))]
  }

  /// `aggregate` in the one shape that drivers' `countDocuments` sends.
  func aggregate(_ command: Command) async throws -> Document {
    var command = command
    let namespace = try command.namespace()
    var arguments = command.arguments
    let stages = try arguments.documents("pipeline")
    if let cursor = try arguments.document("cursor") {
      var fields = try CommandArguments(cursor, owner: "aggregate.cursor")
      fields.ignore("batchSize")
      try fields.finish()
    }
    arguments.ignore("allowDiskUse")
    try arguments.requireOnlyIndex("hint")
    try arguments.finish()
    let query = try CountPipeline(stages).query(on: namespace)
    try requireReadable(command.generic)
    let counted = try await count(query, deadline: command.generic.deadline)
    let result: [Document] = counted == 0 ? [] : [["_id": 1, "n": .integer(counted)]]
    return CursorReply.make("firstBatch", result, id: 0, namespace: namespace.description)
  }

  private func count(_ query: CountQuery, deadline: ContinuousClock.Instant?) async throws -> Int {
    try await engine.read { transaction in
      guard let collection = try transaction.collection(query.namespace) else { return 0 }
      let enough = query.limit.map { $0.addingReportingOverflow(query.skip) }.flatMap {
        $0.overflow ? nil : $0.partialValue
      }
      var budget = ScanBudget(deadline: deadline, life: .current)
      var found = 0
      if query.plan.matchesEverything {
        try transaction.forEachKey(collection) {
          found += 1
          return try budget.use() && enough.map { found < $0 } ?? true
        }
      } else {
        _ = try query.plan.visit(transaction, collection, after: nil, budget: &budget) { _, _ in
          found += 1
          return enough.map { found < $0 } ?? true
        }
      }
      return min(max(found - query.skip, 0), query.limit ?? .max)
    }
  }
}

/// The pipeline `[{$match}, {$skip}?, {$limit}?, {$group: {_id: 1, n: {$sum: 1}}}]`.
private struct CountPipeline {
  private var filter = Document()
  private var skip = 0
  private var limit: Int?

  private static let group: Document = ["_id": 1, "n": ["$sum": 1]]

  init(_ stages: [Document]) throws(CommandError) {
    /// Stages come in this order, each at most once.
    let order = ["$match", "$skip", "$limit", "$group"]
    var reached = -1
    for stage in stages {
      let elements = Array(stage)
      guard elements.count == 1, let element = elements.first else {
        throw CommandError(.unknownStage, "a pipeline stage has to have exactly one field")
      }
      guard let place = order.firstIndex(of: element.key) else {
        throw CommandError(.unknownStage, "unrecognized pipeline stage name: '\(element.key)'")
      }
      guard place > reached else { throw CountPipeline.unsupported(element.key) }
      reached = place
      try add(element)
    }
    if reached != order.count - 1 {
      throw CountPipeline.unsupported(stages.isEmpty ? "an empty pipeline" : "no $group")
    }
  }

  private mutating func add(_ element: DocumentElement) throws(CommandError) {
    switch (element.key, element.value) {
    case ("$match", .document(let filter)): self.filter = filter
    case ("$skip", let value):
      guard let number = value.wholeNumber, number >= 0 else {
        throw CommandError(.badValue, "$skip has to be a whole number")
      }
      skip = number
    case ("$limit", let value):
      guard let number = value.wholeNumber, number > 0 else {
        throw CommandError(.badValue, "$limit has to be positive")
      }
      limit = number
    case ("$group", .document(let group)) where group.order(CountPipeline.group) == .same: break
    default: throw CountPipeline.unsupported(element.key)
    }
  }

  private static func unsupported(_ what: String) -> CommandError {
    CommandError(
      .badValue,
      "aggregate: \(what) is not supported here: only $match, $skip, $limit and a $group that counts all "
        + "documents, in this order, as countDocuments sends them")
  }

  func query(on namespace: Namespace) throws(CommandError) -> CountQuery {
    CountQuery(namespace: namespace, plan: QueryPlan(try Filter(filter)), skip: skip, limit: limit)
  }
}
