// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// `config.transactions` inside one write transaction: the sessions' rows and their clock, bounded in number and time.
///
/// The table is an ordinary collection that only the server writes. It is therefore replicated in the same oplog entry
/// as the writes it speaks of, checkpointed, encrypted and carried by an initial sync like data, without a format of
/// its own anywhere below; MongoDB keeps the same facts at the same place.
struct SessionTable {
  /// The most sessions of which something is kept.
  static let maximumSessions = 100_000
  /// How often expired sessions are looked for, by the sessions' clock.
  private static let sweepMilliseconds: Int64 = 60_000
  /// How many rows one write looks at while it searches.
  private static let sweepRows = 200
  /// How far the written clock may lag behind.
  private static let clockMilliseconds: Int64 = 10_000
  static let expiryMilliseconds = Int64(SessionID.timeoutMinutes) * 60_000

  let collection: CollectionHandle
  /// The time of this transaction.
  let now: Int64
  private var writtenTime: Int64?
  private var count: Int64
  private var sweptAt: Int64
  private var sweepAfter: [UInt8]?
  private var hasChanged = false

  /// Opens the table; nil if there is none and none is to be made.
  init?(_ transaction: any WriteTransaction, _ clock: SessionClock, creating: Bool) throws {
    let existing = try transaction.collection(.sessions)
    guard let collection = try existing ?? (creating ? transaction.createCollection(.sessions) : nil) else {
      return nil
    }
    self.collection = collection
    let state = try existing.flatMap { try SessionTable.state($0, transaction) }
    writtenTime = state?.date("time")
    now = clock.now(after: writtenTime)
    count = if case .int64(let count)? = state?["sessions"] { count } else { 0 }
    sweptAt = state?.date("sweptAt") ?? now
    if case .binary(_, let key)? = state?["sweepAfter"] { sweepAfter = key }
  }

  private static let stateID: BSONValue = "state"

  private static func state(_ collection: CollectionHandle, _ transaction: any ReadTransaction) throws -> Document? {
    try transaction.document(collection, key: try DocumentKey(stateID).bytes).flatMap { Document(stored: $0) }
  }

  /// Throws if one session more would be too many; reads only.
  static func requireRoom(_ transaction: any ReadTransaction) throws {
    guard let collection = try transaction.collection(.sessions),
      case .int64(let count)? = try state(collection, transaction)?["sessions"], count >= maximumSessions
    else { return }
    throw CommandError(
      .tooManySessions, "\(maximumSessions) sessions with retryable writes are kept; one has to end or expire first")
  }

  /// The record of a session, if there is one.
  static func record(_ session: SessionID, _ transaction: any ReadTransaction) throws -> SessionRecord? {
    guard let collection = try transaction.collection(.sessions) else { return nil }
    let key = try DocumentKey(SessionRecord.id(of: session))
    guard let bytes = try transaction.document(collection, key: key.bytes) else { return nil }
    guard let record = SessionRecord(stored: bytes) else {
      throw CommandError(.internalError, "the record of a session is damaged")
    }
    return record
  }

  /// Those of the sessions of which something is kept.
  static func known(_ sessions: [SessionID], _ transaction: any ReadTransaction) throws -> [SessionID] {
    try sessions.filter { try record($0, transaction) != nil }
  }

  /// Results that left the session's own row.
  func results(ofParts record: SessionRecord, _ transaction: any ReadTransaction) throws -> [StatementResult] {
    try SessionTable.results(ofParts: record, in: collection, transaction)
  }

  static func results(
    ofParts record: SessionRecord, in collection: CollectionHandle, _ transaction: any ReadTransaction
  ) throws -> [StatementResult] {
    var results: [StatementResult] = []
    for part in 0..<record.parts {
      guard let bytes = try transaction.document(collection, key: try record.key(ofPart: part).bytes),
        let document = Document(stored: bytes)
      else { throw CommandError(.internalError, "a part of a session's record is missing or damaged") }
      results += SessionRecord.results(of: document)
    }
    return results
  }

  /// Stores a session's row.
  mutating func put(_ record: SessionRecord, isNew: Bool, _ transaction: any WriteTransaction) throws {
    try transaction.put(collection, key: try record.key.bytes, document: record.document.bytes)
    if isNew {
      count += 1
      hasChanged = true
    }
  }

  /// Stores results that no longer fit into the session's row.
  func put(part: Int32, of record: SessionRecord, _ results: [StatementResult], _ transaction: any WriteTransaction)
    throws
  {
    try transaction.put(
      collection, key: try record.key(ofPart: part).bytes, document: record.part(part, results).bytes)
  }

  func removeParts(of record: SessionRecord, _ transaction: any WriteTransaction) throws {
    for part in 0..<record.parts { try transaction.remove(collection, key: try record.key(ofPart: part).bytes) }
  }

  /// Forgets a session.
  mutating func forget(_ session: SessionID, _ transaction: any WriteTransaction) throws {
    guard let record = try SessionTable.record(session, transaction) else { return }
    try remove(record, transaction)
  }

  private mutating func remove(_ record: SessionRecord, _ transaction: any WriteTransaction) throws {
    try removeParts(of: record, transaction)
    try transaction.remove(collection, key: try record.key.bytes)
    count -= 1
    hasChanged = true
  }

  /// Looks for expired sessions if it is time, and writes down the clock if that has moved on.
  mutating func save(_ transaction: any WriteTransaction) throws {
    if now - sweptAt >= SessionTable.sweepMilliseconds { try sweep(transaction) }
    let isClockDue = writtenTime.map { now - $0 >= SessionTable.clockMilliseconds } ?? true
    guard hasChanged || isClockDue else { return }
    var state = DocumentBuilder()
    state.append("_id", SessionTable.stateID)
    state.append("time", .date(now))
    state.append("sessions", .int64(max(0, count)))
    state.append("sweptAt", .date(sweptAt))
    if let sweepAfter { state.append("sweepAfter", .binary(subtype: 0, bytes: sweepAfter)) }
    try transaction.put(
      collection, key: try DocumentKey(SessionTable.stateID).bytes, document: state.finish().bytes)
  }

  /// Looks at some rows and forgets what expired; the next write goes on where this one ended.
  private mutating func sweep(_ transaction: any WriteTransaction) throws {
    var expired: [SessionRecord] = []
    var rows = 0
    var last: [UInt8]?
    let deadline = now - SessionTable.expiryMilliseconds
    try transaction.scan(collection, after: sweepAfter) { key, bytes in
      guard rows < SessionTable.sweepRows else { return false }
      rows += 1
      last = key
      if let record = SessionRecord(stored: bytes, results: false), record.time < deadline { expired.append(record) }
      return true
    }
    hasChanged = true
    if rows < SessionTable.sweepRows {
      sweptAt = now
      sweepAfter = nil
    } else {
      sweepAfter = last
    }
    for record in expired { try remove(record, transaction) }
  }
}

extension Document {
  fileprivate func date(_ key: String) -> Int64? { if case .date(let time)? = self[key] { time } else { nil } }
}
