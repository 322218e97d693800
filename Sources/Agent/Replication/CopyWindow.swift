// SPDX-License-Identifier: GPL-3.0-or-later

/// Watches whether the sources' oplogs will still reach back to a copy's start when it is done.
struct CopyWindow: Sendable {
  private let sources: Int
  private var outrun: Set<Int> = []
  private var lasts: [Int: UInt64] = [:]

  init(sources: Int) { self.sources = sources }

  /// Notes for how many seconds a source's oplog will still do; 0 if that can't be told.
  mutating func note(lasts seconds: UInt64, of source: Int) { lasts[source] = seconds }

  /// Notes that a source's oplog no longer reaches back; true if no source is left whose oplog does.
  mutating func isOutrun(by source: Int) -> Bool {
    outrun.insert(source)
    lasts[source] = nil
    return outrun.count >= sources
  }

  /// How long the oplog lasts that lasts longest; nil if that can't be told.
  var seconds: Double? {
    guard let best = lasts.values.max(), !lasts.values.contains(0) else { return nil }
    return Double(best)
  }

  /// A sentence if the oplogs will not last as long as the rest of the copy takes.
  func warning(secondsLeft: Double) -> String? {
    guard let seconds, seconds < secondsLeft else { return nil }
    return
      "the oplog will probably not last: it reaches back to the copy's start for about \(Int(seconds)) s more, the "
      + "copy takes about \(Int(min(secondsLeft, 1e9))) s more; give the oplog more room, or copy while there are "
      + "fewer writes"
  }
}

/// What a source says of its oplog to whoever copies from it.
struct CopyOplog: Sendable {
  /// The oplog starts after the entry with this index.
  var base: UInt64
  /// For how many seconds it will hold what follows the copy's start at the pace of its last writes; 0 if nothing is
  /// written.
  var seconds: UInt64
}
