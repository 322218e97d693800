// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
public import CoordinatorCore
internal import FailurePoints
internal import GRDB
internal import Synchronization

/// What the coordinator remembers: one SQLite file, WAL, every commit on disk before it returns.
///
/// Calls block; call from one actor with a thread of its own. A failed write is never retried here: the caller ends the
/// process, and the next start reads what the disk holds.
public final class StateStore: Sendable {
  /// The most bytes of one record's JSON; a node's 20,000 keys need about 3 MB.
  public static let maximumRecordLength = 16 << 20
  /// The most bytes of one sealed secret.
  public static let maximumSecretLength = 1 << 20

  /// The database's path.
  public let path: String
  // The queue dies before the folder's lock is given back: properties die in the order they are declared. It is nil
  // once closed: a closed connection that is used again crashes inside SQLite instead of throwing.
  private let queue: Mutex<DatabaseQueue?>
  private let folder: StoreFolder
  private let retained: Int

  /// Opens the store in `folder`, making both if they are missing; the folder's parent has to exist.
  ///
  /// Throws `StateStoreError` if another process has it open, the file is damaged, foreign or of a newer Keyfold.
  public convenience init(folder path: String) throws(StateStoreError) {
    try self.init(folder: path, retainedAuditEntries: Self.retainedAuditEntries)
  }

  init(folder path: String, retainedAuditEntries: Int) throws(StateStoreError) {
    let folder = try StoreFolder(path)
    try folder.prepareDatabaseFile()
    let database = folder.databasePath
    let queue = try Self.guarding(database, "opening the store") {
      let queue = try DatabaseQueue(path: database, configuration: Self.configuration)
      try queue.writeWithoutTransaction { connection in
        try connection.execute(sql: "PRAGMA synchronous = FULL")
        try StoreSchema.prepare(connection, path: database)
      }
      return queue
    }
    self.path = database
    self.queue = Mutex(queue)
    self.folder = folder
    retained = retainedAuditEntries
  }

  /// Closes the database; every later call but another `close` throws `StateStoreError`.
  ///
  /// The lock is given back with the object.
  public func close() throws(StateStoreError) {
    guard let open = queue.withLock({ $0.take() }) else { return }
    try Self.guarding(path, "closing the store") { try open.close() }
  }

  /// Lends the open database. Calls come from one actor, so that none is under way while another closes.
  func withQueue<Value>(
    _ doing: String, _ body: (DatabaseQueue) throws -> Value
  ) throws(StateStoreError) -> Value {
    guard let queue = queue.withLock({ $0 }) else {
      throw StateStoreError(.closed, path: path, "\(doing) failed: the store is closed")
    }
    return try Self.guarding(path, doing) { try body(queue) }
  }

  /// Draws the next epoch: the number is one higher than any before, on disk before it returns.
  public func nextEpoch(
    incarnation: UInt64 = .random(in: .min ... .max)
  ) throws(StateStoreError) -> Epoch {
    FailurePoint.reach("coordinator.epoch.before")
    let number = try withQueue("drawing an epoch") { queue in
      try queue.write { database in
        try database.execute(sql: "UPDATE epochs SET number = number + 1 WHERE one = 1")
        return try Int64.fetchOne(database, sql: "SELECT number FROM epochs WHERE one = 1")
      }
    }
    FailurePoint.reach("coordinator.epoch.after")
    guard let number, number > 0 else {
      throw StateStoreError(.damaged, path: path, "the epoch is missing; restore the database from a copy")
    }
    return Epoch(number: UInt64(number), incarnation: incarnation)
  }

  /// Everything that is remembered, for `CoordinatorCore.init(restored:)`.
  public func records() throws(StateStoreError) -> [StateRecord] {
    try withQueue("reading the records") { queue in
      try queue.read { database in
        var records: [StateRecord] = []
        let rows = try Row.fetchCursor(database, sql: "SELECT kind, id, json FROM records ORDER BY kind, id")
        while let row = try rows.next() { records.append(try Self.record(of: row, path: self.path)) }
        return records
      }
    }
  }

  /// Writes changes of records, and of secrets that belong to them, in one transaction.
  public func apply(_ changes: [RecordChange], secrets: [SecretChange] = []) throws(StateStoreError) {
    let encoded = try changes.map { change throws(StateStoreError) in try self.encoded(change) }.compactMap(\.self)
    let entries = changes.compactMap { if case .append(let entry) = $0 { entry } else { nil } }
    for case .put(let id, let sealed) in secrets where id.isEmpty || sealed.count > Self.maximumSecretLength {
      throw StateStoreError(.invalid, path: path, "the secret has no id or more than \(Self.maximumSecretLength) bytes")
    }
    FailurePoint.reach("coordinator.commit.before")
    try withQueue("writing records") { queue in
      try queue.write { database in
        for (key, json) in encoded { try Self.write(database, key, json) }
        for change in secrets { try Self.write(database, change) }
        try Self.append(database, entries, path: self.path, retained: self.retained)
      }
    }
    FailurePoint.reach("coordinator.commit.after")
  }

  /// The sealed secret under this id, nil if there is none.
  public func secret(_ id: String) throws(StateStoreError) -> [UInt8]? {
    try withQueue("reading a secret") { queue in
      try queue.read { database in
        try Row.fetchOne(database, sql: "SELECT sealed FROM secrets WHERE id = ?", arguments: [id])
          .flatMap { $0["sealed"] as DatabaseValue? }.flatMap { Self.bytes($0) }
      }
    }
  }

  /// The ids of all sealed secrets, in order.
  public func secretIDs() throws(StateStoreError) -> [String] {
    try withQueue("listing secrets") { queue in
      try queue.read { try String.fetchAll($0, sql: "SELECT id FROM secrets ORDER BY id") }
    }
  }

  /// The value of one of SQLite's settings on the store's connection, for tests and diagnosis.
  func setting(_ name: String) throws(StateStoreError) -> String? {
    try withQueue("reading a setting") { queue in try queue.read { try String.fetchOne($0, sql: "PRAGMA \(name)") } }
  }
}

/// One change of a sealed secret; what is in it is sealed before it comes here.
public enum SecretChange: Sendable, Equatable {
  /// Write or replace the sealed secret under this id.
  case put(id: String, sealed: [UInt8])
  /// Forget the secret under this id.
  case remove(id: String)
}
