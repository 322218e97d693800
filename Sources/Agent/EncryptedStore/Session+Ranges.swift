// SPDX-License-Identifier: GPL-3.0-or-later
internal import CWiredTiger

extension Session {
  /// Removes the rows of a table from its first one up to and with `last`, which has to be there; returns whether it
  /// was. Pages that hold nothing else go without being read.
  @discardableResult
  public func removeRows(_ table: String, upTo last: [UInt8]) throws(StoreError) -> Bool {
    let doing = "removing the first rows of \(table)"
    let cursor = try takeScanCursor(table)
    defer { giveBack(cursor) }
    guard try cursor.seek(last) else { return false }
    let session = try unsafe handle.live(doing)
    let end = try unsafe cursor.live()
    try handle.check(unsafe session.pointee.truncate(session, nil, nil, end, nil), doing, table: table)
    return true
  }
}
