// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import EncryptedStore
internal import FailurePoints
internal import ReplicationCore

/// The oplog and Raft's own state, in journalled tables.
///
/// An oplog row's key is the entry's index; its value is term (8 bytes big-endian), kind (1 byte), and payload. If the
/// kind's highest bit is set, the entry's time (8 bytes) stands between kind and payload; rows of earlier versions have
/// none. The raft table holds `hard` (term, vote), `base` (position and membership before the first entry) and the
/// oplog's outline.
extension MemberTables {
  private static let hardKey = Array("hard".utf8)
  static let baseKey = Array("base".utf8)
  /// There only in a generation that has a floor file.
  static let floorKey = Array("floor".utf8)
  private static let headerBytes = 9
  private static let timeFlag: UInt8 = 0x80

  /// Begins the oplog behind `position`, with no entry: what a copy that was given up left there goes in the same
  /// transaction. Durable on return.
  func writeBase(_ position: LogPosition, membership: Membership, hardState: HardState) throws(MemberError) {
    FailurePoint.reach("raft.base.before")
    oplogIndex = nil
    try storing {
      try log.withTransaction {
        var last: [UInt8]?
        try unsafe log.scan(Self.oplog, reverse: true) { key, _ in
          last = unsafe [UInt8](key)
          return false
        }
        if let last { _ = try log.removeRows(Self.oplog, upTo: last) }
        try forgetOutline(after: 0)
        try log.put(Self.raft, Self.baseKey, BigEndian.bytes(position) + membership.encoded())
        try log.put(Self.raft, Self.hardKey, Self.encoded(hardState))
        try log.put(Self.raft, Self.floorKey, [1])
      }
      try log.flushLog()
    }
    FailurePoint.reach("raft.base.after")
  }

  /// Replaces term and vote; durable on return.
  func persist(_ hardState: HardState) throws(MemberError) {
    FailurePoint.reach("raft.term.before")
    try storing {
      try log.put(Self.raft, Self.hardKey, Self.encoded(hardState))
      try log.flushLog()
    }
    FailurePoint.reach("raft.term.after")
  }

  /// Adds entries to the end of the log; readable at once, durable after `flushLog`.
  func append(_ entries: [LogEntry]) throws(MemberError) {
    var index = try takeOplogIndex()
    try storing {
      try log.withTransaction {
        for entry in entries {
          let row = Self.row(entry)
          try log.put(Self.oplog, BigEndian.bytes(entry.position.index), row)
          try note(entry, bytes: row.count, in: &index)
        }
      }
    }
    oplogIndex = index
  }

  /// Makes everything logged so far durable.
  func flushLog() throws(MemberError) { try storing { try log.flushLog() } }

  /// Removes the entries after `index`; durable on return.
  func truncateLog(after index: UInt64) throws(MemberError) {
    let known = try takeOplogIndex()
    try storing {
      var doomed: [[UInt8]] = []
      try unsafe log.scan(Self.oplog, from: BigEndian.bytes(index), inclusive: false) { key, _ in
        doomed.append(unsafe [UInt8](key))
        return true
      }
      try log.withTransaction {
        for key in doomed { try log.remove(Self.oplog, key) }
        try forgetOutline(after: index)
      }
      try log.flushLog()
    }
    oplogIndex = try reopened(known, after: index)
  }

  /// The entries after `index` up to `last`, at most `budget` bytes of payload but at least one.
  func entries(after index: UInt64, upTo last: UInt64, budget: Int) throws(MemberError) -> [LogEntry] {
    var found: [LogEntry] = []
    var bytes = 0
    try storing {
      try unsafe log.scan(Self.oplog, from: BigEndian.bytes(index), inclusive: false) { key, value in
        let entry = try unsafe Self.entry(key: [UInt8](key), value: value)
        guard entry.position.index <= last, found.isEmpty || bytes + entry.payload.count <= budget else { return false }
        bytes += entry.payload.count
        found.append(entry)
        return entry.position.index < last
      }
    }
    return found
  }

