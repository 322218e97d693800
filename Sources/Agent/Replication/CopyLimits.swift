// SPDX-License-Identifier: GPL-3.0-or-later

/// The numbers of a copy: how much memory it may take on either side, and how it is divided.
public enum CopyLimits {
  /// How many streams one copy uses: a table is loaded by one cursor, so two tables at once use two cores.
  static let streams = 2
  /// How many bytes of chunks may be on their way to a reader, per stream; a chunk is one more.
  static let readerBudgetBytes: UInt64 = 8 << 20
  /// The most a source lets be on its way, per stream, whatever the reader asks for.
  static let sourceBudgetBytes: UInt64 = 16 << 20
  /// What the smallest chunk counts against a budget, so that their number is bounded too.
  static let minimumCharge: UInt64 = 64 << 10
  /// How many streams a node serves at the same time.
  static let servedStreams = 8
  /// How much is loaded between two checkpoints that make the progress durable, unless the node's settings say
  /// otherwise.
  public static let checkpointBytes: UInt64 = 512 << 20
  /// What a copy leaves free on the disk for the node that serves beside it, in bytes.
  public static let reserveBytes: UInt64 = 32 << 20
  /// How often one collection may be begun anew, because its source failed, before the copy is given up for now.
  static let attemptsPerSource = 2

  /// The longest key that a copy may be asked to begin behind: a key has at most twice the bytes of the largest
  /// document, all of which may be its `_id`.
  static let largestStartKeyBytes = 33 << 20

  /// What a chunk counts against a budget.
  static func charge(_ rows: [UInt8]) -> UInt64 { max(UInt64(rows.count), minimumCharge) }
}
