// SPDX-License-Identifier: GPL-3.0-or-later

/// What the server needs of the node below it: its view of the replica set, snapshots to read, transactions to write.
public protocol DocumentEngine: Sendable {
  /// The replica set as this node sees it now; called for every `hello` and every command, so it must not block.
  func replicaSetView() -> ReplicaSetView

  /// Whether the node can read and write at all now; must not block.
  func state() -> EngineState

  /// Has `body` called after each change of what `replicaSetView` or `state` answer, from any thread and without any
  /// lock held; there is one such body at a time.
  func onViewChange(_ body: @Sendable @escaping () -> Void)

  /// A number that grows whenever what stands in collections named `system.…` may have changed; must not block.
  ///
  /// A read that begins after it was asked sees at least that state. Users are read anew when it has grown.
  func systemVersion() -> UInt64

  /// Runs `body` on a storage thread against one snapshot of committed data.
  ///
  /// Throws what `body` throws, or `EngineError`. On a secondary it reads what that secondary has applied.
  func read<R: Sendable>(_ body: @Sendable @escaping (any ReadTransaction) throws -> R) async throws -> R

  /// Runs `body` in the primary's write transaction, perhaps together with other writers' bodies, and returns when a
  /// majority has the writes on disk.
  ///
  /// What `body` has put stands even if it reports write errors in `R`. It throws only before its first `put`,
  /// `remove`, create or drop, or passes on what the transaction itself threw. It may run more than once (a batch that
  /// is tried again) and then sees the data as it is then. Throws what `body` throws, or `EngineError`.
  func write<R: Sendable>(_ body: @Sendable @escaping (any WriteTransaction) throws -> R) async throws -> R
}

/// Whether an engine can be read and written.
public enum EngineState: Sendable, Equatable {
  /// Data can be read, and written on the primary.
  case serving
  /// Neither read nor write is possible; `reason` is told to drivers ("disabled: the KMS key was revoked").
  case unavailable(reason: String)
}

/// One collection of one lifetime: a dropped and re-created collection has another identifier.
public struct CollectionHandle: Sendable, Hashable {
  /// The collection's UUID in its text form, 36 characters.
  public let uuid: String
  /// Its name.
  public let namespace: Namespace

  /// Names a collection that exists.
  public init(uuid: String, namespace: Namespace) {
    self.uuid = uuid
    self.namespace = namespace
  }
}

/// A database as `listDatabases` shows it.
public struct DatabaseSummary: Sendable, Equatable {
  /// Its name.
  public let name: String
  /// Bytes of its files.
  public let sizeOnDisk: Int64
  /// Whether it has no collections.
  public let isEmpty: Bool

  /// Describes a database.
  public init(name: String, sizeOnDisk: Int64, isEmpty: Bool) {
    self.name = name
    self.sizeOnDisk = sizeOnDisk
    self.isEmpty = isEmpty
  }
}

/// Reads against one snapshot; valid only inside the body it was handed to, on that body's thread.
public protocol ReadTransaction {
  /// The collection of that name, or nil if there is none.
  func collection(_ namespace: Namespace) throws -> CollectionHandle?

  /// The document stored under a key (a `DocumentKey`'s bytes), or nil.
  func document(_ collection: CollectionHandle, key: [UInt8]) throws -> [UInt8]?

  /// Visits documents in key order, from the first key greater than `after`, until `body` returns false.
  ///
  /// `body` must not write to `collection`. What it throws is passed on.
  func scan(
    _ collection: CollectionHandle, after: [UInt8]?, _ body: (_ key: [UInt8], _ document: [UInt8]) throws -> Bool
  ) throws

  /// Calls `body` once for each document of a collection, without reading it, until it returns false. What it throws is
  /// passed on.
  func forEachKey(_ collection: CollectionHandle, _ body: () throws -> Bool) throws

  /// All databases that have a collection, by name.
  func databases() throws -> [DatabaseSummary]

  /// All collections of a database, by name; empty if there is no such database.
  func collections(in database: String) throws -> [CollectionHandle]
}

/// Reads and writes of one write transaction; reads see the transaction's own earlier writes.
public protocol WriteTransaction: ReadTransaction {
  /// Whether the bodies that share this transaction have used up its time or have read as much as they may: a body that
  /// can go on in a write of its own soon ends, at a place from which it can. Asked often, so it must be cheap.
  var isSpent: Bool { get }

  /// Creates a collection, and its database if need be; the caller has checked that there is none of that name.
  func createCollection(_ namespace: Namespace) throws -> CollectionHandle

  /// Drops a collection with all its documents.
  func dropCollection(_ collection: CollectionHandle) throws

  /// Drops a database with all its collections; nothing happens if there is none.
  func dropDatabase(_ database: String) throws

  /// Stores a document under a key, over whatever was there.
  func put(_ collection: CollectionHandle, key: [UInt8], document: [UInt8]) throws

  /// Removes the document under a key; nothing happens if there is none.
  func remove(_ collection: CollectionHandle, key: [UInt8]) throws
}
