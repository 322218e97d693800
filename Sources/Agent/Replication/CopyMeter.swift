// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// How far a copy has come, for the node's heartbeats.
public struct CopyProgress: Sendable, Equatable {
  /// What is being done, in an operator's words.
  public var stage: String
  /// Documents copied, with those that an earlier attempt has copied.
  public var documents: UInt64
  /// Documents in all, an estimate until the end; 0 while there is none.
  public var documentsTotal: UInt64
  /// Bytes copied, with those that an earlier attempt has copied.
  public var bytes: UInt64
  /// Bytes in all, an estimate until the end; 0 while there is none.
  public var bytesTotal: UInt64
  /// Those of the documents that an earlier attempt has copied.
  public var documentsBefore: UInt64 = 0
  /// Those of the bytes that an earlier attempt has copied.
  public var bytesBefore: UInt64 = 0
  /// Seconds that the rest takes at the rate so far; nil while unknown.
  public var secondsLeft: Double?
  /// Seconds that the sources' oplogs will reach back to the copy's start at the pace of their writes; nil if unknown.
  public var oplogSeconds: Double?
  /// What an operator should know: from whom it copies, and whether the oplog will last.
  public var remark: String

  /// Makes a progress of its parts.
  public init(
    stage: String, documents: UInt64 = 0, documentsTotal: UInt64 = 0, bytes: UInt64 = 0, bytesTotal: UInt64 = 0,
    remark: String = ""
  ) {
    self.stage = stage
    self.documents = documents
    self.documentsTotal = documentsTotal
    self.bytes = bytes
    self.bytesTotal = bytesTotal
    self.remark = remark
  }
}

/// Counts a copy. Nobody counts a source's documents beforehand, which would mean reading all of it twice: the total is
/// estimated from the size of the source's files and of those written so far, which hold the same rows: but for those
/// that are still in the cache alone.
struct CopyMeter: Sendable {
  /// How much is copied between two looks at the new files.
  static let lookBytes: UInt64 = 16 << 20
  /// Below this a file says too little of what it will hold.
  static let worthwhileBytes: UInt64 = 4 << 20
  /// How fast a copy is taken to be before it has shown it, in bytes of files a second: slow disks, encrypted.
  static let expectedBytesPerSecond = 20e6

  private let start: ContinuousClock.Instant
  private var sourceFileBytes: UInt64 = 0
  private var files: [CollectionID: UInt64] = [:]
  private var before: (documents: UInt64, bytes: UInt64) = (0, 0)
  private var documents: UInt64 = 0
  private var bytes: UInt64 = 0
  /// How much had been copied when the new files were looked at last, and how much of that was not written yet.
  private var lookedAt: (bytes: UInt64, unwritten: UInt64) = (0, 0)
  private var isFinished = false
  /// Who is copied from.
  var source = ""
  /// What happened last to a source.
  var remark = ""
  /// That the oplog will probably not last.
  var warning: String?
  /// How long the oplogs last.
  var oplogSeconds: Double?

  init(start: ContinuousClock.Instant = .now) { self.start = start }

  mutating func begin(fileBytes: UInt64, after marks: [CollectionID: CopyMark], in generation: OpenGeneration) {
    sourceFileBytes = fileBytes
    for (id, mark) in marks where mark.documents > 0 {
      before.documents += mark.documents
      before.bytes += mark.bytes
      files[id] = generation.fileBytes(of: id)
    }
    lookedAt = (before.bytes, 0)
  }

  /// Counts a chunk; true if it is time for `look`.
  mutating func count(documents: Int, bytes: Int, in id: CollectionID) -> Bool {
    self.documents += UInt64(documents)
    self.bytes += UInt64(bytes)
    return files[id] == nil || there - lookedAt.bytes >= Self.lookBytes
  }

  /// Looks at the new files, `unwritten` bytes of which are still in the cache alone.
  mutating func look(at id: CollectionID, of generation: OpenGeneration, unwritten: UInt64) {
    lookedAt = (there, unwritten)
    for known in Array(files.keys) + [id] { files[known] = generation.fileBytes(of: known) }
  }

  private var there: UInt64 { before.bytes + bytes }

  mutating func finish() { isFinished = true }

  /// How much larger the whole is than what is there, nil while nothing can be told.
  private var scale: Double? {
    guard there > 0, sourceFileBytes > 0 else { return nil }
    let written = files.values.reduce(0, +)
    guard written >= Self.worthwhileBytes else { return max(1, Double(sourceFileBytes) / Double(there)) }
    // What the files hold of it; a page in memory is larger than its rows, so that less than a fourth is not believed.
    let held = max(Double(lookedAt.bytes) - Double(lookedAt.unwritten), Double(lookedAt.bytes) / 4)
    return max(1, Double(sourceFileBytes) * held / Double(written) / Double(there))
  }

  /// The time the rest takes at the rate so far.
  var secondsLeft: Double? {
    guard let scale, let seconds = elapsed, bytes > 0, !isFinished else { return nil }
    return seconds * Double(there) / Double(bytes) * (scale - 1)
  }

  /// The time the whole takes if nothing of the copy is known yet but the size of the source's files.
  var secondsExpected: Double { Double(sourceFileBytes) / Self.expectedBytesPerSecond }

  private var elapsed: Double? {
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    return seconds > 1 ? seconds : nil
  }

  func progress(_ stage: String) -> CopyProgress {
    let factor = isFinished ? 1 : scale ?? 0
    let total: (UInt64) -> UInt64 = { UInt64(min(Double($0) * factor, 9e18)) }
    let from = isFinished || source.isEmpty ? "" : "from \(source)"
    let resumed = before.documents == 0 ? "" : "goes on behind \(before.documents) documents of an earlier attempt"
    var progress = CopyProgress(
      stage: stage, documents: before.documents + documents, documentsTotal: total(before.documents + documents),
      bytes: before.bytes + bytes, bytesTotal: total(before.bytes + bytes),
      remark: [from, resumed, remark, warning ?? ""].filter { !$0.isEmpty }.joined(separator: "; "))
    progress.documentsBefore = before.documents
    progress.bytesBefore = before.bytes
    progress.secondsLeft = secondsLeft
    progress.oplogSeconds = isFinished ? nil : oplogSeconds
    return progress
  }
}
