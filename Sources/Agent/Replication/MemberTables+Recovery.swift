// SPDX-License-Identifier: GPL-3.0-or-later
internal import EncryptedStore
internal import ReplicationCore

/// What a generation that an initial sync built says of its member's rights, in two rows of the raft table.
///
/// `recovering` (a term) stands while the member lacks what it had acknowledged: it neither votes nor campaigns.
/// `electable` (an index) is the source's position at the end of the copy: before it the member does not campaign.
extension MemberTables {
  private static let recoveringKey = Array("recovering".utf8)
  private static let electableKey = Array("electable".utf8)

  /// The one place where a member that lost its state is marked, before its new generation goes live.
  func markRecovering(lostTerm: UInt64) throws(MemberError) {
    try storing {
      try log.put(Self.raft, Self.recoveringKey, BigEndian.bytes(lostTerm))
      try log.flushLog()
    }
  }

  /// Takes the mark away; durable on return.
  func endRecovery() throws(MemberError) {
    try storing {
      try log.remove(Self.raft, Self.recoveringKey)
      try log.flushLog()
    }
  }

  /// Keeps the member from campaigning before it has committed `index`; durable on return.
  func setElectable(from index: UInt64) throws(MemberError) {
    try storing {
      try log.put(Self.raft, Self.electableKey, BigEndian.bytes(index))
      try log.flushLog()
    }
  }

  func memberMode() throws(MemberError) -> MemberMode {
    guard let row = try storing({ try log.get(Self.raft, Self.recoveringKey) }) else { return .full }
    guard let term = BigEndian.value(row) else {
      throw MemberError(.damaged, "the term of the member's loss is cut off", file: Self.raft)
    }
    return .recovering(lostTerm: term)
  }

  func electableFrom() throws(MemberError) -> UInt64 {
    guard let row = try storing({ try log.get(Self.raft, Self.electableKey) }) else { return 0 }
    guard let index = BigEndian.value(row) else {
      throw MemberError(.damaged, "the index from which the member may be elected is cut off", file: Self.raft)
    }
    return index
  }
}
