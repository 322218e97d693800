// SPDX-License-Identifier: GPL-3.0-or-later
internal import AuditTrail
public import ClusterModel
internal import CoordinatorCore
internal import FailurePoints
internal import Foundation
internal import GRDB
internal import Glibc

/// What a store holds, read and checked to its last record.
public struct StoreContent: Sendable, Codable, Equatable {
  /// The last epoch that was drawn.
  public var epoch: UInt64
  /// How many records there are of each kind.
  public var records: [String: Int]
  /// How many sealed secrets there are.
  public var secrets: Int
  /// Where the audit record ends.
  public var auditHead: AuditHead
}

/// Copies of the store: made while a coordinator runs, put back while none does.
extension StateStore {
  /// The name of the database's file.
  public static let fileName = "coordinator.sqlite"

  /// Copies the store of `folder`, of one moment, to the new file `target` (0600), on disk when this returns. The
  /// coordinator may run; SQLite's backup interface takes care of its writes.
  ///
  /// Throws `StateStoreError` if there is no store, it is damaged, or the file is there already.
  public static func copy(folder: String, to target: String) throws(StateStoreError) -> StoreContent {
    let source = folder + "/" + fileName
    try createFile(target)
    do {
      try guarding(source, "copying the store") {
        try copyPages(from: source, to: target)
      }
      let content = try inspect(target)
      try syncFile(target)
      return content
    } catch {
      _ = unsafe unlink(target)
      throw error
    }
  }

  /// Reads all of a copy, which nobody has open, and checks it: SQLite's own structure, every record, and the chain of
  /// the audit record.
  public static func inspect(_ path: String) throws(StateStoreError) -> StoreContent {
    guard unsafe access(path, F_OK) == 0 else {
      throw StateStoreError(.storage, path: path, "there is no such file")
    }
    return try guarding(path, "reading the copy") {
      let queue = try DatabaseQueue(path: path)
      let found = try queue.writeWithoutTransaction { database in
        try StoreSchema.prepare(database, path: path)
        return try Self.content(database, path: path)
      }
      try queue.close()
      return found
    }
  }

  /// Puts a copy into the place of a coordinator's store; the coordinator has to be stopped. A store that is there
  /// already is kept beside it, and its path returned.
  ///
  /// The copy takes the place by one rename: a crash leaves the store of before or the copy, never none.
  public static func restore(
    _ copy: String, to folder: String, replacing: Bool, forgettingSecrets: Bool
  ) throws(StateStoreError) -> (content: StoreContent, former: String?) {
    let lock = try StoreFolder(folder)
    let place = lock.databasePath
    let fresh = place + ".restoring"
    let exists = unsafe access(place, F_OK) == 0
    guard !exists || replacing else {
      throw StateStoreError(.invalid, path: place, "there is a store already; say that it is to be replaced")
    }
    guard unsafe access(copy, F_OK) == 0 else { throw StateStoreError(.storage, path: copy, "there is no such file") }
    _ = unsafe unlink(fresh)
    try createFile(fresh)
    try guarding(copy, "copying the store") {
      try copyPages(from: copy, to: fresh)
      let queue = try DatabaseQueue(path: fresh)
      try queue.inDatabase { try StoreSchema.prepare($0, path: fresh) }
      try queue.write { database in
        if forgettingSecrets { try database.execute(sql: "DELETE FROM secrets") }
        let found = StateRecord.restoration(
          .putBack(lastEpoch: try epoch(database), at: Instant(milliseconds: Self.milliseconds)))
        try write(database, found.key, Data(try found.json()))
      }
      try queue.close()
    }
    let content = try inspect(fresh)
    try syncFile(fresh)
    FailurePoint.reach("coordinator.restore.before")
    let former = exists ? try setAside(place) : nil
    guard unsafe rename(fresh, place) == 0 else { throw fault(place, "the copy can't take the store's place") }
    try syncFile(place)
    FailurePoint.reach("coordinator.restore.after")
    return (content, former)
  }

  /// Journals and shared memory beside `source` may be a running coordinator's: nothing is written there.
  private static func copyPages(from source: String, to target: String) throws {
    var reading = Configuration()
    reading.readonly = true
    reading.busyMode = .timeout(5)
    let from = try DatabaseQueue(path: source, configuration: reading)
    let to = try DatabaseQueue(path: target)
    try from.backup(to: to)
    try to.writeWithoutTransaction { _ = try String.fetchOne($0, sql: "PRAGMA journal_mode = DELETE") }
    try to.close()
    try from.close()
  }

  /// Keeps a store under another name as well. What its journal holds goes into it if it can still be read; else the
  /// journal is set aside too.
  private static func setAside(_ place: String) throws(StateStoreError) -> String {
    let former = "\(place).replaced-\(milliseconds)"
    let closed: Void? = try? guarding(place, "closing the former store") {
      let queue = try DatabaseQueue(path: place)
      try queue.writeWithoutTransaction { _ = try String.fetchOne($0, sql: "PRAGMA journal_mode = DELETE") }
      try queue.close()
    }
    if closed == nil {
      for suffix in ["-wal", "-shm"] where unsafe access(place + suffix, F_OK) == 0 {
        guard unsafe rename(place + suffix, former + suffix) == 0 else {
          throw fault(place + suffix, "the former journal can't be set aside")
        }
      }
    }
    guard unsafe Glibc.link(place, former) == 0 else { throw fault(former, "the former store can't be set aside") }
    return former
  }

  private static func content(_ database: Database, path: String) throws -> StoreContent {
    if let fault = try String.fetchOne(database, sql: "PRAGMA integrity_check(1)"), fault != "ok" {
      throw StateStoreError(.damaged, path: path, "the database is damaged (\(fault)); use another copy")
    }
    var records: [String: Int] = [:]
    let rows = try Row.fetchCursor(database, sql: "SELECT kind, id, json FROM records")
    while let row = try rows.next() {
      let record = try record(of: row, path: path)
      records[record.key.kind.rawValue, default: 0] += 1
    }
    var head = try auditBase(database, path: path)
    let links = try Row.fetchCursor(database, sql: "SELECT * FROM audit ORDER BY sequence")
    while let row = try links.next() { head = try AuditChain.check([try Self.link(of: row, path: path)], after: head) }
    return StoreContent(
      epoch: try epoch(database),
      records: records, secrets: try Int.fetchOne(database, sql: "SELECT count(*) FROM secrets") ?? 0, auditHead: head)
  }

  private static func epoch(_ database: Database) throws -> UInt64 {
    UInt64(clamping: try Int64.fetchOne(database, sql: "SELECT number FROM epochs WHERE one = 1") ?? 0)
  }

  private static var milliseconds: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

  private static func createFile(_ path: String) throws(StateStoreError) {
    let file = unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else { throw fault(path, "the file can't be made") }
    Glibc.close(file)
  }

  /// Makes a file and its name durable.
  private static func syncFile(_ path: String) throws(StateStoreError) {
    let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    for (name, flags) in [(path, O_RDONLY), (folder.isEmpty ? "." : folder, O_RDONLY | O_DIRECTORY)] {
      let file = unsafe open(name, flags | O_CLOEXEC)
      guard file >= 0 else { throw fault(name, "it can't be opened") }
      defer { Glibc.close(file) }
      guard fsync(file) == 0 else { throw fault(name, "it can't be made durable") }
    }
  }

  private static func fault(_ path: String, _ what: String) -> StateStoreError {
    StateStoreError(.storage, path: path, "\(what): \(unsafe String(cString: strerror(errno)))")
  }
}
