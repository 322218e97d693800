// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
public import ReplicationCore

/// What a copy starts with: which point of the oplog it shows, and which collections come.
public struct CopyBeginning: Sendable {
  /// A collection of the copy.
  public struct Collection: Sendable, Equatable {
    /// Its database.
    public var database: DatabaseName
    /// Its name.
    public var name: String
    /// Its identity.
    public var id: CollectionID
  }

  /// The last oplog entry the copy includes.
  public var base: LogPosition
  /// Who belongs to the shard after that entry.
  public var membership: Membership
  /// The source's oplog starts after the entry with this index.
  public var logBase: UInt64
  /// The collections, in the order in which they come.
  public var collections: [Collection]
  /// How many documents come, as far as known.
  public var documentsTotal: UInt64
}

/// Some rows of one collection, in order of their keys.
public struct CopyChunk: Sendable {
  /// The collection.
  public var collection: CollectionID
  /// How many rows.
  public var documents: Int
  /// The rows: key and document, each with a 32-bit big-endian length in front.
  public var rows: [UInt8]
  /// Whether the collection is complete with it.
  public var isLastOfCollection: Bool

  /// How large a chunk grows before it is sent, in bytes; one row may be larger.
  static let targetBytes = 1 << 20
}

/// Where a new generation's content comes from: another member, or the node's own live generation.
public protocol CopySource: Sendable {
  /// Starts the copy.
  func begin() async throws -> CopyBeginning
  /// The next rows, nil at the end.
  func next() async throws -> CopyChunk?
  /// Gives up whatever the source holds; may be called at any time.
  func close() async
}

/// Packs and unpacks the rows of a chunk.
enum CopyRows {
  static func append(_ bytes: UnsafeRawBufferPointer, to rows: inout [UInt8]) {
    let count = UInt32(truncatingIfNeeded: bytes.count)
    for shift in [24, 16, 8, 0] as [UInt32] { rows.append(UInt8(truncatingIfNeeded: count >> shift)) }
    unsafe rows.append(contentsOf: bytes)
  }

  /// Lends every row; throws `syncFailed` if the rows are not whole.
  static func forEach(
    in rows: [UInt8], _ body: (_ key: UnsafeRawBufferPointer, _ document: UnsafeRawBufferPointer) throws -> Void
  ) throws {
    try unsafe rows.withUnsafeBytes { all in
      var offset = 0
      func take() throws -> UnsafeRawBufferPointer {
        guard all.count - offset >= 4 else { throw broken }
        let count = (0..<4).reduce(0) { unsafe $0 << 8 | Int(all[offset + $1]) }
        guard count <= all.count - offset - 4 else { throw broken }
        defer { offset += 4 + count }
        return unsafe UnsafeRawBufferPointer(rebasing: all[(offset + 4)..<(offset + 4 + count)])
      }
      while offset < all.count {
        let key = try unsafe take()
        try unsafe body(key, take())
      }
    }
  }

  private static var broken: MemberError { MemberError(.syncFailed, "a chunk of the copy is cut off") }
}
