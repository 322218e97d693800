// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// The part of a write command that happens inside one write transaction.
///
/// Everything that can be refused is refused before its own put: a put is never followed by an error of ours.
struct WriteStep {
  let run: WriteRun
  let transaction: any WriteTransaction
  var progress: WriteProgress
  private var budget: WriteBudget
  private var collection: CollectionHandle?

  init(run: WriteRun, transaction: any WriteTransaction, progress: WriteProgress) {
    self.run = run
    self.transaction = transaction
    self.progress = progress
    budget = run.budget
  }

  var hasBudget: Bool { budget.bytes > 0 && budget.operations > 0 && budget.scanned > 0 }

  mutating func findCollection() throws { collection = try transaction.collection(run.namespace) }

  /// Carries out the next statement, or the next part of it.
  mutating func next() throws {
    switch run.statements[progress.statement] {
    case .refused(let error): fail(error)
    case .insert(let key, let document): try insert(key, document)
    case .update(let plan, let operation, let multi, let upsert):
      try update(plan, operation, multi: multi, upsert: upsert)
    case .delete(let plan, let multi): try delete(plan, multi: multi)
    }
    budget.operations -= 1
  }

  private mutating func completeStatement() {
    progress.statement += 1
    progress.after = nil
    progress.hasMatched = false
  }

  private mutating func fail(_ error: CommandError) {
    progress.faults.append((progress.statement, error))
    completeStatement()
    if run.isOrdered { progress.isFinished = true }
  }

  private mutating func put(_ key: DocumentKey, _ document: Document) throws {
    let target = try collection ?? transaction.createCollection(run.namespace)
    collection = target
    progress.hasWritten = true
    try transaction.put(target, key: key.bytes, document: document.bytes)
    budget.bytes -= document.size
    budget.operations -= 1
  }

  private mutating func insert(_ key: DocumentKey, _ document: Document) throws {
    if let collection, try transaction.document(collection, key: key.bytes) != nil {
      return fail(duplicate(document))
    }
    try put(key, document)
    progress.count += 1
    completeStatement()
  }

  private func duplicate(_ document: Document) -> CommandError {
    var error = CommandError(.duplicateKey, "E11000 duplicate key error collection: \(run.namespace) index: _id_")
    error.duplicate = document["_id"]
    return error
  }

  /// The matches of a statement that are dealt with in this step.
  private struct Targets {
    var matches: [(key: [UInt8], document: Document)] = []
    /// Whether the whole collection was looked at, or enough of it.
    var isComplete = true
    var lastKey: [UInt8]?
  }

  private mutating func targets(_ plan: QueryPlan, multi: Bool) throws -> Targets {
    var targets = Targets()
    guard let collection else { return targets }
    var scan = ScanBudget(documents: budget.scanned)
    var bytes = 0
    var looked = 0
    let (byteLimit, operationLimit) = (budget.bytes, budget.operations)
    let sawAll = try plan.visit(transaction, collection, after: progress.after, budget: &scan) { key, document in
      targets.matches.append((key, document))
      bytes += document.size
      looked += 1
      return multi && bytes < byteLimit && looked < operationLimit
    }
    budget.scanned -= scan.used
    targets.isComplete = sawAll || !multi && !targets.matches.isEmpty
    targets.lastKey = scan.lastKey
    return targets
  }

  private mutating func update(_ plan: QueryPlan, _ operation: UpdateOperation, multi: Bool, upsert: Bool) throws {
    let targets = try targets(plan, multi: multi)
    for target in targets.matches {
      progress.hasMatched = true
      let changed: Document
      do throws(CommandError) {
        changed = try operation.apply(to: target.document)
      } catch {
        return fail(error)
      }
      progress.count += 1
      if changed == target.document { continue }
      try put(DocumentKey(stored: target.key), changed)
      progress.modified += 1
    }
    if !targets.isComplete {
      progress.after = targets.lastKey
    } else if !progress.hasMatched, upsert {
      try self.upsert(plan, operation)
    } else {
      completeStatement()
    }
  }

  private mutating func upsert(_ plan: QueryPlan, _ operation: UpdateOperation) throws {
    let document: Document
    let key: DocumentKey
    do {
      let identifiers = run.identifiers
      document = try operation.upserted(query: plan.filter) { identifiers.next() }
      key = try WriteStatement.key(of: document)
    } catch {
      return fail(CommandError(any: error, writing: false))
    }
    if let collection, try transaction.document(collection, key: key.bytes) != nil { return fail(duplicate(document)) }
    try put(key, document)
    progress.upserted.append((progress.statement, document["_id"] ?? .null))
    completeStatement()
  }

  private mutating func delete(_ plan: QueryPlan, multi: Bool) throws {
    let targets = try targets(plan, multi: multi)
    for target in targets.matches {
      guard let collection else { break }
      progress.hasWritten = true
      try transaction.remove(collection, key: target.key)
      progress.count += 1
      budget.bytes -= target.document.size
      budget.operations -= 1
    }
    if targets.isComplete { completeStatement() } else { progress.after = targets.lastKey }
  }
}
