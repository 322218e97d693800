// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import EncryptedStore
internal import ReplicationCore

/// Where an oplog ends and how it is divided, as its rows in the raft table say.
struct OplogIndex {
  var last: LogPosition
  var outline: OplogOutline
}

/// The oplog's outline, in rows of the raft table that are written in one transaction with the entries they speak of.
///
/// ```
/// outline            there is one (an oplog of an earlier version is read whole, once)
/// run, index         term: of the entries from this one on
/// mem, index         nothing: this entry is a membership
/// seg, index         bytes, first time, last time: a segment ends here
/// ```
/// Indexes and values are 8 bytes each, big-endian. A run that began before the base goes with it: the base has its
/// term.
extension MemberTables {
  private static let outlineKey = Array("outline".utf8)
  private static let runs = Array("run".utf8)
  private static let members = Array("mem".utf8)
  private static let segments = Array("seg".utf8)
  private static let keyBytes: UInt64 = 8

  /// The index, for a change: until it is given back, a failure in between makes it be read anew.
  func takeOplogIndex() throws(MemberError) -> OplogIndex {
    defer { oplogIndex = nil }
    if let oplogIndex { return oplogIndex }
    do { return try loadIndex(from: try base().position) } catch { throw MemberError.carrying(error) }
  }

  /// Notes an entry that is being added at the end, in the open transaction of `log`.
  func note(_ entry: LogEntry, bytes: Int, in index: inout OplogIndex) throws {
    let position = entry.position
    guard position.index == index.last.index + 1, position.term >= index.last.term else {
      throw MemberError(.damaged, "entry \(position) does not follow the oplog's last, \(index.last)", file: Self.oplog)
    }
    let key = BigEndian.bytes(position.index)
    if position.term != index.last.term {
      try log.put(Self.raft, Self.runs + key, BigEndian.bytes(position.term))
    }
    if entry.kind == .membership { try log.put(Self.raft, Self.members + key, []) }
    let size = UInt64(bytes) + Self.keyBytes
    if let closed = index.outline.append(index: position.index, bytes: size, time: entry.time) {
      try log.put(Self.raft, Self.segments + key, Self.encoded(closed))
    }
    index.last = position
  }

  /// Removes the rows of the outline beyond `index`, in the open transaction of `log`.
  func forgetOutline(after index: UInt64) throws {
    for prefix in [Self.runs, Self.members, Self.segments] {
      for (key, _) in try rows(prefix, from: index + 1) { try log.remove(Self.raft, key) }
    }
  }

  /// The index of an oplog that now ends at `last`.
  func reopened(_ known: OplogIndex, after last: UInt64) throws(MemberError) -> OplogIndex {
    var index = known
    index.outline.reopen(after: last)
    do { return try extended(index, baseTerm: try base().position.term) } catch { throw MemberError.carrying(error) }
  }

  /// What Raft needs to know of the oplog's entries, by its outline and the entries of its open segment.
  func loadLog(from base: LogPosition) throws -> (outline: LogOutline, changes: [MembershipHistory.Change]) {
    let index = try loadIndex(from: base)
    if index.last.index > base.index, try log.get(Self.oplog, BigEndian.bytes(base.index + 1)) == nil {
      throw MemberError(.damaged, "the oplog's first entry, \(base.index + 1), is missing", file: Self.oplog)
    }
    var runs: [LogOutline.TermRun] = []
    for (key, value) in try rows(Self.runs, from: base.index + 1) {
      guard let first = Self.index(of: key), let term = BigEndian.value(value) else { throw Self.unreadable }
      runs.append(.init(firstIndex: first, term: term))
    }
    if runs.first?.firstIndex != base.index + 1, index.last.index > base.index {
      runs.insert(.init(firstIndex: base.index + 1, term: base.term), at: 0)
    }
    let changes = try rows(Self.members, from: base.index + 1).map { key, _ in
      guard let place = Self.index(of: key), let row = try log.get(Self.oplog, BigEndian.bytes(place)) else {
        throw Self.unreadable
      }
      let entry = try unsafe row.withUnsafeBytes { try unsafe Self.entry(key: BigEndian.bytes(place), value: $0) }
      return MembershipHistory.Change(index: place, membership: try Membership(decoding: entry.payload))
    }
    oplogIndex = index
    return (try LogOutline(base: base, runs: runs, lastIndex: index.last.index), changes)
  }

