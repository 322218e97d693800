// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import EncryptedStore
internal import ReplicationCore

/// How far the copy of one collection is, as the partial generation itself remembers it.
enum CopyMark: Sendable, Equatable {
  /// Nothing that counts.
  case none
  /// All rows up to and with this key.
  case upTo([UInt8])
  /// All rows.
  case done
}

/// The progress of the copy that fills a generation, in rows of its catalog: what a checkpoint makes durable of the
/// data it makes durable of the progress, and a crash takes back both.
///
/// | key | value |
/// |---|---|
/// | `p` copy | position the copy starts from (16 bytes), membership after it |
/// | `q` collection id | 1, if all rows are there; else 0 and the last key that is |
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
    guard let row = try storing({ try data.get(Self.catalog, Self.markKey(id)) }), let first = row.first else {
      return .none
    }
    return first == 1 ? .done : .upTo(Array(row.dropFirst()))
  }

  func setCopyMark(_ mark: CopyMark, of id: CollectionID) throws(MemberError) {
    let row: [UInt8]
    switch mark {
    case .none: return
    case .upTo(let key): row = [0] + key
    case .done: row = [1]
    }
    try storing { try data.put(Self.catalog, Self.markKey(id), row) }
  }

  private static func markKey(_ id: CollectionID) -> [UInt8] { Array("q".utf8) + Array(id.text.utf8) }
}
