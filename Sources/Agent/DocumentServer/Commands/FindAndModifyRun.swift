// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// Carries out a `findAndModify` in as many write transactions as it takes to find its document.
///
/// Without a sort the search itself is part of the write transactions, each of which looks at a limited number of
/// documents. With a sort the first document is chosen beside them, because the search has to see the whole collection,
/// and the write transaction checks that the choice still stands.
struct FindAndModifyRun: Sendable {
  struct Candidate: Sendable {
    let key: [UInt8]
    let values: [BSONValue]
  }

  struct Progress: Sendable {
    /// The last key that was looked at.
    var after: [UInt8]?
    /// With a sort: the document to change.
    var candidate: Candidate?
    /// With a sort: whether a candidate was looked for.
    var hasLooked = false
    var reply: Document?
    /// Set if an earlier attempt of the command has done it.
    var retried: Int32?
  }

  let request: FindAndModify
  let identifiers: ObjectIDSource
  let clock: SessionClock

  /// The first match in the order of the sort.
  func best(_ transaction: any ReadTransaction, deadline: ContinuousClock.Instant?) throws -> Candidate? {
    guard let sort = request.sort, let collection = try transaction.collection(request.namespace) else { return nil }
    var best: Candidate?
    var budget = ScanBudget(deadline: deadline)
    _ = try request.plan.visit(transaction, collection, after: nil, budget: &budget) { key, document in
      let values = sort.values(of: document)
      if best.map({ sort.order(values, $0.values) == .before }) ?? true { best = Candidate(key: key, values: values) }
      return true
    }
    return best
  }

  /// One write transaction; the progress has a reply when the command is done.
  func step(_ transaction: any WriteTransaction, from progress: Progress) throws -> Progress {
    var progress = progress
    var ledger = try request.retryable.map { try SessionLedger($0, clock, transaction) }
    if let earlier = ledger?.earlierResult(at: 0) {
      progress.reply = earlier.reply ?? FindAndModifyRun.reply(value: nil, updatedExisting: false, count: 0)
      progress.retried = earlier.first
      return progress
    }
    let collection = try transaction.collection(request.namespace)
    switch try target(transaction, collection, &progress) {
    case .notYet: return progress
    case .nothing: progress.reply = try insert(transaction, collection, &ledger)
    case .found(let key, let document):
      guard let collection else { return progress }
      progress.reply = try change(transaction, collection, key, document, &ledger)
    }
    try ledger?.save(transaction)
    return progress
  }

  private enum Target {
    case found(key: [UInt8], document: Document)
    case nothing
    case notYet
  }

  private func target(
    _ transaction: any WriteTransaction, _ collection: CollectionHandle?, _ progress: inout Progress
  ) throws -> Target {
    guard let collection else { return .nothing }
    if let sort = request.sort, let candidate = progress.candidate {
      // Somebody else may have changed it since it was chosen: then the choice is made again.
      guard let bytes = try transaction.document(collection, key: candidate.key),
        let document = Document(stored: bytes), request.plan.filter.matches(document),
        sort.order(sort.values(of: document), candidate.values) == .same
      else { return .notYet }
      return .found(key: candidate.key, document: document)
    }
    var found: (key: [UInt8], document: Document)?
    var scan = ScanBudget(documents: WriteBudget().scanned, in: transaction)
    let sawAll = try request.plan.visit(transaction, collection, after: progress.after, budget: &scan) {
      key, document in
      found = (key, document)
      return false
    }
    if let found {
      // With a sort this one came after nothing was found: it has to be chosen among all again.
      return request.sort == nil ? .found(key: found.key, document: found.document) : .notYet
    }
    progress.after = scan.lastKey
    return sawAll ? .nothing : .notYet
  }

  private func change(
    _ transaction: any WriteTransaction, _ collection: CollectionHandle, _ key: [UInt8], _ document: Document,
    _ ledger: inout SessionLedger?
  ) throws -> Document {
    switch request.action {
    case .remove:
      let reply = FindAndModifyRun.reply(value: projected(document), updatedExisting: nil, count: 1)
      try transaction.remove(collection, key: key)
      ledger?.note(at: 0, matched: 1, reply: reply)
      return reply
    case .update(let operation, _):
      let changed = try operation.apply(to: document)
      let value = projected(request.returnsNew ? changed : document)
      let reply = FindAndModifyRun.reply(value: value, updatedExisting: true, count: 1)
      if changed != document {
        try transaction.put(collection, key: key, document: changed.bytes)
        ledger?.note(at: 0, matched: 1, modified: 1, reply: reply)
      }
      return reply
    }
  }

  /// Nothing matches: an upsert makes a document.
  private func insert(
    _ transaction: any WriteTransaction, _ existing: CollectionHandle?, _ ledger: inout SessionLedger?
  ) throws -> Document {
    guard case .update(let operation, upsert: true) = request.action else {
      let isUpdate = if case .update = request.action { true } else { false }
      return FindAndModifyRun.reply(value: nil, updatedExisting: isUpdate ? false : nil, count: 0)
    }
    let document = try operation.upserted(query: request.plan.filter) { identifiers.next() }
    let key = try WriteStatement.key(of: document)
    if let existing, try transaction.document(existing, key: key.bytes) != nil {
      throw CommandError.duplicateID(of: document, in: request.namespace)
    }
    let id = document["_id"] ?? .null
    let reply = FindAndModifyRun.reply(
      value: request.returnsNew ? projected(document) : nil, updatedExisting: false, count: 1, upserted: id)
    let collection = try existing ?? transaction.createCollection(request.namespace)
    try transaction.put(collection, key: key.bytes, document: document.bytes)
    ledger?.note(at: 0, matched: 0, upserted: nil, reply: reply)
    return reply
  }

  private func projected(_ document: Document) -> Document { request.projection?.apply(to: document) ?? document }

  private static func reply(value: Document?, updatedExisting: Bool?, count: Int, upserted: BSONValue? = nil)
    -> Document
  {
    var last = DocumentBuilder()
    last.append("n", .integer(count))
    if let updatedExisting { last.append("updatedExisting", .bool(updatedExisting)) }
    if let upserted { last.append("upserted", upserted) }
    return ["lastErrorObject": .document(last.finish()), "value": value.map { .document($0) } ?? .null]
  }
}
