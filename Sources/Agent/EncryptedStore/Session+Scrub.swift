// SPDX-License-Identifier: GPL-3.0-or-later
internal import CWiredTiger
internal import Glibc

/// What one step of a scrub read.
public struct ScrubbedRows: Sendable, Equatable {
  /// How many bytes of keys and values.
  public var bytes: Int
  /// The last key that was read, where the next step goes on; nil if the table ended.
  public var last: [UInt8]?
}

extension Session {
  /// Reads rows of a table's last checkpoint after `key`, or from its beginning, until at least `budget` bytes were
  /// read: each block on the way passes its checksum and its decryption.
  ///
  /// A checkpoint is a tree of its own beside the one that is in use: pages in memory hide nothing, and nobody waits.
  /// (WiredTiger's own verification needs the table to itself and stops checkpoints until it has read it all.) Blocks
  /// come through the kernel's page cache. What is not in a checkpoint yet is not looked at. Throws as a read does:
  /// damage stops the store.
  public func scrub(_ table: String, after key: [UInt8]?, budget: Int) throws(StoreError) -> ScrubbedRows {
    let doing = "scrubbing the table \(table)"
    let cursor: Cursor
    do throws(StoreError) {
      cursor = try Cursor(handle, table: table, configuration: "checkpoint=WiredTigerCheckpoint,read_once=true")
    } catch {
      // A table that no checkpoint has seen yet; its file is there.
      guard error.code == .missingFile || error.code == .notFound, !store.isPanicked else { throw error }
      let file = store.path + "/" + Configuration.file(of: table)
      guard unsafe access(file, F_OK) == 0 else {
        // A table that was dropped meanwhile is no loss.
        guard store.tableNames.contains(table) else { return ScrubbedRows(bytes: 0, last: nil) }
        throw StoreError(
          .missingFile, doing: doing, file: Configuration.file(of: table),
          detail: "the table's file is gone; copy the data anew from a healthy member")
      }
      return ScrubbedRows(bytes: 0, last: nil)
    }
    defer { cursor.close() }
    var bytes = 0
    var isRow = try cursor.start(from: key, inclusive: false, reverse: false)
    while isRow {
      bytes += try cursor.rowBytes()
      if bytes >= budget { return ScrubbedRows(bytes: bytes, last: try cursor.key()) }
      isRow = try cursor.next()
    }
    return ScrubbedRows(bytes: bytes, last: nil)
  }
}
