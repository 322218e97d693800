// SPDX-License-Identifier: GPL-3.0-or-later

extension RequestVote: WireMapped {
  init(wire: WireReader) {
    self.init(
      term: wire.uint64("term"), lastTerm: wire.uint64("last_term"),
      lastIndex: wire.uint64("last_index"), preVote: wire.bool("pre_vote"), transfer: wire.bool("transfer"))
  }

  func write(to wire: WireWriter) {
    wire.set("term", term)
    wire.set("last_term", lastTerm)
    wire.set("last_index", lastIndex)
    wire.set("pre_vote", preVote)
    wire.set("transfer", transfer)
  }
}

extension VoteResponse: WireMapped {
  init(wire: WireReader) {
    self.init(
      term: wire.uint64("term"), electionTerm: wire.uint64("election_term"), granted: wire.bool("granted"),
      preVote: wire.bool("pre_vote"))
  }

  func write(to wire: WireWriter) {
    wire.set("term", term)
    wire.set("election_term", electionTerm)
    wire.set("granted", granted)
    wire.set("pre_vote", preVote)
  }
}

extension EntryHeader: WireMapped {
  init(wire: WireReader) {
    self.init(
      term: wire.uint64("term"), kind: wire.uint32("kind"), payloadLength: wire.uint32("payload_length"),
      timeMilliseconds: wire.int64("time_ms"))
  }

  func write(to wire: WireWriter) {
    wire.set("term", term)
    wire.set("kind", kind)
    wire.set("payload_length", payloadLength)
    wire.set("time_ms", timeMilliseconds)
  }
}

extension AppendEntries: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(
      term: wire.uint64("term"), previousTerm: wire.uint64("previous_term"),
      previousIndex: wire.uint64("previous_index"), commitIndex: wire.uint64("commit_index"),
      entries: try wire.list("entries", limit: Self.maximumEntries), round: wire.uint64("round"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    wire.set("term", term)
    wire.set("previous_term", previousTerm)
    wire.set("previous_index", previousIndex)
    wire.set("commit_index", commitIndex)
    try wire.set("entries", list: entries)
    wire.set("round", round)
  }
}

extension AppendResponse: WireMapped {
  init(wire: WireReader) {
    self.init(
      term: wire.uint64("term"), success: wire.bool("success"), matchIndex: wire.uint64("match_index"),
      conflictIndex: wire.uint64("conflict_index"), conflictTerm: wire.uint64("conflict_term"),
      round: wire.uint64("round"), outdated: wire.bool("outdated"))
  }

  func write(to wire: WireWriter) {
    wire.set("term", term)
    wire.set("success", success)
    wire.set("match_index", matchIndex)
    wire.set("conflict_index", conflictIndex)
    wire.set("conflict_term", conflictTerm)
    wire.set("round", round)
    wire.set("outdated", outdated)
  }
}

extension TimeoutNow: WireMapped {
  init(wire: WireReader) { self.init(term: wire.uint64("term")) }
  func write(to wire: WireWriter) { wire.set("term", term) }
}

extension NeedSync: WireMapped {
  init(wire: WireReader) {
    self.init(
      term: wire.uint64("term"), baseTerm: wire.uint64("base_term"), baseIndex: wire.uint64("base_index"),
      round: wire.uint64("round"), lostTerm: wire.uint64("lost_term"), lostIndex: wire.uint64("lost_index"))
  }

  func write(to wire: WireWriter) {
    wire.set("term", term)
    wire.set("base_term", baseTerm)
    wire.set("base_index", baseIndex)
    wire.set("round", round)
    wire.set("lost_term", lostTerm)
    wire.set("lost_index", lostIndex)
  }
}
