// SPDX-License-Identifier: GPL-3.0-or-later
internal import CWiredTiger
internal import Glibc

extension Session {
  /// Creates a table; when this returns it survives a crash, empty or not.
  ///
  /// Throws `exists`, `invalid` for a bad name or option, `missingKey`. A crash in between leaves no table.
  public func createTable(_ name: String, _ options: TableOptions = TableOptions()) throws(StoreError) {
    let doing = "creating the table \(name)"
    try Configuration.check(table: name, doing: doing)
    try Configuration.check(options, in: store.options, doing: doing)
    try requireNoTransaction(doing)
    if let keyID = options.keyID, !store.monitor.hasKey(keyID) {
      throw StoreError(.missingKey, doing: doing, detail: "the key \(keyID) is not there or was revoked")
    }
    let session = try unsafe handle.live(doing)
    let configuration = Configuration.table(options, in: store.options) + ",exclusive=true"
    try store.changeTables { manifest throws(StoreError) in
      if let old = manifest.tables[name] {
        guard old.state != .table else { throw StoreError(.exists, doing: doing, detail: "the table exists") }
        // A change that failed half-way, for want of disk space say.
        try drop(name, doing: doing)
      }
      try set(name, to: .init(state: .creating, keyID: options.keyID), in: &manifest)
      let result = unsafe session.pointee.create(session, Configuration.uri(name), configuration)
      guard result == 0 else {
        let error = store.monitor.failure(result, doing: doing, file: Configuration.file(of: name))
        // WiredTiger leaves a table without its file behind; what cannot go now goes at the next opening.
        if (try? drop(name, doing: doing)) != nil { try? set(name, to: nil, in: &manifest) }
        throw error
      }
      try set(name, to: .init(state: .table, keyID: options.keyID), in: &manifest)
    }
  }

  /// Drops a table and removes its file. Its key is not needed for that, and not needed afterwards by any table.
  ///
  /// Throws `notFound`, or `busy` while other sessions have cursors on it (`releaseCursors(of:)`).
  public func dropTable(_ name: String) throws(StoreError) {
    let doing = "dropping the table \(name)"
    try Configuration.check(table: name, doing: doing)
    try requireNoTransaction(doing)
    releaseCursors(of: name)
    try store.changeTables { manifest throws(StoreError) in
      guard let old = manifest.tables[name] else {
        throw StoreError(.notFound, doing: doing, detail: "there is no such table")
      }
      try set(name, to: .init(state: .dropping, keyID: old.keyID), in: &manifest)
      do throws(StoreError) {
        try drop(name, doing: doing)
      } catch {
        if old.state == .table { try? set(name, to: old, in: &manifest) }
        throw error
      }
      try set(name, to: nil, in: &manifest)
    }
  }

  /// The names of all tables, sorted.
  public func tableNames() -> [String] { store.tableNames }

  /// Reads a whole table from disk and checks it; throws `damaged` without stopping the store.
  ///
  /// It needs the table to itself: `busy` while other sessions have cursors on it.
  public func verify(_ table: String) throws(StoreError) {
    let doing = "verifying the table \(table)"
    try Configuration.check(table: table, doing: doing)
    try requireNoTransaction(doing)
    releaseCursors(of: table)
    let session = try unsafe handle.live(doing)
    let result = unsafe session.pointee.verify(session, Configuration.uri(table), nil)
    if result == 0 { return }
    throw missingTable(result, table, doing, store)
      ?? store.monitor.failure(result, doing: doing, file: Configuration.file(of: table))
  }

  private func requireNoTransaction(_ doing: String) throws(StoreError) {
    if isInTransaction { throw StoreError(.invalid, doing: doing, detail: "a transaction is open") }
  }

  private func drop(_ name: String, doing: String) throws(StoreError) {
    let session = try unsafe handle.live(doing)
    // `force` only tells WiredTiger not to mind that there is nothing to drop.
    let result = unsafe session.pointee.drop(session, Configuration.uri(name), "force=true")
    try handle.check(result, doing, table: name)
  }

  /// Writes the manifest with a changed entry; the manifest in memory follows only if the disk did.
  private func set(
    _ name: String, to table: StoreManifest.Table?, in manifest: inout StoreManifest
  ) throws(StoreError) {
    var changed = manifest
    changed.tables[name] = table
    try changed.write(to: store.path)
    manifest = changed
  }
}

/// The error for a table WiredTiger did not find: its file is gone, or there never was such a table.
func missingTable(_ result: Int32, _ table: String, _ doing: String, _ store: Store) -> StoreError? {
  guard result == ENOENT else { return nil }
  if store.tableNames.contains(table) {
    return StoreError(
      .missingFile, doing: doing, file: Configuration.file(of: table),
      detail: "the table's file is gone; copy the data anew from a healthy member", underlying: result)
  }
  return StoreError(.notFound, doing: doing, detail: "there is no such table", underlying: result)
}
