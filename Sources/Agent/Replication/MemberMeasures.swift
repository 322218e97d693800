// SPDX-License-Identifier: GPL-3.0-or-later
public import Metrics

/// What a node measures of its part in the shard; lives longer than the member, whose engine closes and opens again.
public struct MemberMeasures: Sendable {
  static let writeSeconds = Metric(
    .histogram, "keyfold_commit_seconds",
    "How long a write took from its arrival until a majority had it on disk and it was applied here.")
  static let batchWrites = Metric(
    .histogram, "keyfold_commit_batch_writes", "How many writes shared one oplog entry and one wait for the disk.")
  static let copiedDocuments = Metric(
    .counter, "keyfold_sync_copied_documents_total", "Documents copied into new generations of this node.")
  static let copiedBytes = Metric(
    .counter, "keyfold_sync_copied_bytes_total", "Bytes of documents copied into new generations of this node.")

  static let scrubbedBytes = Metric(
    .counter, "keyfold_scrub_bytes_total", "Bytes of rows that the scrub read, and found sound.")
  static let scrubDamage = Metric(
    .counter, "keyfold_scrub_damage_total", "How often the scrub found damage; the node failed by it.")

  /// All that is measured here.
  public static let all = [writeSeconds, batchWrites, copiedDocuments, copiedBytes, scrubbedBytes, scrubDamage]

  private let writes = Histogram(writeSeconds, bounds: Histogram.seconds)
  private let batches = Histogram(batchWrites, bounds: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024])
  private let documents = Counter(copiedDocuments)
  private let bytes = Counter(copiedBytes)
  private let scrubbed = Counter(scrubbedBytes)
  private let damage = Counter(scrubDamage)

  /// Makes measures that nobody shows.
  public init() {}

  /// Makes measures that `registry` shows.
  public init(in registry: MetricsRegistry) {
    registry.add(writes)
    registry.add(batches)
    registry.add(documents)
    registry.add(bytes)
    registry.add(scrubbed)
    registry.add(damage)
  }

  func wrote(since arrival: ContinuousClock.Instant) { writes.record(arrival.duration(to: .now)) }

  func batched(_ writes: Int) { batches.record(Double(writes)) }

  func scrubbed(bytes: Int) { scrubbed.add(UInt64(clamping: bytes)) }

  func scrubFoundDamage() { damage.add() }

  func copied(documents: Int, bytes: Int) {
    self.documents.add(UInt64(clamping: documents))
    self.bytes.add(UInt64(clamping: bytes))
  }
}
