// SPDX-License-Identifier: GPL-3.0-or-later

/// How table pages are compressed before they are encrypted.
public enum Compression: String, Sendable, Equatable {
  /// Google's snappy, through WiredTiger's own extension.
  case snappy
  /// Pages are stored as they are.
  case none
}

/// How a store is opened.
public struct StoreOptions: Sendable {
  /// Memory for cached pages, in bytes. WiredTiger needs at least 1 MiB.
  public var cacheBytes: Int
  /// The compression of tables that do not choose their own.
  public var compression: Compression
  /// The key of the journal, the metadata and all tables without a key of their own; nil makes a store in plaintext.
  /// A store keeps for life what it was created with.
  public var systemKeyID: String?
  /// Time between two checkpoints the store makes by itself; zero leaves checkpoints to the caller.
  public var checkpointInterval: Duration
  /// Journal bytes after which the store makes a checkpoint even before the interval is over; 0 for no such limit.
  public var checkpointLogBytes: Int
  /// Size of one journal file, in bytes. Opening a store takes time in proportion to it.
  public var logFileBytes: Int
  /// Whether each commit waits for the disk. Without it `Session.flushLog()` makes all commits before it durable.
  public var syncOnCommit: Bool
  /// Sessions that can be open at the same time.
  public var maxSessions: Int

  /// Options with the defaults that suit a node of a cluster.
  public init(
    cacheBytes: Int = 256 << 20, compression: Compression = .snappy, systemKeyID: String? = nil,
    checkpointInterval: Duration = .seconds(60), checkpointLogBytes: Int = 256 << 20, logFileBytes: Int = 10 << 20,
    syncOnCommit: Bool = false, maxSessions: Int = 512
  ) {
    self.cacheBytes = cacheBytes
    self.compression = compression
    self.systemKeyID = systemKeyID
    self.checkpointInterval = checkpointInterval
    self.checkpointLogBytes = checkpointLogBytes
    self.logFileBytes = logFileBytes
    self.syncOnCommit = syncOnCommit
    self.maxSessions = maxSessions
  }
}

/// How a table is created.
public struct TableOptions: Sendable {
  /// The key of the table's pages; nil uses the store's system key. Never reuse the id of a key that was destroyed.
  public var keyID: String?
  /// Whether commits to the table go through the journal. Tables that are not logged come back from a crash as they
  /// were at the last checkpoint.
  public var logged: Bool
  /// Largest leaf page on disk, in bytes: about 8 KiB for point reads, 32 KiB for scans.
  public var leafPageBytes: Int
  /// The compression of the pages; nil takes the store's.
  public var compression: Compression?

  /// Options of a table for point reads.
  public init(
    keyID: String? = nil, logged: Bool = true, leafPageBytes: Int = 8 << 10, compression: Compression? = nil
  ) {
    self.keyID = keyID
    self.logged = logged
    self.leafPageBytes = leafPageBytes
    self.compression = compression
  }
}

/// What a store tells its owner outside of any call.
///
/// The closures run on WiredTiger's threads while it holds locks: they must return at once and not call the store.
public struct StoreEvents: Sendable {
  /// The store is damaged and has closed itself; called once for each cause.
  public var damage: @Sendable (StoreDamage) -> Void
  /// A message of WiredTiger for a log, at most 1 KiB, without page contents.
  public var message: @Sendable (String) -> Void

  /// Makes a set of closures; those left out do nothing.
  public init(
    damage: @escaping @Sendable (StoreDamage) -> Void = { _ in },
    message: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.damage = damage
    self.message = message
  }
}

/// A damage that a store found.
public struct StoreDamage: Sendable, Equatable {
  /// The file, relative to the store's folder; nil if WiredTiger did not name one.
  public let file: String?
  /// WiredTiger's description.
  public let reason: String
}
