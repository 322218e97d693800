// SPDX-License-Identifier: GPL-3.0-or-later
internal import CWiredTiger

/// A session of a store: transactions and rows, used by one thread at a time.
///
/// It is not `Sendable`: keep it inside an actor, best one on a `StoreThread`, because calls block on the disk.
public final class Session {
  let handle: SessionHandle
  // For single rows, positioned only within a call.
  private var pointCursors: [String: Cursor] = [:]
  // For scans, whose bodies may use the session.
  private var scanCursors: [String: [Cursor]] = [:]
  /// Whether a transaction is open.
  public private(set) var isInTransaction = false

  init(_ handle: SessionHandle) { self.handle = handle }

  deinit { handle.close() }

  /// The store.
  public var store: Store { handle.store }

  /// Closes the session and its cursors, and rolls an open transaction back. Closing twice is fine.
  public func close() {
    pointCursors = [:]
    scanCursors = [:]
    isInTransaction = false
    handle.close()
  }

  // MARK: Transactions

  /// Begins a transaction that sees the store as it is now (snapshot isolation).
  public func begin() throws(StoreError) {
    let doing = "beginning a transaction"
    guard !isInTransaction else { throw StoreError(.invalid, doing: doing, detail: "one is open already") }
    let session = try unsafe handle.live(doing)
    try handle.check(unsafe session.pointee.begin_transaction(session, "isolation=snapshot"), doing)
    isInTransaction = true
  }

  /// Commits the transaction. Unless the store syncs on commit it is durable after the next `flushLog()`.
  ///
  /// Throws `conflict`; the transaction is over in any case.
  public func commit() throws(StoreError) {
    let doing = "committing a transaction"
    guard isInTransaction else { throw StoreError(.invalid, doing: doing, detail: "none is open") }
    let session = try unsafe handle.live(doing)
    isInTransaction = false
    let result = unsafe session.pointee.commit_transaction(session, nil)
    // A commit that fails rolls back.
    if result != 0 { handle.rollbacks += 1 }
    try handle.check(result, doing)
  }

  /// Rolls the transaction back; does nothing if none is open.
  public func rollback() throws(StoreError) {
    guard isInTransaction else { return }
    let doing = "rolling a transaction back"
    let session = try unsafe handle.live(doing)
    isInTransaction = false
    handle.rollbacks += 1
    try handle.check(unsafe session.pointee.rollback_transaction(session, nil), doing)
  }

  /// Runs `body` in a transaction: commits what it did, or rolls back and rethrows its error.
  public func withTransaction<Result>(_ body: () throws -> Result) throws -> Result {
    try begin()
    let result: Result
    do {
      result = try body()
    } catch {
      // The body's error is the one that matters; a failed rollback means that the engine has stopped.
      try? rollback()
      throw error
    }
    try commit()
    return result
  }

  /// Makes every commit so far, of any session, durable. Throws `fsyncFailed` or `panic` if the disk refused.
  public func flushLog() throws(StoreError) {
    let doing = "flushing the journal"
    let session = try unsafe handle.live(doing)
    try handle.check(unsafe session.pointee.log_flush(session, "sync=on"), doing)
  }

  /// Writes all committed changes into the table files, consistently across tables.
  public func checkpoint() throws(StoreError) {
    let doing = "making a checkpoint"
    guard !isInTransaction else { throw StoreError(.invalid, doing: doing, detail: "a transaction is open") }
    let session = try unsafe handle.live(doing)
    try handle.check(unsafe session.pointee.checkpoint(session, nil), doing)
  }

  // MARK: Cursors

  /// Opens a cursor; the caller closes it. Throws `notFound` for an unknown table, `missingKey`, `damaged`.
  public func openCursor(_ table: String) throws(StoreError) -> Cursor {
    try Cursor(handle, table: table, configuration: nil)
  }

  /// Opens a cursor that fills an empty table with rows in ascending order of keys, twice as fast as ordinary inserts.
  ///
  /// Nobody else can use the table meanwhile. The rows are not logged: they are durable after the next checkpoint.
  public func openBulkCursor(_ table: String) throws(StoreError) -> Cursor {
    try Cursor(handle, table: table, configuration: "bulk=true")
  }

  /// Closes the cursors this session keeps for a table, so that another session can drop or verify it.
  public func releaseCursors(of table: String) {
    pointCursors[table]?.close()
    pointCursors[table] = nil
    for cursor in scanCursors.removeValue(forKey: table) ?? [] { cursor.close() }
  }

  func pointCursor(_ table: String) throws(StoreError) -> Cursor {
    if let cursor = pointCursors[table] { return cursor }
    let cursor = try openCursor(table)
    pointCursors[table] = cursor
    return cursor
  }

  func takeScanCursor(_ table: String) throws(StoreError) -> Cursor {
    if let cursor = scanCursors[table]?.popLast() { return cursor }
    return try openCursor(table)
  }

  func giveBack(_ cursor: Cursor) {
    guard handle.isOpen else { return }
    do throws(StoreError) {
      try cursor.reset()
      scanCursors[cursor.table, default: []].append(cursor)
    } catch {
      cursor.close()
    }
  }
}
