// SPDX-License-Identifier: GPL-3.0-or-later
import Testing

@testable import Replication

@Suite("The course of a scrub")
struct ScrubCourseTests {
  private let rate = 1 << 20

  @Test("reads every table of a pass once, from one that was drawn, and begins the next after the period")
  func pass() {
    var course = ScrubCourse(ScrubOptions(bytesPerSecond: rate, period: .seconds(100)))
    #expect(course.next(now: .seconds(5)) == .list)
    course.onTables(["b", "a", "c"], draw: 4, now: .seconds(5))
    var (now, read) = (Duration.seconds(5), [String]())
    loop: while true {
      switch course.next(now: now) {
      case .wait(let time) where course.isUnderWay: now += time
      case .read(let table, let position, _):
        read.append(table + (position == nil ? "" : "+"))
        _ = course.onRead(bytes: 1000, last: position == nil ? [1] : nil, now: now)
      case .wait(let time):
        #expect(time == .seconds(60))
        break loop
      case .list:
        Issue.record("it begins again at once")
        break loop
      }
    }
    #expect(read == ["b", "b+", "c", "c+", "a", "a+"])
    #expect(course.passes == 1 && course.tablesDone == 3)
    #expect(course.next(now: .seconds(104)) == .wait(.seconds(1)))
    #expect(course.next(now: .seconds(105)) == .list)
  }

  @Test("never reads more than its rate, also after a pause", arguments: [1 << 20, 64 << 10, 100 << 20])
  func rate(_ rate: Int) {
    var course = ScrubCourse(ScrubOptions(bytesPerSecond: rate, period: .seconds(1)))
    course.onTables(["a"], draw: 0, now: .zero)
    var (now, bytes, largest) = (Duration.seconds(1000), 0, 0)
    let start = now
    for _ in 0..<1000 {
      switch course.next(now: now) {
      case .wait(let time): now += time
      case .read(_, _, let budget):
        bytes += budget
        largest = max(largest, budget)
        _ = course.onRead(bytes: budget, last: [1], now: now)
      case .list: Issue.record("no pass is over")
      }
    }
    #expect(largest <= ScrubOptions.stepBytes)
    #expect(Double(bytes - largest) <= ((now - start) / .seconds(1)) * Double(rate) * 1.001 + 1)
  }

  @Test("does nothing when it is turned off, and a generation without tables ends a pass by the next")
  func off() {
    let off = ScrubCourse(ScrubOptions(bytesPerSecond: 0))
    #expect(off.next(now: .zero) == .wait(.seconds(60)))
    var empty = ScrubCourse(ScrubOptions(bytesPerSecond: rate, period: .seconds(10)))
    empty.onTables([], draw: 7, now: .zero)
    #expect(empty.next(now: .seconds(1)) == .wait(.seconds(9)))
  }
}
