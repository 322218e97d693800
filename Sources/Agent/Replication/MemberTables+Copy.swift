// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import EncryptedStore
internal import ReplicationCore

/// How far the copy of one collection is, as the partial generation itself remembers it.
struct CopyMark: Sendable, Equatable {
  /// All rows up to and with this key are there; nil if none counts.
  var last: [UInt8]?
  /// Whether all rows are there.
  var isDone = false
  /// How many rows that are.
  var documents: UInt64 = 0
  /// Their bytes.
  var bytes: UInt64 = 0

  mutating func count(_ chunk: CopyChunk, last: [UInt8]?) {
    documents += UInt64(chunk.documents)
    bytes += UInt64(chunk.rows.count)
    if let last { self.last = last }
  }
}

/// The progress of the copy that fills a generation, in rows of its catalog: what a checkpoint makes durable of the
/// data it makes durable of the progress, and a crash takes back both.
///
/// | key | value |
/// |---|---|
/// | `p` copy | position the copy starts from (16 bytes), membership after it |
/// | `q` collection id | 1 if all rows are there, else 0; how many and their bytes (8 bytes each); the last one's key |
///
/// The rows stay when the generation goes live: a crash just before that goes on where it was.
extension MemberTables {
  private static let copyKey = Array("pcopy".utf8)

  /// Where the copy in this generation started from, nil if none was begun.
  func copyStart() throws(MemberError) -> (base: LogPosition, membership: Membership)? {
    guard let row = try storing({ try data.get(Self.catalog, Self.copyKey) }) else { return nil }
    guard row.count > 16, let base = BigEndian.position(Array(row[..<16])),
      let membership = try? Membership(decoding: Array(row[16...]))
    else { throw MemberError(.damaged, "the copy's start is cut off", file: Self.catalog) }
    return (base, membership)
  }

  /// Inside the transaction that makes the copy's collections.
  func setCopyStart(_ base: LogPosition, _ membership: Membership) throws {
    try data.put(Self.catalog, Self.copyKey, BigEndian.bytes(base) + membership.encoded())
  }

  func copyMark(of id: CollectionID) throws(MemberError) -> CopyMark {
    guard let row = try storing({ try data.get(Self.catalog, Self.markKey(id)) }) else { return CopyMark() }
    guard row.count >= 17, let documents = BigEndian.value(row[1...]), let bytes = BigEndian.value(row[9...]) else {
      throw MemberError(.damaged, "the progress of the copy of collection \(id) is cut off", file: Self.catalog)
    }
    let last = row.count > 17 ? Array(row[17...]) : nil
    return CopyMark(last: last, isDone: row[0] == 1, documents: documents, bytes: bytes)
  }

  func setCopyMark(_ mark: CopyMark, of id: CollectionID) throws(MemberError) {
    let row =
      [mark.isDone ? 1 : 0] + BigEndian.bytes(mark.documents) + BigEndian.bytes(mark.bytes) + (mark.last ?? [])
    try storing { try data.put(Self.catalog, Self.markKey(id), row) }
  }

  private static func markKey(_ id: CollectionID) -> [UInt8] { Array("q".utf8) + Array(id.text.utf8) }
}
