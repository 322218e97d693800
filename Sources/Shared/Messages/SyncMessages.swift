// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// A node asks another member for its catalogue, or for the rows of one collection.
///
/// The payload frame is the key behind which the rows start; empty for all of them.
public struct SyncRequest: Sendable, Equatable {
  /// Names the stream in all messages that follow; drawn by the asking node.
  public var streamID: UInt64
  /// The collection, nil for the catalogue.
  public var collection: CollectionID?
  /// How many bytes of rows may be on their way before the first credit.
  public var budgetBytes: UInt64
  /// The oplog entry behind which the asking node will catch up, 0 if it does not know yet: the source keeps them.
  public var fromIndex: UInt64

  /// Makes a request of its parts.
  public init(streamID: UInt64, collection: CollectionID?, budgetBytes: UInt64, fromIndex: UInt64) {
    self.streamID = streamID
    self.collection = collection
    self.budgetBytes = budgetBytes
    self.fromIndex = fromIndex
  }
}

/// The source's first answer: where in the oplog the copy stands, and how much comes.
///
/// The payload frame is replication's.
public struct SyncBegin: Sendable, Equatable {
  /// The stream.
  public var streamID: UInt64
  /// The term of the entry the copy includes last.
  public var baseTerm: UInt64
  /// The index of the entry the copy includes last.
  public var baseIndex: UInt64
  /// How many documents come, as far as known.
  public var documentsTotal: UInt64
  /// How many bytes come, as far as known.
  public var bytesTotal: UInt64
  /// Who votes after that entry.
  public var voters: [NodeName]
  /// Who only receives the oplog after that entry.
  public var learners: [NodeName]
  /// The source's oplog starts after the entry with this index.
  public var logBaseIndex: UInt64
  /// Whether the collection that was asked for is not there any more.
  public var isGone: Bool
  /// For how many seconds the source's oplog will reach back to the copy's start; 0 if unknown.
  public var oplogSeconds: UInt64

  /// Makes a message of its parts.
  public init(
    streamID: UInt64, baseTerm: UInt64, baseIndex: UInt64, documentsTotal: UInt64, bytesTotal: UInt64,
    voters: [NodeName] = [], learners: [NodeName] = [], logBaseIndex: UInt64 = 0, isGone: Bool = false,
    oplogSeconds: UInt64 = 0
  ) {
    self.streamID = streamID
    self.baseTerm = baseTerm
    self.baseIndex = baseIndex
    self.documentsTotal = documentsTotal
    self.bytesTotal = bytesTotal
    self.voters = voters
    self.learners = learners
    self.logBaseIndex = logBaseIndex
    self.isGone = isGone
    self.oplogSeconds = oplogSeconds
  }
}

/// Some rows of one collection; they stand in the payload frame.
public struct SyncChunk: Sendable, Equatable {
  /// The stream.
  public var streamID: UInt64
  /// Counts the chunks of the stream, from 0 without a gap.
  public var sequence: UInt64
  /// The collection of the rows.
  public var collection: CollectionID
  /// How many rows.
  public var documents: UInt32
  /// Whether these are the collection's last rows.
  public var lastOfCollection: Bool
  /// The source's oplog starts after the entry with this index by now.
  public var logBaseIndex: UInt64
  /// For how many seconds the source's oplog will reach back to the copy's start; 0 if unknown.
  public var oplogSeconds: UInt64

  /// Makes a chunk's description of its parts.
  public init(
    streamID: UInt64, sequence: UInt64, collection: CollectionID, documents: UInt32,
    lastOfCollection: Bool, logBaseIndex: UInt64 = 0, oplogSeconds: UInt64 = 0
  ) {
    self.streamID = streamID
    self.sequence = sequence
    self.collection = collection
    self.documents = documents
    self.lastOfCollection = lastOfCollection
    self.logBaseIndex = logBaseIndex
    self.oplogSeconds = oplogSeconds
  }
}

/// The receiver took chunks: that many more bytes may come.
public struct SyncCredit: Sendable, Equatable {
  /// The stream.
  public var streamID: UInt64
  /// How many more bytes.
  public var bytes: UInt64

  /// Makes a message of its parts.
  public init(streamID: UInt64, bytes: UInt64) {
    self.streamID = streamID
    self.bytes = bytes
  }
}

/// The stream is over.
public struct SyncEnd: Sendable, Equatable {
  /// The stream.
  public var streamID: UInt64
  /// How many chunks there were in all.
  public var sequence: UInt64
  /// Whether everything was sent.
  public var succeeded: Bool
  /// Why not; empty if it was.
  public var reason: String

  /// Makes a message of its parts.
  public init(streamID: UInt64, sequence: UInt64, succeeded: Bool, reason: String = "") {
    self.streamID = streamID
    self.sequence = sequence
    self.succeeded = succeeded
    self.reason = reason
  }
}
