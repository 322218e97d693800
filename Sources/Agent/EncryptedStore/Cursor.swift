// SPDX-License-Identifier: GPL-3.0-or-later
internal import CWiredTiger

/// A position in a table, used by the thread that uses its session. Keys are ordered byte by byte.
///
/// Bytes of a row are lent only until the cursor's next call. A rollback takes the position away.
@safe public final class Cursor {
  private let session: SessionHandle
  private var pointer: UnsafeMutablePointer<WT_CURSOR>?
  /// The table.
  public let table: String

  init(_ session: SessionHandle, table: String, configuration: String?) throws(StoreError) {
    let doing = "opening a cursor on \(table)"
    try Configuration.check(table: table, doing: doing)
    let live = try unsafe session.live(doing)
    var opened: UnsafeMutablePointer<WT_CURSOR>?
    let result = unsafe live.pointee.open_cursor(live, Configuration.uri(table), nil, configuration, &opened)
    guard result == 0, let opened = unsafe opened else {
      throw missingTable(result, table, doing, session.store)
        ?? session.store.monitor.failure(result, doing: doing, file: Configuration.file(of: table))
    }
    self.session = session
    unsafe pointer = unsafe opened
    self.table = table
  }

  deinit { close() }

  /// Closes the cursor; closing twice is fine. A bulk cursor's last rows are written here: use `finish()` for it.
  public func close() { try? finish() }

  /// Closes the cursor and throws if that failed, which matters after a bulk load.
  public func finish() throws(StoreError) {
    // The session's close closed it already.
    guard let pointer = unsafe pointer.take(), session.isOpen else { return }
    try check(unsafe pointer.pointee.close(pointer), "closing a cursor on")
  }

  // MARK: Positions

  /// Goes to a key; returns whether it is there.
  public func seek(_ key: [UInt8]) throws(StoreError) -> Bool {
    let cursor = try unsafe live()
    if key.isEmpty { return false }
    let result = unsafe key.withUnsafeBytes { unsafe keyfold_cursor_search(cursor, $0.baseAddress, $0.count) }
    return try isFound(result, "reading")
  }

  /// Goes to the next row, or to the first if the cursor is nowhere; false at the end.
  public func next() throws(StoreError) -> Bool {
    let cursor = try unsafe live()
    return try isFound(unsafe cursor.pointee.next(cursor), "scanning")
  }

  /// Goes to the row before, or to the last if the cursor is nowhere; false at the beginning.
  public func previous() throws(StoreError) -> Bool {
    let cursor = try unsafe live()
    return try isFound(unsafe cursor.pointee.prev(cursor), "scanning")
  }

  /// Goes to the first row of a scan: at a key or beyond it, or at the table's end if `key` is nil.
  public func start(from key: [UInt8]?, inclusive: Bool, reverse: Bool) throws(StoreError) -> Bool {
    guard let key else {
      try reset()
      return try reverse ? previous() : next()
    }
    let cursor = try unsafe live()
    if key.isEmpty {
      // WiredTiger has no empty keys: every row comes after.
      try reset()
      return try reverse ? false : next()
    }
    var order: Int32 = 0
    let result = unsafe key.withUnsafeBytes {
      unsafe keyfold_cursor_search_near(cursor, $0.baseAddress, $0.count, &order)
    }
    guard try isFound(result, "scanning") else { return false }
    if order == 0 && inclusive { return true }
    // It stands on a neighbour of the key, on either side.
    if reverse { return order < 0 ? true : try previous() }
    return order > 0 ? true : try next()
  }

  /// Leaves the position, so that the page can be evicted.
  public func reset() throws(StoreError) {
    let cursor = try unsafe live()
    try check(unsafe cursor.pointee.reset(cursor), "resetting a cursor on")
  }

  func resetQuietly() { try? reset() }

  // MARK: Rows

  /// Lends the row under the cursor.
  public func withRow<Result>(
    _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> Result
  ) throws -> Result {
    let cursor = try unsafe live()
    let key = try unsafe lend(cursor, keyfold_cursor_key)
    let value = try unsafe lend(cursor, keyfold_cursor_value)
    return try unsafe body(key, value)
  }

  /// How many bytes key and value under the cursor have, both read from disk if they were not in memory.
  func rowBytes() throws(StoreError) -> Int {
    let cursor = try unsafe live()
    return try unsafe lend(cursor, keyfold_cursor_key).count + lend(cursor, keyfold_cursor_value).count
  }

  /// A copy of the key under the cursor.
  public func key() throws(StoreError) -> [UInt8] {
    try unsafe [UInt8](lend(live(), keyfold_cursor_key))
  }

  /// A copy of the value under the cursor.
  public func value() throws(StoreError) -> [UInt8] {
    try unsafe [UInt8](lend(live(), keyfold_cursor_value))
  }

  /// Inserts a row or replaces its value; the cursor is nowhere afterwards. Throws `invalid` for an empty key.
  public func insert(_ key: [UInt8], _ value: [UInt8]) throws(StoreError) {
    try unsafe key.span.bytes.withUnsafeBytes { key throws(StoreError) in
      try unsafe value.span.bytes.withUnsafeBytes { value throws(StoreError) in try unsafe insert(key, value) }
    }
  }

  /// Inserts a row out of memory somebody else owns, from another cursor's row for instance.
  public func insert(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws(StoreError) {
    let cursor = try unsafe live()
    let result = unsafe keyfold_cursor_insert(cursor, key.baseAddress, key.count, value.baseAddress, value.count)
    try check(result, "writing")
  }

  /// Removes the row under the cursor.
  public func removeCurrent() throws(StoreError) {
    let cursor = try unsafe live()
    try check(unsafe cursor.pointee.remove(cursor), "removing from")
  }

  // MARK: Calls

  private typealias Getter = (
    UnsafeMutablePointer<WT_CURSOR>, UnsafeMutablePointer<UnsafeRawPointer?>, UnsafeMutablePointer<Int>
  ) -> Int32

  private func lend(
    _ cursor: UnsafeMutablePointer<WT_CURSOR>, _ getter: Getter
  ) throws(StoreError) -> UnsafeRawBufferPointer {
    var data: UnsafeRawPointer?
    var length = 0
    try check(unsafe getter(cursor, &data, &length), "reading")
    return unsafe UnsafeRawBufferPointer(start: data, count: length)
  }

  func live() throws(StoreError) -> UnsafeMutablePointer<WT_CURSOR> {
    guard session.isOpen, let pointer = unsafe pointer else { throw Store.closed("using a cursor on \(table)") }
    return unsafe pointer
  }

  private func isFound(_ result: Int32, _ doing: StaticString) throws(StoreError) -> Bool {
    if result == 0 { return true }
    if result == WT_NOTFOUND { return false }
    throw failure(result, doing)
  }

  private func check(_ result: Int32, _ doing: StaticString) throws(StoreError) {
    if result != 0 { throw failure(result, doing) }
  }

  private func failure(_ result: Int32, _ doing: StaticString) -> StoreError {
    session.store.monitor.failure(result, doing: "\(doing) \(table)", file: Configuration.file(of: table))
  }
}
