// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// An unsorted query part way through its collection.
struct ScanCursor: Sendable {
  let plan: QueryPlan
  let projection: Projection?
  let collection: CollectionHandle
  /// Matches still to be passed over.
  var skip: Int
  /// Matches still to be returned; nil for all.
  var limit: Int?
  /// The key after which to go on; nil at the start.
  var after: [UInt8]?
  /// Bytes of the query's documents, as the driver sent them.
  var queryBytes = 0

  /// What a byte of a query comes to at most when it is taken apart: a path of short names, a list of small values.
  private static let parsedFactor = 16
  /// What any cursor takes.
  private static let overhead = 1 << 10

  /// About how many bytes the cursor keeps.
  var memory: Int { Self.overhead + Self.parsedFactor * queryBytes + (after?.count ?? 0) }

  /// The next batch, and the cursor to go on with if there may be more.
  func nextBatch(_ transaction: any ReadTransaction, size: BatchSize, deadline: ContinuousClock.Instant?) throws
    -> (batch: [Document], rest: ScanCursor?)
  {
    var rest = self
    var batch = Batch(size: size)
    if batch.isFull { return ([], rest) }
    var budget = ScanBudget(deadline: deadline, life: .current)
    var isFinished = false
    let sawAll = try plan.visit(transaction, collection, after: after, budget: &budget) { key, document in
      if rest.skip > 0 {
        rest.skip -= 1
        rest.after = key
        return true
      }
      guard batch.add(projection?.apply(to: document) ?? document) else { return false }
      rest.after = key
      if let limit = rest.limit {
        rest.limit = limit - 1
        isFinished = limit <= 1
      }
      return !isFinished && !batch.isFull
    }
    return (batch.documents, sawAll || isFinished ? nil : rest)
  }
}

/// How large a batch may get.
struct BatchSize: Sendable {
  /// Documents of a first batch whose size the driver left open.
  static let firstDocuments = 101
  /// Bytes of all documents of a batch; one document may be as large by itself.
  static let maximumBytes = DocumentLimits.stored.maximumSize

  let documents: Int

  /// `requested` is what the driver asked for; nil or 0 in a getMore means as many as fit.
  static func next(_ requested: Int?) -> BatchSize {
    BatchSize(documents: requested.flatMap { $0 == 0 ? nil : $0 } ?? .max)
  }
}

/// Documents of one reply.
struct Batch {
  private let size: BatchSize
  private(set) var documents: [Document] = []
  private var bytes = 0
  /// What a document costs in an array beside its own bytes: type, key, NUL.
  private static let overhead = 12

  init(size: BatchSize) { self.size = size }

  var isFull: Bool { documents.count >= size.documents }

  /// Adds a document; false if it no longer fits. The first always does.
  mutating func add(_ document: Document) -> Bool {
    let cost = document.size + Batch.overhead
    guard !isFull, documents.isEmpty || bytes + cost <= BatchSize.maximumBytes else { return false }
    documents.append(document)
    bytes += cost
    return true
  }

  /// Fills a batch from the front of `results`.
  static func take(_ size: BatchSize, from results: inout ArraySlice<Document>) -> [Document] {
    var batch = Batch(size: size)
    while let document = results.first, batch.add(document) { results.removeFirst() }
    return batch.documents
  }
}
