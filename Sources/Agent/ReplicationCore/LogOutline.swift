// SPDX-License-Identifier: GPL-3.0-or-later

/// All that Raft needs to know of a log: where it starts, where it ends, and the term of every entry, as runs.
///
/// The log holds the entries after `base`; what is up to `base` is covered by the data itself and was committed.
public struct LogOutline: Sendable, Equatable {
  /// Consecutive entries of one term.
  public struct TermRun: Sendable, Equatable {
    /// The index of the run's first entry; it lasts until the next run or the end of the log.
    public var firstIndex: UInt64
    /// The term of the run's entries.
    public var term: UInt64

    /// Makes a run of its parts.
    public init(firstIndex: UInt64, term: UInt64) {
      self.firstIndex = firstIndex
      self.term = term
    }
  }

  /// The last position the data itself covers; the log starts after it.
  public private(set) var base: LogPosition
  /// The runs, in order; empty if the log is.
  public private(set) var runs: [TermRun]
  /// The index of the last entry; the base's index if the log is empty.
  public private(set) var lastIndex: UInt64

  /// An empty log that starts after `base`.
  public init(base: LogPosition = .origin) {
    self.base = base
    runs = []
    lastIndex = base.index
  }

  /// A log of its runs; throws `inconsistentState` if they have gaps, overlap, or their terms do not rise.
  public init(base: LogPosition, runs: [TermRun], lastIndex: UInt64) throws(ReplicationError) {
    self.init(base: base)
    guard base.isPlausible, lastIndex <= LogPosition.maximum else {
      throw ReplicationError(.inconsistentState, "restoring the log: its bounds \(base), \(lastIndex) cannot be")
    }
    var before: TermRun?
    for run in runs {
      let follows =
        before.map { run.firstIndex > $0.firstIndex && run.term > $0.term } ?? (run.firstIndex == base.index + 1)
      guard follows, run.term >= max(base.term, 1), run.term <= LogPosition.maximum, run.firstIndex <= lastIndex else {
        throw ReplicationError(.inconsistentState, "restoring the log: its terms break off at index \(run.firstIndex)")
      }
      before = run
    }
    guard runs.isEmpty == (lastIndex == base.index), lastIndex >= base.index else {
      throw ReplicationError(.inconsistentState, "restoring the log: it ends at \(lastIndex), its base is \(base)")
    }
    self.runs = runs
    self.lastIndex = lastIndex
  }

  /// The position of the last entry; the base if the log is empty.
  public var last: LogPosition { LogPosition(term: runs.last?.term ?? base.term, index: lastIndex) }

  /// The term of the entry at `index`, of the base too; nil before the base and after the end.
  public func term(at index: UInt64) -> UInt64? {
    guard index >= base.index, index <= lastIndex else { return nil }
    guard index > base.index else { return base.term }
    var low = 0
    var high = runs.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if runs[middle].firstIndex <= index { low = middle } else { high = middle }
    }
    return runs[low].term
  }

  /// The position at `index`, if the log or its base knows it.
  public func position(at index: UInt64) -> LogPosition? { term(at: index).map { LogPosition(term: $0, index: index) } }

  /// Whether the log, or its base, holds exactly this position.
  public func contains(_ position: LogPosition) -> Bool { term(at: position.index) == position.term }

  /// Adds the next entry; throws `inconsistentState` if `position` does not follow the last one.
  public mutating func append(_ position: LogPosition) throws(ReplicationError) {
    guard position.isPlausible, position.index == lastIndex + 1, position.term >= max(last.term, 1) else {
      throw ReplicationError(.inconsistentState, "adding to the log: \(position) does not follow \(last)")
    }
    extend(to: position)
  }

  /// Adds an entry that is known to follow.
  mutating func extend(to position: LogPosition) {
    if runs.last?.term != position.term { runs.append(TermRun(firstIndex: position.index, term: position.term)) }
    lastIndex = position.index
  }

  /// Forgets the entries after `index`, which is at least the base's.
  mutating func truncate(after index: UInt64) {
    guard index < lastIndex, index >= base.index else { return }
    lastIndex = index
    while let run = runs.last, run.firstIndex > index { runs.removeLast() }
  }

  /// Makes `position`, which the log contains, the new base.
  mutating func trim(to position: LogPosition) {
    guard contains(position), position.index > base.index else { return }
    base = position
    while runs.count > 1, runs[1].firstIndex <= position.index + 1 { runs.removeFirst() }
    if lastIndex == position.index {
      runs = []
    } else if !runs.isEmpty {
      runs[0].firstIndex = max(runs[0].firstIndex, position.index + 1)
    }
  }

  /// The last position with an index of at most `index` and a term of at most `term`; nil if that lies before the base.
  func last(notAfter index: UInt64, termAtMost term: UInt64) -> LogPosition? {
    guard index >= base.index else { return nil }
    var end = lastIndex
    for run in runs.reversed() {
      if run.firstIndex <= index, run.term <= term { return LogPosition(term: run.term, index: min(end, index)) }
      end = run.firstIndex - 1
    }
    return base.term <= term ? base : nil
  }
}
