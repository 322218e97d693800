// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// A `find` as it was asked for.
struct FindQuery: Sendable {
  let namespace: Namespace
  let plan: QueryPlan
  let sort: SortOrder?
  let projection: Projection?
  let skip: Int
  let limit: Int?
  let batchSize: BatchSize
  let isSingleBatch: Bool
  /// Bytes of filter and projection.
  let queryBytes: Int

  init(_ command: Command) throws {
    var command = command
    namespace = try command.namespace()
    var arguments = command.arguments
    // Of their own: a cursor must not keep the whole message alive in which they came.
    let filter = (try arguments.document("filter") ?? Document()).detached
    let projection = (try arguments.document("projection") ?? Document()).detached
    queryBytes = filter.size + projection.size
    plan = QueryPlan(try Filter(filter))
    let sort = try SortOrder(try arguments.document("sort") ?? Document())
    self.sort = sort.isStorageOrder ? nil : sort
    self.projection = try Projection(projection)
    skip = try arguments.count("skip") ?? 0
    let limit = try arguments.count("limit") ?? 0
    self.limit = limit == 0 ? nil : limit
    let requested = try arguments.count("batchSize")
    isSingleBatch = try arguments.bool("singleBatch") ?? false
    batchSize = BatchSize(documents: requested ?? (isSingleBatch ? .max : BatchSize.firstDocuments))
    try arguments.requireOnlyIndex("hint")
    // A permission, of which a sort makes no use: one that needs more memory than there is says so either way.
    _ = try arguments.bool("allowDiskUse")
    // Only their harmless values: none of them changes a result then.
    for name in [
      "tailable", "awaitData", "noCursorTimeout", "allowPartialResults", "returnKey", "showRecordId", "oplogReplay",
    ] where try arguments.bool(name) ?? false {
      throw CommandError(.invalidOptions, "find: '\(name)' is not supported")
    }
    try arguments.finish()
  }

  /// How many matches a sort has to keep.
  var wanted: Int? {
    limit.map { limit in
      let (sum, overflow) = limit.addingReportingOverflow(skip)
      return overflow ? .max : sum
    }
  }
}

extension CommandInterpreter {
  func find(_ command: Command) async throws -> Document {
    let query = try FindQuery(command)
    try requireReadable(command.generic)
    let deadline = command.generic.deadline
    if let sort = query.sort { return try await findSorted(query, sort, deadline) }
    let (batch, rest) = try await engine.read { transaction -> ([Document], ScanCursor?) in
      guard let collection = try transaction.collection(query.namespace) else { return ([], nil) }
      let cursor = ScanCursor(
        plan: query.plan, projection: query.projection, collection: collection, skip: query.skip, limit: query.limit,
        queryBytes: query.queryBytes)
      return try cursor.nextBatch(transaction, size: query.batchSize, deadline: deadline)
    }
    let name = query.namespace.description
    let id = if let rest, !query.isSingleBatch { try cursors.open(.scan(rest), namespace: name) } else { Int64(0) }
    return CursorReply.make("firstBatch", batch, id: id, namespace: name)
  }

  private func findSorted(_ query: FindQuery, _ sort: SortOrder, _ deadline: ContinuousClock.Instant?) async throws
    -> Document
  {
    let results = try await engine.read { transaction -> [Document] in
      guard let collection = try transaction.collection(query.namespace) else { return [] }
      var sorter = Sorter(order: sort, wanted: query.wanted)
      var budget = ScanBudget(deadline: deadline, life: .current)
      _ = try query.plan.visit(transaction, collection, after: nil, budget: &budget) { _, document in
        try sorter.add(document, returning: query.projection?.apply(to: document) ?? document)
        return true
      }
      return Array(sorter.finish().dropFirst(query.skip))
    }
    return try firstReply(
      results, size: query.batchSize, isSingle: query.isSingleBatch, namespace: query.namespace.description)
  }
}
