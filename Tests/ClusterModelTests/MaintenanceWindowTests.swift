// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@Suite("A maintenance window")
struct MaintenanceWindowTests {
  private func milliseconds(_ text: String) throws -> Int64 {
    try #require(OperatorTime(text: text + ":00.000Z")).milliseconds
  }

  /// Openings after a moment, one after another.
  private func openings(_ window: MaintenanceWindow, after text: String, count: Int) throws -> [String] {
    var moment = try milliseconds(text)
    var found: [String] = []
    for _ in 0..<count {
      moment = try #require(window.opening(after: moment))
      found.append(String(OperatorTime(milliseconds: moment).description.prefix(16)))
    }
    return found
  }

  @Test("opens once a week at the hour of its zone, whatever daylight saving does to it")
  func weekly() throws {
    let window = MaintenanceWindow(day: .sunday, hour: 4, timeZone: "Europe/Berlin")
    // Summer time ends on 2026-10-25 and begins on 2027-03-28.
    #expect(
      try openings(window, after: "2026-10-15T00:00", count: 3)
        == ["2026-10-18T02:00", "2026-10-25T03:00", "2026-11-01T03:00"])
    #expect(
      try openings(window, after: "2027-03-20T00:00", count: 3)
        == ["2027-03-21T03:00", "2027-03-28T02:00", "2027-04-04T02:00"])
  }

  @Test("opens where the clocks go on if its hour is skipped, and the first time if it comes twice")
  func changes() throws {
    let berlin = MaintenanceWindow(day: .sunday, hour: 2, timeZone: "Europe/Berlin")
    #expect(
      try openings(berlin, after: "2027-03-22T00:00", count: 2) == ["2027-03-28T01:00", "2027-04-04T00:00"])
    #expect(
      try openings(berlin, after: "2026-10-19T00:00", count: 2) == ["2026-10-25T00:00", "2026-11-01T01:00"])
    let york = MaintenanceWindow(day: .sunday, hour: 2, timeZone: "America/New_York")
    #expect(
      try openings(york, after: "2027-03-08T00:00", count: 2) == ["2027-03-14T07:00", "2027-03-21T06:00"])
    let repeated = MaintenanceWindow(day: .sunday, hour: 1, timeZone: "America/New_York")
    #expect(
      try openings(repeated, after: "2026-10-26T00:00", count: 2) == ["2026-11-01T05:00", "2026-11-08T06:00"])
  }

  @Test("is open for an hour", arguments: MaintenanceWindow.Day.allCases)
  func open(day: MaintenanceWindow.Day) throws {
    let window = MaintenanceWindow(day: day, hour: 23, timeZone: "Asia/Kolkata")
    let opening = try #require(window.opening(after: try milliseconds("2026-11-22T00:00")))
    #expect(!window.isOpen(at: opening - 1))
    #expect(window.isOpen(at: opening))
    #expect(window.isOpen(at: opening + MaintenanceWindow.length - 1))
    #expect(!window.isOpen(at: opening + MaintenanceWindow.length))
    #expect(window.opening(atOrBefore: opening) == opening)
    #expect(window.opening(atOrBefore: opening - 1) == opening - 7 * 86_400_000)
    #expect(window.opening(after: opening) == opening + 7 * 86_400_000)
  }

  @Test(
    "refuses hours and zones that are none",
    arguments: [(24, "UTC"), (-1, "UTC"), (1, "Europe/Atlantis"), (1, ""), (1, "EST"), (1, "GMT+3"), (1, "../x")])
  func refuses(hour: Int, zone: String) {
    let window = MaintenanceWindow(day: .monday, hour: hour, timeZone: zone)
    #expect(throws: ModelError.self) { try window.validate() }
    #expect(window.opening(after: 0) == nil)
    #expect(!window.isOpen(at: 0))
  }

  @Test("survives the ends of time", arguments: [Int64.min, .max, 0, -1])
  func extremes(moment: Int64) throws {
    let window = MaintenanceWindow(day: .friday, hour: 12, timeZone: "UTC")
    try window.validate()
    _ = window.isOpen(at: moment)
    _ = window.opening(after: moment)
  }
}
