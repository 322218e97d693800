// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
internal import EncryptedStore
internal import ReplicationCore

/// Reads of committed data within one transaction, valid only inside the body it was lent to.
public class ReadView {
  let tables: MemberTables
  /// The first call the engine refused: its transaction is worth nothing any more, whatever the body made of it.
  private(set) var failure: MemberError?

  init(_ tables: MemberTables) { self.tables = tables }

  /// The collection of a name, nil if there is none.
  public func collection(database: String, name: String) throws(MemberError) -> CollectionID? {
    try noting { try tables.collection(database: database, name: name) }
  }

  /// All collections, or those of one database, ordered by database and name.
  public func collections(
    in database: String? = nil
  ) throws(MemberError) -> [(database: String, name: String, id: CollectionID)] {
    try noting { try tables.collections(in: database) }
  }

  /// How large a collection's file is, in bytes; what was written since the last checkpoint may not be in it yet.
  public func fileBytes(of id: CollectionID) -> UInt64 { tables.generation.fileBytes(of: id) }

  /// The document under a key, nil if there is none. Throws `invalid` if the collection is gone.
  public func document(_ id: CollectionID, key: [UInt8]) throws(MemberError) -> [UInt8]? {
    try requireCollection(id)
    let found = try noting { try tables.data.get(MemberTables.table(of: id), key) }
    noteRead(key.count + (found?.count ?? 0))
    return found
  }

  /// So many bytes were read.
  func noteRead(_ bytes: Int) {}

  /// Visits documents in order of their keys, from the first key greater than `after`, until `body` answers false.
  /// Throws what `body` throws, or `MemberError`; `invalid` if the collection is gone.
  public func scan(
    _ id: CollectionID, after: [UInt8]?, _ body: (_ key: [UInt8], _ document: [UInt8]) throws -> Bool
  ) throws {
    try requireCollection(id)
    var refusal: (any Error)?
    try noting {
      try unsafe tables.data.scan(MemberTables.table(of: id), from: after, inclusive: after == nil) { key, value in
        noteRead(key.count + value.count)
        do { return try body(unsafe [UInt8](key), unsafe [UInt8](value)) } catch {
          refusal = error
          return false
        }
      }
    }
    if let refusal { throw refusal }
  }

  /// Calls `body` once for each document of a collection until it answers false. Throws what `body` throws, or
  /// `MemberError`; `invalid` if the collection is gone.
  public func forEachKey(_ id: CollectionID, _ body: () throws -> Bool) throws {
    try requireCollection(id)
    var refusal: (any Error)?
    try noting {
      try unsafe tables.data.scan(MemberTables.table(of: id)) { _, _ in
        do { return try body() } catch {
          refusal = error
          return false
        }
      }
    }
    if let refusal { throw refusal }
  }

  /// How many documents a collection has; reads all keys. Throws `invalid` if the collection is gone.
  public func count(_ id: CollectionID) throws -> Int {
    var count = 0
    try forEachKey(id) {
      count += 1
      return true
    }
    return count
  }

  private func requireCollection(_ id: CollectionID) throws(MemberError) {
    guard try noting({ try tables.exists(id) }) else {
      throw MemberError(.invalid, "the collection \(id) does not exist any more")
    }
  }

  /// Runs calls of the engine and notes the first that fails.
  func noting<R>(_ body: () throws -> R) throws(MemberError) -> R {
    do { return try body() } catch {
      let carried = MemberError.carrying(error)
      failure = failure ?? carried
      throw carried
    }
  }
}
