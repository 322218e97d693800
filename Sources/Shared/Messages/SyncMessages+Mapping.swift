// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

extension SyncRequest: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(
      streamID: wire.uint64("stream_id"), collection: try wire.optionalID("collection"),
      budgetBytes: wire.uint64("budget_bytes"), fromIndex: wire.uint64("from_index"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    wire.set("stream_id", streamID)
    try wire.set("collection", optional: collection?.text)
    wire.set("budget_bytes", budgetBytes)
    wire.set("from_index", fromIndex)
  }
}

/// The most members of one shard, of either kind.
private let maximumMembers = 64

extension SyncBegin: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(
      streamID: wire.uint64("stream_id"), baseTerm: wire.uint64("base_term"), baseIndex: wire.uint64("base_index"),
      documentsTotal: wire.uint64("documents_total"), bytesTotal: wire.uint64("bytes_total"),
      voters: try wire.names("voters", limit: maximumMembers),
      learners: try wire.names("learners", limit: maximumMembers),
      logBaseIndex: wire.uint64("log_base_index"), isGone: wire.bool("gone"),
      oplogSeconds: wire.uint64("oplog_seconds"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    wire.set("stream_id", streamID)
    wire.set("base_term", baseTerm)
    wire.set("base_index", baseIndex)
    wire.set("documents_total", documentsTotal)
    wire.set("bytes_total", bytesTotal)
    try wire.set("voters", texts: voters.map(\.text))
    try wire.set("learners", texts: learners.map(\.text))
    wire.set("log_base_index", logBaseIndex)
    wire.set("gone", isGone)
    wire.set("oplog_seconds", oplogSeconds)
  }
}

extension SyncChunk: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(
      streamID: wire.uint64("stream_id"), sequence: wire.uint64("sequence"), collection: try wire.id("collection"),
      documents: wire.uint32("documents"),
      lastOfCollection: wire.bool("last_of_collection"), logBaseIndex: wire.uint64("log_base_index"),
      oplogSeconds: wire.uint64("oplog_seconds"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    wire.set("stream_id", streamID)
    wire.set("sequence", sequence)
    try wire.set("collection", collection)
    wire.set("documents", documents)
    wire.set("last_of_collection", lastOfCollection)
    wire.set("log_base_index", logBaseIndex)
    wire.set("oplog_seconds", oplogSeconds)
  }
}

extension SyncCredit: WireMapped {
  init(wire: WireReader) { self.init(streamID: wire.uint64("stream_id"), bytes: wire.uint64("bytes")) }

  func write(to wire: WireWriter) {
    wire.set("stream_id", streamID)
    wire.set("bytes", bytes)
  }
}

extension SyncEnd: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(
      streamID: wire.uint64("stream_id"), sequence: wire.uint64("sequence"), succeeded: wire.bool("succeeded"),
      reason: try wire.text("reason"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    wire.set("stream_id", streamID)
    wire.set("sequence", sequence)
    wire.set("succeeded", succeeded)
    try wire.set("reason", reason)
  }
}
