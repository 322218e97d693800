// SPDX-License-Identifier: GPL-3.0-or-later

/// How fast and how often the tables of a generation are read to find damage before somebody needs them.
public struct ScrubOptions: Sendable, Equatable {
  /// How many bytes of rows are read in a second unless told otherwise: a terabyte in three days.
  public static let defaultBytesPerSecond = 4 << 20
  /// How long after the beginning of one pass the next begins unless told otherwise.
  public static let defaultPeriod = Duration.seconds(7 * 24 * 3600)
  /// How many bytes are read at a time; the thread that makes checkpoints reads them.
  public static let stepBytes = 256 << 10

  /// Bytes of rows a second, 0 for no scrub.
  public var bytesPerSecond: Int
  /// From the beginning of one pass to that of the next.
  public var period: Duration

  /// Makes options of their parts.
  public init(bytesPerSecond: Int = defaultBytesPerSecond, period: Duration = defaultPeriod) {
    self.bytesPerSecond = bytesPerSecond
    self.period = period
  }
}

/// The course of a scrub as a value: what is read next, and when.
///
/// A pass goes through all tables in order of their names, from one that was drawn, so that nodes that start often do
/// not read the same ones for ever. It reads as many bytes as the time since its last step allows, never more than one
/// step's: what could not be read while the scrub paused is not caught up.
public struct ScrubCourse: Sendable {
  /// What is to be done.
  public enum Step: Sendable, Equatable {
    /// Nothing for so long.
    case wait(Duration)
    /// A new pass begins: tell the tables by `onTables`.
    case list
    /// Read rows of a table after a key, nil for its beginning; tell by `onRead`.
    case read(table: String, after: [UInt8]?, budget: Int)
  }

  /// The longest wait between two looks.
  static let longestWait = Duration.seconds(60)

  private let options: ScrubOptions
  private var tables: [String] = []
  private var position: [UInt8]?
  private var passBeganAt: Duration?
  private var nextReadAt: Duration = .zero

  /// Tables of this pass that were read to their ends.
  public private(set) var tablesDone = 0
  /// Tables of this pass.
  public private(set) var tablesTotal = 0
  /// Passes that came to their ends.
  public private(set) var passes: UInt64 = 0

  /// Makes the course of a generation that was just opened.
  public init(_ options: ScrubOptions) { self.options = options }

  /// Whether a pass is under way.
  public var isUnderWay: Bool { !tables.isEmpty }

  /// What is to be done at `now`.
  public func next(now: Duration) -> Step {
    guard options.bytesPerSecond > 0 else { return .wait(Self.longestWait) }
    guard let table = tables.first else {
      guard let begun = passBeganAt, now < begun + options.period else { return .list }
      return .wait(min(begun + options.period - now, Self.longestWait))
    }
    guard now >= nextReadAt else { return .wait(min(nextReadAt - now, Self.longestWait)) }
    return .read(table: table, after: position, budget: min(ScrubOptions.stepBytes, options.bytesPerSecond))
  }

  /// A pass begins with these tables, at the one that `draw` lands on.
  public mutating func onTables(_ names: [String], draw: Int, now: Duration) {
    let names = names.sorted()
    let first = names.isEmpty ? 0 : Int(draw.magnitude % UInt(names.count))
    tables = Array(names[first...] + names[..<first])
    (passBeganAt, position, tablesDone, tablesTotal) = (now, nil, 0, names.count)
  }

  /// `bytes` were read, up to the key `last`; nil if the table ended there. True if the pass did too.
  public mutating func onRead(bytes: Int, last: [UInt8]?, now: Duration) -> Bool {
    nextReadAt = now + .seconds(Double(bytes) / Double(max(1, options.bytesPerSecond)))
    position = last
    guard last == nil, !tables.isEmpty else { return false }
    tables.removeFirst()
    tablesDone += 1
    guard tables.isEmpty else { return false }
    passes += 1
    return true
  }
}
