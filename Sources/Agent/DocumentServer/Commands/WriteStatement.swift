// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// One statement of a write command, checked as far as it can be without data.
enum WriteStatement: Sendable {
  case insert(key: DocumentKey, document: Document)
  case update(QueryPlan, UpdateOperation, multi: Bool, upsert: Bool)
  case delete(QueryPlan, multi: Bool)
  /// It can't be carried out; known before any data is touched.
  case refused(CommandError)
}

/// How much one write transaction may do before it makes room for others: a long command goes on in the next one.
struct WriteBudget: Sendable {
  /// Bytes of documents written.
  var bytes = 8 * 1024 * 1024
  /// Statements and documents written.
  var operations = 10_000
  /// Documents looked at.
  var scanned = 50_000
}

/// How far a write command has come, and what it has done: what one write transaction hands to the next.
struct WriteProgress: Sendable {
  /// The statement that is next, or under way.
  var statement = 0
  /// The last key that the statement under way has dealt with.
  var after: [UInt8]?
  /// Whether the statement under way has matched anything.
  var hasMatched = false
  /// Whether any document was written.
  var hasWritten = false
  /// Matched, inserted or deleted.
  var count = 0
  var modified = 0
  var upserted: [(statement: Int, id: BSONValue)] = []
  var faults: [(statement: Int, error: CommandError)] = []
  /// How many bytes of the reply the faults take.
  var faultBytes = 0
  /// Statements that an earlier attempt of this command has carried out.
  var retried: [Int32] = []
  var isFinished = false
  /// Whether the newest transaction's majority came in time.
  var acknowledgement = Acknowledgement.inTime
}

extension WriteProgress {
  /// How many bytes of a reply may say what is wrong with statements; of further ones only place and code are told, as
  /// in MongoDB.
  static let maximumFaultBytes = 1 << 20

  /// Notes why the statement that is next was not carried out.
  mutating func note(_ error: CommandError) {
    var error = error
    faultBytes += error.shownBytes
    if faultBytes > Self.maximumFaultBytes { error = error.withoutWords }
    faults.append((statement, error))
  }
}

/// Carries out the statements of one write command on one collection.
struct WriteRun: Sendable {
  let namespace: Namespace
  var statements: [WriteStatement]
  let isOrdered: Bool
  let identifiers: ObjectIDSource
  var budget = WriteBudget()
  /// Set for a write that may be sent again.
  var retryable: RetryableWrite?
  var clock = SessionClock()

  /// Goes on from `progress` until all is done or the budget is used up; statements' faults are part of the result.
  func step(_ transaction: any WriteTransaction, from progress: WriteProgress) throws -> WriteProgress {
    var step = WriteStep(run: self, transaction: transaction, progress: progress)
    try step.begin()
    // Once at least, whatever others left of the transaction's time: each step gets the command on.
    repeat {
      guard !step.progress.isFinished, step.progress.statement < statements.count else { break }
      try step.next()
    } while step.hasBudget
    if step.progress.statement >= statements.count { step.progress.isFinished = true }
    try step.end()
    return step.progress
  }
}