  /// All that Raft finds on its disk. The oplog is read from its last closed segment on: a start takes no longer for a
  /// long one.
  func restoredState() throws(MemberError) -> RestoredState {
    let (position, membership) = try base()
    guard let hard = try storing({ try log.get(Self.raft, Self.hardKey) }) else {
      throw MemberError(.damaged, "the member's term and vote are missing", file: Self.raft)
    }
    do {
      let (outline, changes) = try loadLog(from: position)
      let applied = try applied()
      guard applied.index >= position.index, outline.contains(applied) else {
        throw MemberError(
          .damaged,
          "the data has applied \(applied), which the oplog, from \(position) to \(outline.last), does not hold",
          file: Self.oplog)
      }
      return RestoredState(
        hardState: try Self.hardState(hard), log: outline, appliedIndex: applied.index,
        memberships: MembershipHistory(base: membership, changes: changes), mode: try memberMode(),
        electableFrom: try electableFrom())
    } catch let error as MemberError {
      throw error
    } catch { throw MemberError(.damaged, "\(error)", file: Self.oplog) }
  }

  /// The position before the first entry, and who belonged to the shard there.
  func base() throws(MemberError) -> (position: LogPosition, membership: Membership) {
    guard let base = try storing({ try log.get(Self.raft, Self.baseKey) }), base.count > 16,
      let position = BigEndian.position(Array(base[..<16])),
      let membership = try? Membership(decoding: Array(base[16...]))
    else { throw MemberError(.damaged, "the oplog's base or its membership is missing", file: Self.raft) }
    return (position, membership)
  }

  /// The position of the last entry, or of the base if there is none.
  func lastPosition() throws(MemberError) -> LogPosition {
    var last: LogPosition?
    try storing {
      try unsafe log.scan(Self.oplog, reverse: true) { key, value in
        last = try unsafe Self.entry(key: [UInt8](key), value: value).position
        return false
      }
    }
    if let last { return last }
    return try base().position
  }

  static func entry(key: [UInt8], value: UnsafeRawBufferPointer) throws(MemberError) -> LogEntry {
    guard let index = BigEndian.value(key), value.count >= headerBytes, let term = unsafe BigEndian.value(value),
      let kind = EntryKind(rawValue: unsafe value[8] & ~timeFlag)
    else { throw MemberError(.damaged, "a row of the oplog is not an entry", file: oplog) }
    var start = headerBytes
    var time: UInt64 = 0
    if unsafe value[8] & timeFlag != 0 {
      guard let known = unsafe BigEndian.value(UnsafeRawBufferPointer(rebasing: value[start...])) else {
        throw MemberError(.damaged, "a row of the oplog is cut off", file: oplog)
      }
      time = known
      start += 8
    }
    return LogEntry(
      position: LogPosition(term: term, index: index), kind: kind,
      payload: unsafe [UInt8](UnsafeRawBufferPointer(rebasing: value[start...])), time: Int64(clamping: time))
  }

  private static func row(_ entry: LogEntry) -> [UInt8] {
    let term = BigEndian.bytes(entry.position.term)
    guard entry.time > 0 else { return term + [entry.kind.rawValue] + entry.payload }
    return term + [entry.kind.rawValue | timeFlag] + BigEndian.bytes(UInt64(entry.time)) + entry.payload
  }

  private static func encoded(_ state: HardState) -> [UInt8] {
    BigEndian.bytes(state.term) + Array((state.vote?.text ?? "").utf8)
  }

  private static func hardState(_ bytes: [UInt8]) throws -> HardState {
    guard let term = BigEndian.value(bytes) else { throw MemberError(.damaged, "the term is cut off", file: raft) }
    let vote = String(decoding: bytes.dropFirst(8), as: UTF8.self)
    return HardState(term: term, vote: vote.isEmpty ? nil : try MemberID(vote))
  }
}
