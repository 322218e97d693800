// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// A write that a driver may send again: whose it is, its number in the session, and how its statements are numbered.
struct RetryableWrite: Sendable {
  let session: SessionID
  let number: Int64
  /// The statements' numbers; nil for their places from `firstStatement`.
  var statements: [Int32]?
  var firstStatement: Int32 = 0

  func statement(at place: Int) -> Int32 { statements?[place] ?? firstStatement &+ Int32(truncatingIfNeeded: place) }
}

/// What a retryable write has done so far: read and written in the transaction of the write itself, so that both stand
/// or neither.
///
/// Only statements that changed something are noted: one that did nothing may be carried out again, which is then the
/// first time that it does anything.
struct SessionLedger {
  /// About how many bytes of results a row holds before they move into one of their own.
  static let partBytes = 256 * 1024

  private let write: RetryableWrite
  private let clock: SessionClock
  /// What was found of the session, also if of an earlier write.
  private let found: SessionRecord?
  /// Results of this write from before, ordered by statement.
  private let earlier: [StatementResult]
  private var added: [StatementResult] = []

  /// Reads what is known of the write. Throws a `CommandError` if the session has gone on to a newer one, or if there
  /// are too many sessions.
  init(_ write: RetryableWrite, _ clock: SessionClock, _ transaction: any ReadTransaction) throws {
    self.write = write
    self.clock = clock
    found = try SessionTable.record(write.session, transaction)
    guard let found else {
      earlier = []
      try SessionTable.requireRoom(transaction)
      return
    }
    if found.number > write.number {
      throw CommandError(
        .transactionTooOld,
        "retryable write with txnNumber \(write.number) is prohibited on this session because a newer one with "
          + "txnNumber \(found.number) has already started")
    }
    guard found.number == write.number else {
      earlier = []
      return
    }
    var results = found.results
    if found.parts > 0, let collection = try transaction.collection(.sessions) {
      results += try SessionTable.results(ofParts: found, in: collection, transaction)
    }
    earlier = results.sorted { $0.first < $1.first }
  }

  /// What the statement at a place of the command did when it was carried out before; nil if it was not.
  func earlierResult(at place: Int) -> StatementResult? {
    let statement = write.statement(at: place)
    var (low, high) = (0, earlier.count)
    while low < high {
      let middle = (low + high) / 2
      if earlier[middle].first <= statement { low = middle + 1 } else { high = middle }
    }
    guard low > 0, earlier[low - 1].covers(statement) else { return nil }
    return earlier[low - 1]
  }

  func statement(at place: Int) -> Int32 { write.statement(at: place) }

  /// Notes what the statement at a place has done.
  mutating func note(
    at place: Int, matched: Int32, modified: Int32 = 0, upserted: BSONValue? = nil, reply: Document? = nil
  ) {
    let result = StatementResult(
      first: write.statement(at: place), matched: matched, modified: modified, upserted: upserted, reply: reply)
    guard let last = added.indices.last, added[last].absorb(result) else { return added.append(result) }
  }

  /// Writes down what was noted.
  func save(_ transaction: any WriteTransaction) throws {
    guard !added.isEmpty, var table = try SessionTable(transaction, clock, creating: true) else { return }
    var record = SessionRecord(session: write.session, number: write.number, time: table.now)
    if let found {
      if found.number == write.number {
        record.parts = found.parts
        record.results = found.results
      } else {
        try table.removeParts(of: found, transaction)
      }
    }
    var bytes = record.results.reduce(0) { $0 + $1.storedBytes }
    for result in added {
      if !record.results.isEmpty, bytes + result.storedBytes > SessionLedger.partBytes {
        try table.put(part: record.parts, of: record, record.results, transaction)
        record.parts += 1
        record.results = []
        bytes = 0
      }
      record.results.append(result)
      bytes += result.storedBytes
    }
    try table.put(record, isNew: found == nil, transaction)
    try table.save(transaction)
  }
}

extension StatementResult {
  /// About how many bytes the result takes in a row.
  var storedBytes: Int {
    guard upserted != nil || reply != nil, case .document(let document) = value else { return 48 }
    return document.size + 16
  }
}
