// SPDX-License-Identifier: GPL-3.0-or-later

/// Where a node's scrub stands: the reading of all its tables to find damage.
public struct ScrubReport: Sendable, Codable, Equatable {
  /// Bytes of rows read since the generation was opened.
  public var bytes: UInt64
  /// Tables of the pass under way that were read.
  public var tablesDone: Int
  /// All tables of the pass under way; 0 while none is.
  public var tablesTotal: Int
  /// When the last pass ended, milliseconds since 1970; 0 if none did since the generation was opened.
  public var lastPassAtMilliseconds: Int64
  /// Why it does not go on now, nil if it does.
  public var pause: String?

  /// Makes a report of its parts.
  public init(bytes: UInt64, tablesDone: Int, tablesTotal: Int, lastPassAtMilliseconds: Int64, pause: String? = nil) {
    self.bytes = bytes
    self.tablesDone = tablesDone
    self.tablesTotal = tablesTotal
    self.lastPassAtMilliseconds = lastPassAtMilliseconds
    self.pause = pause
  }
}

/// A node's scrub as an operator sees it.
public struct ScrubView: Sendable, Codable, Equatable {
  /// Bytes of rows read since the generation was opened.
  public var bytes: UInt64
  /// Tables of the pass under way that were read.
  public var tablesDone: Int
  /// All tables of the pass under way; 0 while none is.
  public var tablesTotal: Int
  /// When the last pass ended, nil if none did since the generation was opened.
  public var lastPassAt: OperatorTime?
  /// Why it does not go on now, nil if it does.
  public var pause: String?

  /// Makes a view of a report.
  public init(_ report: ScrubReport) {
    bytes = report.bytes
    tablesDone = report.tablesDone
    tablesTotal = report.tablesTotal
    lastPassAt = OperatorTime(known: report.lastPassAtMilliseconds)
    pause = report.pause
  }
}
