// SPDX-License-Identifier: GPL-3.0-or-later

/// How much of its oplog a member keeps.
///
/// As operators of MongoDB know it (`oplogSizeMB`, `oplogMinRetentionHours`): an entry goes when the oplog is larger
/// than its size *and* the entry is older than the minimum time. Besides there is a ceiling that neither the time nor a
/// copy that still needs the entries lifts, because a full disk would stop the node.
public struct OplogRetention: Sendable, Equatable {
  /// The size up to which everything stays, in bytes.
  public var bytes: UInt64
  /// How old an entry has to be before it may go, in milliseconds; 0 for no minimum.
  public var minimumMilliseconds: Int64
  /// The size above which entries go whatever their age and whoever needs them, in bytes.
  public var ceilingBytes: UInt64

  /// The defaults: 1 GiB, 24 hours, and a ceiling of 10 GiB.
  public init(bytes: UInt64 = 1 << 30, minimumMilliseconds: Int64 = 24 * 3_600_000, ceilingBytes: UInt64? = nil) {
    self.bytes = bytes
    self.minimumMilliseconds = minimumMilliseconds
    self.ceilingBytes = max(bytes, ceilingBytes ?? Self.defaultCeiling(bytes: bytes))
  }

  /// The ceiling of a size for which none was set: ten times as much.
  public static func defaultCeiling(bytes: UInt64) -> UInt64 {
    let (product, overflow) = bytes.multipliedReportingOverflow(by: 10)
    return overflow ? .max : product
  }

  /// Where an oplog may be cut.
  public struct Cut: Sendable, Equatable {
    /// The index of the last entry that goes.
    public var index: UInt64
    /// Whether only the ceiling allows it, so that a copy may lose what it needs.
    public var isForced: Bool
  }

  /// The next piece to remove, of at most `segments` segments; nil if everything stays.
  ///
  /// Nothing beyond `limit` goes, which is what is committed, applied and in the last checkpoint; nothing beyond
  /// `held`, the lowest index that a copy still needs the entries after, unless the ceiling forces it.
  public func nextCut(
    of outline: OplogOutline, limit: UInt64, held: UInt64, nowMilliseconds now: Int64, segments count: Int = 16
  ) -> Cut? {
    var left = outline.bytes
    var cut: Cut?
    for segment in outline.segments.prefix(count) {
      guard left > bytes, segment.lastIndex <= limit else { break }
      let isForced = left > ceilingBytes
      let isOld = minimumMilliseconds == 0 || segment.lastTime <= now - min(now, minimumMilliseconds)
      guard isForced || isOld && segment.lastIndex <= held else { break }
      cut = Cut(index: segment.lastIndex, isForced: (cut?.isForced ?? false) || isForced && segment.lastIndex > held)
      left -= segment.bytes
    }
    return cut
  }
}
