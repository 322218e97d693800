// SPDX-License-Identifier: GPL-3.0-or-later
internal import CWiredTiger

/// How much of a store's cache is in use.
public struct CacheUse: Sendable, Equatable {
  /// Bytes of pages in memory.
  public var usedBytes: Int64
  /// Bytes of pages that are not written yet.
  public var dirtyBytes: Int64
  /// The most bytes the store may use.
  public var limitBytes: Int64
}

extension Session {
  /// Asks the engine for its counters; cheap, and waits for nothing.
  public func cacheUse() throws(StoreError) -> CacheUse {
    let doing = "reading statistics"
    let session = try unsafe handle.live(doing)
    var opened: UnsafeMutablePointer<WT_CURSOR>?
    try handle.check(unsafe session.pointee.open_cursor(session, "statistics:", nil, nil, &opened), doing)
    guard let cursor = unsafe opened else {
      throw StoreError(.io, doing: doing, detail: "the engine gave no cursor")
    }
    defer { _ = unsafe cursor.pointee.close(cursor) }
    func value(_ number: Int32) throws(StoreError) -> Int64 {
      var value: Int64 = 0
      try handle.check(unsafe keyfold_statistic(cursor, number, &value), doing)
      return value
    }
    return CacheUse(
      usedBytes: try value(WT_STAT_CONN_CACHE_BYTES_INUSE), dirtyBytes: try value(WT_STAT_CONN_CACHE_BYTES_DIRTY),
      limitBytes: try value(WT_STAT_CONN_CACHE_BYTES_MAX))
  }
}