  private func loadIndex(from base: LogPosition) throws -> OplogIndex {
    if try log.get(Self.raft, Self.outlineKey) == nil { try makeOutline(from: base) }
    var index = OplogIndex(last: base, outline: OplogOutline(baseIndex: base.index))
    for (key, value) in try rows(Self.segments, from: base.index + 1) {
      guard let last = Self.index(of: key), let segment = Self.segment(value, lastIndex: last) else {
        throw Self.unreadable
      }
      index.outline.add(closed: segment)
    }
    return try extended(index, baseTerm: base.term)
  }

  /// Reads the entries of the open segment, which follow the last closed one without a gap.
  private func extended(_ known: OplogIndex, baseTerm: UInt64) throws -> OplogIndex {
    var index = known
    let start = index.outline.lastClosedIndex
    index.last = LogPosition(term: baseTerm, index: index.outline.baseIndex)
    try unsafe log.scan(
      Self.oplog, from: BigEndian.bytes(start), inclusive: start > index.outline.baseIndex
    ) { key, value in
      let entry = try unsafe Self.entry(key: [UInt8](key), value: value)
      let position = entry.position
      let follows = position.index == index.last.index + 1 && position.term >= index.last.term
      guard position.index == start || follows else {
        throw MemberError(
          .damaged, "the oplog breaks off: after \(index.last) comes \(position)", file: Self.oplog)
      }
      index.last = position
      guard position.index > start else { return true }
      _ = index.outline.append(index: position.index, bytes: UInt64(key.count + value.count), time: entry.time)
      return true
    }
    guard index.last.index >= start else {
      throw MemberError(
        .damaged, "the oplog ends before entry \(start), which its outline knows of", file: Self.oplog)
    }
    return index
  }

  /// Reads an oplog that has no outline, whole, and writes one: it was made by an earlier version, or is empty.
  private func makeOutline(from base: LogPosition) throws {
    var index = OplogIndex(last: base, outline: OplogOutline(baseIndex: base.index))
    try log.withTransaction {
      try unsafe log.scan(Self.oplog, from: BigEndian.bytes(base.index), inclusive: false) { key, value in
        let entry = try unsafe Self.entry(key: [UInt8](key), value: value)
        try note(entry, bytes: value.count, in: &index)
        return true
      }
      try log.put(Self.raft, Self.outlineKey, [1])
    }
  }

  /// The rows of the raft table under a prefix from an index on.
  private func rows(_ prefix: [UInt8], from index: UInt64) throws -> [(key: [UInt8], value: [UInt8])] {
    try Self.rows(of: log, prefix, from: index, upTo: .max)
  }

  private static func rows(
    of session: Session, _ prefix: [UInt8], from first: UInt64, upTo last: UInt64
  ) throws -> [(key: [UInt8], value: [UInt8])] {
    var found: [(key: [UInt8], value: [UInt8])] = []
    try unsafe session.scan(raft, from: prefix + BigEndian.bytes(first), inclusive: true) { key, value in
      let row = unsafe [UInt8](key)
      guard row.starts(with: prefix), let index = index(of: row), index <= last else { return false }
      found.append((row, unsafe [UInt8](value)))
      return true
    }
    return found
  }

  private static func index(of key: [UInt8]) -> UInt64? { BigEndian.value(key.suffix(8)) }

  private static func encoded(_ segment: OplogSegment) -> [UInt8] {
    BigEndian.bytes(segment.bytes) + BigEndian.bytes(UInt64(max(0, segment.firstTime)))
      + BigEndian.bytes(UInt64(max(0, segment.lastTime)))
  }

  private static func segment(_ value: [UInt8], lastIndex: UInt64) -> OplogSegment? {
    guard value.count == 24, let bytes = BigEndian.value(value), let first = BigEndian.value(value[8...]),
      let last = BigEndian.value(value[16...])
    else { return nil }
    return OplogSegment(
      lastIndex: lastIndex, bytes: bytes, firstTime: Int64(clamping: first), lastTime: Int64(clamping: last))
  }

  private static var unreadable: MemberError {
    MemberError(.damaged, "the oplog's outline can't be read", file: raft)
  }

  // MARK: Trimming

  /// Makes `base` the position before the first entry and removes the entries up to it, all in one transaction: a crash
  /// leaves the old base with its entries or the new one. `session` may belong to another thread than the member's.
  static func trim(_ session: Session, to base: LogPosition, membership: Membership) throws {
    try session.withTransaction {
      try session.put(raft, baseKey, BigEndian.bytes(base) + membership.encoded())
      for prefix in [runs, members, segments] {
        for (key, _) in try rows(of: session, prefix, from: 0, upTo: base.index) { try session.remove(raft, key) }
      }
      guard try session.removeRows(oplog, upTo: BigEndian.bytes(base.index)) else {
        throw MemberError(.damaged, "entry \(base), to which the oplog is trimmed, is missing", file: oplog)
      }
    }
  }
}
