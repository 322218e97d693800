// SPDX-License-Identifier: GPL-3.0-or-later

extension Session {
  /// The value of a key, or nil.
  public func get(_ table: String, _ key: [UInt8]) throws(StoreError) -> [UInt8]? {
    let cursor = try pointCursor(table)
    defer { cursor.resetQuietly() }
    guard try cursor.seek(key) else { return nil }
    return try cursor.value()
  }

  /// Inserts a row or replaces its value. Outside of a transaction it is one by itself.
  ///
  /// Throws `conflict` if another transaction changed the row since this one began, `invalid` for an empty key.
  public func put(_ table: String, _ key: [UInt8], _ value: [UInt8]) throws(StoreError) {
    try pointCursor(table).insert(key, value)
  }

  /// Removes a row; returns whether it was there.
  @discardableResult
  public func remove(_ table: String, _ key: [UInt8]) throws(StoreError) -> Bool {
    let cursor = try pointCursor(table)
    defer { cursor.resetQuietly() }
    guard try cursor.seek(key) else { return false }
    try cursor.removeCurrent()
    return true
  }

  /// Lends the rows of a table in order of keys (byte by byte), from a key on or from the end, until `body` returns
  /// false. The bytes are valid only within `body`, which may use the session but not end its transaction.
  public func scan(
    _ table: String, from start: [UInt8]? = nil, inclusive: Bool = true, reverse: Bool = false,
    body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> Bool
  ) throws {
    let cursor = try takeScanCursor(table)
    defer { giveBack(cursor) }
    let rollbacks = handle.rollbacks
    var isAtRow = try cursor.start(from: start, inclusive: inclusive, reverse: reverse)
    while isAtRow {
      guard try unsafe cursor.withRow(body) else { return }
      guard rollbacks == handle.rollbacks else {
        throw StoreError(.invalid, doing: "scanning \(table)", detail: "the transaction was rolled back meanwhile")
      }
      isAtRow = try reverse ? cursor.previous() : cursor.next()
    }
  }

  /// Copies of at most `limit` rows, in the order that `scan` would lend them.
  public func rows(
    _ table: String, from start: [UInt8]? = nil, inclusive: Bool = true, reverse: Bool = false, limit: Int
  ) throws(StoreError) -> [(key: [UInt8], value: [UInt8])] {
    guard limit > 0 else { return [] }
    let cursor = try takeScanCursor(table)
    defer { giveBack(cursor) }
    var rows: [(key: [UInt8], value: [UInt8])] = []
    var isAtRow = try cursor.start(from: start, inclusive: inclusive, reverse: reverse)
    while isAtRow {
      rows.append((try cursor.key(), try cursor.value()))
      if rows.count == limit { break }
      isAtRow = try reverse ? cursor.previous() : cursor.next()
    }
    return rows
  }
}
