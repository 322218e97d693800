// SPDX-License-Identifier: GPL-3.0-or-later
import Testing

@testable import ReplicationCore

private let hour: Int64 = 3_600_000

/// An oplog of closed segments, one per given time, each of 1 MiB and 100 entries.
private func outline(_ times: [Int64], base: UInt64 = 0) -> OplogOutline {
  var outline = OplogOutline(baseIndex: base)
  for (place, time) in times.enumerated() {
    outline.add(
      closed: OplogSegment(
        lastIndex: base + UInt64(place + 1) * 100, bytes: 1 << 20, firstTime: max(0, time - 10), lastTime: time))
  }
  return outline
}

@Suite("How long an oplog lasts for a copy") struct OplogPaceTests {
  @Test("is what is left below the ceiling, at the pace of the last writes and the time since")
  func lasts() {
    let two = outline([10_000, 20_000])
    let now: Int64 = 29_990
    #expect(two.bytesPerSecond(nowMilliseconds: now) == Double(2 << 20) / 20)
    #expect(two.secondsUntilForced(from: 100, ceiling: 4 << 20, nowMilliseconds: now) == 30)
    #expect(two.secondsUntilForced(from: 0, ceiling: 4 << 20, nowMilliseconds: now) == 20)
    #expect(two.secondsUntilForced(from: 0, ceiling: 1 << 20, nowMilliseconds: now) == 1, "it is over")
    #expect(two.secondsUntilForced(from: 0, ceiling: .max, nowMilliseconds: now) == nil)
  }

  @Test("follows what was written last, not what was written long ago")
  func recent() {
    let slowThenFast = outline((1...4).map { $0 * hour } + (0..<8).map { 5 * hour + $0 * 1000 })
    #expect(slowThenFast.bytesPerSecond(nowMilliseconds: 5 * hour + 7_990) == Double(8 << 20) / 8)
  }

  @Test("can't be told of an oplog without entries, without times, or from the future")
  func unknown() {
    #expect(OplogOutline(baseIndex: 7).secondsUntilForced(from: 0, ceiling: 1, nowMilliseconds: hour) == nil)
    #expect(outline([0]).bytesPerSecond(nowMilliseconds: hour) == nil)
    #expect(outline([2 * hour]).bytesPerSecond(nowMilliseconds: hour) == nil)
  }
}

@Suite("An oplog's limits") struct OplogRetentionTests {
  private func cut(
    _ outline: OplogOutline, megabytes: UInt64 = 2, hours: Int64 = 0, ceiling: UInt64? = nil, limit: UInt64 = .max,
    held: UInt64 = .max, now: Int64 = 100 * hour, segments: Int = 16
  ) -> OplogRetention.Cut? {
    OplogRetention(
      bytes: megabytes << 20, minimumMilliseconds: hours * hour, ceilingBytes: ceiling.map { $0 << 20 }
    ).nextCut(of: outline, limit: limit, held: held, nowMilliseconds: now, segments: segments)
  }

  @Test("what is within its size stays; what is beyond it goes from the beginning on, some segments at a time")
  func size() {
    let full = outline([1, 2, 3, 4, 5].map { $0 * hour })
    #expect(cut(full, megabytes: 5) == nil)
    #expect(cut(full, megabytes: 4) == .init(index: 100, isForced: false))
    #expect(cut(full) == .init(index: 300, isForced: false))
    #expect(cut(full, segments: 2) == .init(index: 200, isForced: false))
    #expect(cut(OplogOutline(baseIndex: 7)) == nil)
  }

  @Test("nothing goes that is younger than the minimum, until the ceiling is reached")
  func age() {
    let full = outline([1, 2, 98, 99, 100].map { $0 * hour })
    #expect(cut(full, megabytes: 1, hours: 24) == .init(index: 200, isForced: false))
    #expect(cut(outline([90, 95, 96].map { $0 * hour }), megabytes: 1, hours: 24) == nil)
    // Nobody needs the entries the ceiling takes: it is no violation of a hold.
    #expect(cut(full, megabytes: 1, hours: 24, ceiling: 2) == .init(index: 300, isForced: false))
  }

  @Test("nothing goes beyond the checkpoint, whatever the ceiling")
  func limit() {
    let full = outline([1, 2, 3, 4].map { $0 * hour })
    #expect(cut(full, megabytes: 1, ceiling: 1, limit: 199) == .init(index: 100, isForced: false))
    #expect(cut(full, megabytes: 1, ceiling: 1, limit: 99) == nil)
  }

  @Test("what a copy needs stays until the ceiling forces it out, and that is said")
  func holds() {
    let full = outline([1, 2, 3, 4, 5].map { $0 * hour })
    #expect(cut(full, held: 150) == .init(index: 100, isForced: false))
    #expect(cut(full, held: 50) == nil)
    #expect(cut(full, ceiling: 4, held: 50) == .init(index: 100, isForced: true))
    #expect(cut(full, ceiling: 3, held: 150) == .init(index: 200, isForced: true))
  }

  @Test("a clock that was set back keeps nothing for ever, entries without a time count as old")
  func clocks() {
    // The third segment was made by a clock of the far future, then it was right again.
    let jumped = outline([1 * hour, 2 * hour, 9_000 * hour, 3 * hour, 4 * hour])
    #expect(cut(jumped, megabytes: 1, hours: 24) == .init(index: 400, isForced: false))
    #expect(cut(outline([0, 0, 99 * hour]), megabytes: 1, hours: 24) == .init(index: 200, isForced: false))
    #expect(outline([0, 0, 99 * hour]).windowMilliseconds == 10)
    #expect(jumped.windowMilliseconds == 3 * hour + 10)
  }

  @Test("counts what is appended, and closes segments by bytes and by entries")
  func counts() {
    var outline = OplogOutline(baseIndex: 10)
    var closed: [OplogSegment] = []
    for index in 11...3_000 as ClosedRange<UInt64> {
      if let segment = outline.append(index: index, bytes: 10, time: Int64(index)) { closed.append(segment) }
    }
    #expect(closed.map(\.lastIndex) == [1034, 2058])
    #expect(outline.bytes == 29_900 && outline.lastIndex == 3_000 && outline.firstTime == 11)
    let large = outline.append(index: 3_001, bytes: OplogOutline.segmentBytes, time: 3_001)
    #expect(large?.lastIndex == 3_001 && outline.open == nil)
    outline.reopen(after: 2_500)
    #expect(outline.lastClosedIndex == 2058 && outline.bytes == 20_480)
    outline.trim(to: 1034)
    #expect(outline.baseIndex == 1034 && outline.bytes == 10_240 && outline.firstTime == 1035)
  }

  @Test("a size no ceiling fits above is its own ceiling")
  func ceiling() {
    #expect(OplogRetention(bytes: 5, ceilingBytes: 3).ceilingBytes == 5)
    #expect(OplogRetention(bytes: 5).ceilingBytes == 50)
    #expect(OplogRetention(bytes: .max).ceilingBytes == .max)
  }
}
