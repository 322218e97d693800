// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
public import ReplicationCore

/// A source's catalogue: which collections there are after which entry of the oplog.
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

  /// The last oplog entry the catalogue includes.
  public var base: LogPosition
  /// Who belongs to the shard after that entry.
  public var membership: Membership
  /// The source's oplog starts after the entry with this index.
  public var logBase: UInt64
  /// The collections, in order of their names.
  public var collections: [Collection]
  /// How large the collections' files are on the source, in bytes; all that can be told without reading them.
  public var fileBytes: UInt64
  /// For how many seconds the source's oplog will reach back to here at the pace of its last writes; 0 if unknown.
  public var oplogSeconds: UInt64 = 0
}

/// How a source answers when one collection is asked for.
public struct CopyOpening: Sendable {
  /// The last oplog entry that the rows to come include.
  public var base: LogPosition
  /// Whether the collection was dropped; no rows come.
  public var isGone: Bool
  /// The source's oplog starts after the entry with this index.
  public var logBase: UInt64
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
  /// The source's oplog starts after the entry with this index by now.
  public var logBase: UInt64
  /// For how many seconds the oplog will reach back to the copy's start at the pace of its last writes; 0 if unknown.
  public var oplogSeconds: UInt64 = 0

  /// How large a chunk grows before it is sent, in bytes; one row may be larger.
  static let targetBytes = 1 << 20
}

/// Where a new generation's content comes from: another member, or the node's own live generation.
///
/// Each collection is read in a snapshot of its own, so that none stays open for as long as the whole copy takes, and
/// so that a copy can go on behind any key, at any later time, from any source that is not older (see `CopyRun`).
public protocol CopySource: Sendable {
  /// The catalogue as it is now; may be asked for again.
  func begin() async throws -> CopyBeginning
  /// Begins to read a collection behind `key`; `from` is the oplog entry behind which the copy's owner will catch up.
  func open(_ collection: CollectionID, after key: [UInt8]?, from index: UInt64) async throws -> CopyOpening
  /// The next rows of the collection opened last, nil after its last ones.
  func next() async throws -> CopyChunk?
  /// Gives up whatever the source holds; may be called at any time.
  func close() async
}

/// The members a copy may be made from, the best first.
public struct CopySources: Sendable {
  let names: [String]
  var streams: Int
  /// Whether the source reads the next rows while the last ones are loaded.
  var readsAhead = true
  /// Whether a source that failed or was closed can be opened again.
  let canReopen: Bool
  private let opener: @Sendable (Int) async throws -> any CopySource

  /// Members by name, each opened anew for each stream.
  public init(_ names: [String], open: @escaping @Sendable (Int) async throws -> any CopySource) {
    self.names = names
    streams = CopyLimits.streams
    canReopen = true
    opener = open
  }

  /// One source that can't be opened twice.
  public init(_ source: any CopySource) {
    names = ["the source"]
    streams = 1
    canReopen = false
    opener = { _ in source }
  }

  func open(_ index: Int) async throws -> any CopySource { try await opener(index) }
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
