// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// How far a copy has come, for the node's heartbeats.
public struct CopyProgress: Sendable, Equatable {
  /// What is being done, in an operator's words.
  public var stage: String
  /// Documents copied.
  public var documents: UInt64
  /// Documents in all, an estimate until the end; 0 while there is none.
  public var documentsTotal: UInt64
  /// Bytes copied.
  public var bytes: UInt64
  /// Bytes in all, an estimate until the end; 0 while there is none.
  public var bytesTotal: UInt64
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
/// estimated from the size of the source's files and of those written so far, which hold the same rows.
struct CopyMeter: Sendable {
  /// How much is copied between two looks at the new files.
  static let lookBytes: UInt64 = 16 << 20
  /// Below this a file says too little of what it will hold.
  static let worthwhileBytes: UInt64 = 4 << 20

  private let start = ContinuousClock.now
  private var sourceFileBytes: UInt64 = 0
  private var isResumed = false
  private var files: [CollectionID: UInt64] = [:]
  private var documents: UInt64 = 0
  private var bytes: UInt64 = 0
  private var lookedAt: UInt64 = 0
  private var isFinished = false
  /// Who is copied from.
  var source = ""
  /// What happened last to a source.
  var remark = ""
  /// That the oplog will probably not last.
  var warning: String?

  mutating func begin(fileBytes: UInt64, isResumed: Bool) {
    sourceFileBytes = fileBytes
    self.isResumed = isResumed
  }

  mutating func count(documents: Int, bytes: Int, in id: CollectionID, of generation: OpenGeneration) {
    self.documents += UInt64(documents)
    self.bytes += UInt64(bytes)
    guard files[id] == nil || self.bytes - lookedAt >= Self.lookBytes else { return }
    lookedAt = self.bytes
    for known in Array(files.keys) + [id] { files[known] = generation.fileBytes(of: known) }
  }

  mutating func finish() { isFinished = true }

  /// How much larger the whole is than what is there, nil while nothing can be told.
  private var scale: Double? {
    // What an earlier run copied is in no count of this one.
    guard bytes > 0, sourceFileBytes > 0, !isResumed else { return nil }
    let written = files.values.reduce(0, +)
    return max(1, Double(sourceFileBytes) / Double(written >= Self.worthwhileBytes ? written : bytes))
  }

  /// The time the rest takes at the rate so far.
  var secondsLeft: Double? {
    guard let scale, let seconds = elapsed, !isFinished else { return nil }
    return seconds * (scale - 1)
  }

  private var elapsed: Double? {
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    return seconds > 1 ? seconds : nil
  }

  func progress(_ stage: String) -> CopyProgress {
    let factor = isFinished ? 1 : scale ?? 0
    let total: (UInt64) -> UInt64 = { UInt64(min(Double($0) * factor, 9e18)) }
    let from = isFinished || source.isEmpty ? "" : "from \(source)"
    return CopyProgress(
      stage: stage, documents: documents, documentsTotal: total(documents), bytes: bytes, bytesTotal: total(bytes),
      remark: [from, remark, warning ?? ""].filter { !$0.isEmpty }.joined(separator: "; "))
  }
}

/// Watches whether the sources' oplogs will still reach back to a copy's start when it is done.
struct CopyWindow: Sendable {
  private struct Watched: Sendable {
    var first: (at: ContinuousClock.Instant, base: UInt64)
    var last: (at: ContinuousClock.Instant, base: UInt64)
  }

  private let sources: Int
  private var outrun: Set<Int> = []
  private var watched: [Int: Watched] = [:]

  init(sources: Int) { self.sources = sources }

  mutating func note(logBase: UInt64, of source: Int, at now: ContinuousClock.Instant = .now) {
    guard var known = watched[source] else {
      watched[source] = Watched(first: (now, logBase), last: (now, logBase))
      return
    }
    if logBase > known.last.base { known.last = (now, logBase) }
    watched[source] = known
  }

  /// Notes that a source's oplog no longer reaches back; true if no source is left whose oplog does.
  mutating func isOutrun(_ source: Int) -> Bool {
    outrun.insert(source)
    return outrun.count >= sources
  }

  /// A sentence if the oplogs' starts, as fast as they move, will pass `start` before the copy is done.
  func warning(start: UInt64, secondsLeft: Double?) -> String? {
    guard let secondsLeft else { return nil }
    let lasts = watched.values.compactMap { known -> Double? in
      let seconds = (known.last.at - known.first.at) / .seconds(1)
      guard known.last.base > known.first.base, seconds > 0, start >= known.last.base else { return nil }
      return Double(start - known.last.base) / (Double(known.last.base - known.first.base) / seconds)
    }
    guard lasts.count == watched.count, let best = lasts.max(), best < secondsLeft else { return nil }
    return
      "the oplog will probably not last: its start passes the copy's in about \(Int(best)) s, the copy takes about "
      + "\(Int(secondsLeft)) s more"
  }
}
