// SPDX-License-Identifier: GPL-3.0-or-later

/// Consecutive entries of an oplog as one piece: the unit in which an oplog is counted, and trimmed at its beginning.
public struct OplogSegment: Sendable, Equatable {
  /// The index of the last entry.
  public var lastIndex: UInt64
  /// How many bytes its rows have, keys and headers included, before compression.
  public var bytes: UInt64
  /// When its first entry was made, milliseconds since 1970; 0 if that is not known.
  public var firstTime: Int64
  /// When its last entry was made, milliseconds since 1970; 0 if that is not known.
  public var lastTime: Int64

  /// Makes a segment of its parts.
  public init(lastIndex: UInt64, bytes: UInt64, firstTime: Int64, lastTime: Int64) {
    self.lastIndex = lastIndex
    self.bytes = bytes
    self.firstTime = firstTime
    self.lastTime = lastTime
  }
}

/// How large and how old an oplog is, piece by piece, without its entries.
///
/// Times are the clocks of those who led when the entries were made, and a clock may be set back: a piece then counts
/// as no younger than what follows it, so that one wrong clock does not keep an oplog for ever.
public struct OplogOutline: Sendable, Equatable {
  /// A segment is closed when it has this many bytes: what a start reads anew at most, but for the last entry.
  public static let segmentBytes: UInt64 = 1 << 20
  /// A segment is closed when it has this many entries.
  public static let segmentEntries: UInt64 = 1024

  /// The index before the first entry.
  public private(set) var baseIndex: UInt64
  /// The closed segments, in order.
  public private(set) var segments: [OplogSegment] = []
  /// The last segment, which still grows; nil if the log ends with a closed one, or is empty.
  public private(set) var open: OplogSegment?
  private var closedBytes: UInt64 = 0

  /// An empty oplog that starts after `baseIndex`.
  public init(baseIndex: UInt64) { self.baseIndex = baseIndex }

  /// How many bytes the rows have, before compression.
  public var bytes: UInt64 { closedBytes + (open?.bytes ?? 0) }
  /// The index of the last entry; the base's if there is none.
  public var lastIndex: UInt64 { open?.lastIndex ?? lastClosedIndex }
  /// The index of the last entry of a closed segment; the base's if there is none.
  public var lastClosedIndex: UInt64 { segments.last?.lastIndex ?? baseIndex }
  /// When the first entry that says so was made, milliseconds since 1970; nil if none does.
  public var firstTime: Int64? { (segments.first { $0.firstTime > 0 } ?? open).flatMap { Self.known($0.firstTime) } }
  /// When the last entry was made, milliseconds since 1970; nil if that is not known.
  public var lastTime: Int64? { (open ?? segments.last).flatMap { Self.known($0.lastTime) } }

  /// The time from the first entry to the last, in milliseconds: how long a member may be away and still catch up.
  public var windowMilliseconds: Int64 {
    guard let firstTime, let lastTime else { return 0 }
    return max(0, lastTime - firstTime)
  }

  /// Adds the next entry; returns the segment if that closed it.
  public mutating func append(index: UInt64, bytes: UInt64, time: Int64) -> OplogSegment? {
    let start = lastClosedIndex
    var segment = open ?? OplogSegment(lastIndex: index, bytes: 0, firstTime: time, lastTime: time)
    segment.lastIndex = index
    segment.bytes += bytes
    if segment.firstTime == 0 || time > 0 && time < segment.firstTime { segment.firstTime = time }
    if time > 0 { segment.lastTime = time }
    lowerTimes(to: time)
    guard segment.bytes >= Self.segmentBytes || index - min(index, start) >= Self.segmentEntries else {
      open = segment
      return nil
    }
    add(closed: segment)
    return segment
  }

  /// Adds a segment that was closed before.
  public mutating func add(closed segment: OplogSegment) {
    lowerTimes(to: segment.firstTime)
    segments.append(segment)
    closedBytes += segment.bytes
    open = nil
  }

  /// Forgets the closed segments that reach beyond `index`, and the open one: what is left of them has to be appended
  /// again, from `lastClosedIndex` on.
  public mutating func reopen(after index: UInt64) {
    open = nil
    while let last = segments.last, last.lastIndex > index {
      segments.removeLast()
      closedBytes -= last.bytes
    }
  }

  /// Forgets the closed segments up to and with `index`, at which one of them ends.
  public mutating func trim(to index: UInt64) {
    let count = segments.prefix { $0.lastIndex <= index }.count
    for segment in segments.prefix(count) { closedBytes -= segment.bytes }
    segments.removeFirst(count)
    baseIndex = max(baseIndex, index)
  }

  /// What came before is no younger than what comes now.
  private mutating func lowerTimes(to time: Int64) {
    guard time > 0 else { return }
    for place in segments.indices.reversed() {
      guard segments[place].lastTime > time else { return }
      segments[place].lastTime = time
      segments[place].firstTime = min(segments[place].firstTime, time)
    }
  }

  private static func known(_ time: Int64) -> Int64? { time > 0 ? time : nil }
}
