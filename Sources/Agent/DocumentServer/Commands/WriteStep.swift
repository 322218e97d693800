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
  private var ledger: SessionLedger?

  init(run: WriteRun, transaction: any WriteTransaction, progress: WriteProgress) {
    self.run = run
    self.transaction = transaction
    self.progress = progress
    budget = run.budget
  }

  /// Statements that a step carries out even when its batch has had its time, as long as each is whole: what a step
  /// costs by itself, reading what a retryable command has done before, must not be paid for each of them.
  private static let fewestOperations = 500

  var hasBudget: Bool {
    let hasDoneEnough = run.budget.operations - budget.operations >= Self.fewestOperations || progress.after != nil
    return budget.bytes > 0 && budget.operations > 0 && budget.scanned > 0
      && !(transaction.isSpent && hasDoneEnough)
  }

  /// Finds the collection and what an earlier attempt of the command has done.
  mutating func begin() throws {
    collection = try transaction.collection(run.namespace)
    ledger = try run.retryable.map { try SessionLedger($0, run.clock, transaction) }
  }

  /// Writes down what was done, for a later attempt.
  func end() throws { try ledger?.save(transaction) }

  /// Carries out the next statement, or the next part of it.
  mutating func next() throws {
    if let result = ledger?.earlierResult(at: progress.statement) { return repeatResult(result) }
    switch run.statements[progress.statement] {
    case .refused(let error): fail(error)
    case .insert(let key, let document): try insert(key, document)
    case .update(let plan, let operation, let multi, let upsert):
      try update(plan, operation, multi: multi, upsert: upsert)
    case .delete(let plan, let multi): try delete(plan, multi: multi)
    }
    budget.operations -= 1
  }

  /// Answers for a statement that an earlier attempt has carried out.
  private mutating func repeatResult(_ result: StatementResult) {
    progress.count += Int(result.matched)
    progress.modified += Int(result.modified)
    if let id = result.upserted { progress.upserted.append((progress.statement, id)) }
    if let ledger { progress.retried.append(ledger.statement(at: progress.statement)) }
    completeStatement()
  }

  private mutating func completeStatement() {
    progress.statement += 1
    progress.after = nil
    progress.hasMatched = false
  }

  private mutating func fail(_ error: CommandError) {
    progress.note(error)
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
      return fail(.duplicateID(of: document, in: run.namespace))
    }
    try put(key, document)
    ledger?.note(at: progress.statement, matched: 1)
    progress.count += 1
    completeStatement()
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
    var scan = ScanBudget(documents: budget.scanned, in: transaction)
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
      ledger?.note(at: progress.statement, matched: 1, modified: 1)
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
    if let collection, try transaction.document(collection, key: key.bytes) != nil {
      return fail(.duplicateID(of: document, in: run.namespace))
    }
    try put(key, document)
    let id = document["_id"] ?? .null
    ledger?.note(at: progress.statement, matched: 0, upserted: id)
    progress.upserted.append((progress.statement, id))
    completeStatement()
  }

  private mutating func delete(_ plan: QueryPlan, multi: Bool) throws {
    let targets = try targets(plan, multi: multi)
    for target in targets.matches {
      guard let collection else { break }
      progress.hasWritten = true
      try transaction.remove(collection, key: target.key)
      ledger?.note(at: progress.statement, matched: 1)
      progress.count += 1
      budget.bytes -= target.document.size
      budget.operations -= 1
    }
    if targets.isComplete { completeStatement() } else { progress.after = targets.lastKey }
  }
}
