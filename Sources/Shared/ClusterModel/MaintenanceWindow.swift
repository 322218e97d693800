// SPDX-License-Identifier: GPL-3.0-or-later
internal import Foundation

/// The hour of the week in which maintenance of a project's clusters may begin, on the clocks of a time zone.
///
/// The window opens where the zone's clocks say the hour: if daylight saving skips that hour, where they go on; if they
/// say it twice, the first time. It is an hour long.
public struct MaintenanceWindow: Sendable, Codable, Equatable {
  /// A day of the week.
  public enum Day: String, Sendable, Codable, CaseIterable {
    case sunday, monday, tuesday, wednesday, thursday, friday, saturday
  }

  /// How long it is open, in milliseconds.
  public static let length: Int64 = 3_600_000
  /// The longest name of a time zone in bytes; the longest there is has 32.
  static let maximumZoneLength = 64

  /// The day on which it opens.
  public var day: Day
  /// The hour at which it opens, 0 to 23.
  public var hour: Int
  /// The IANA name of the time zone, such as `Europe/Berlin`, or `UTC`.
  public var timeZone: String

  /// Makes a window of its parts; `validate` says whether it is one.
  public init(day: Day, hour: Int, timeZone: String) {
    self.day = day
    self.hour = hour
    self.timeZone = timeZone
  }

  /// Throws `ModelError` if the hour is none or the time zone not known.
  public func validate() throws(ModelError) {
    guard (0...23).contains(hour) else { throw ModelError(.invalidSettings, "the hour has to be 0 to 23") }
    guard zone != nil else {
      throw ModelError(
        .invalidSettings, "the time zone is not known; write an IANA name such as Europe/Berlin, or UTC")
    }
  }

  /// Whether it is open at a moment, milliseconds since 1970.
  public func isOpen(at moment: Int64) -> Bool {
    guard let opening = opening(atOrBefore: moment) else { return false }
    return moment - opening < Self.length
  }

  /// When it opened last, at `moment` or before; nil if it is no window.
  public func opening(atOrBefore moment: Int64) -> Int64? {
    openings(around: moment).last { $0 <= moment }
  }

  /// When it opens next after `moment`; nil if it is no window.
  public func opening(after moment: Int64) -> Int64? {
    openings(around: moment).first { $0 > moment }
  }

  private var zone: TimeZone? {
    // Abbreviations and offsets are no zones: they have no daylight saving.
    guard timeZone.utf8.count <= Self.maximumZoneLength, timeZone == "UTC" || timeZone.contains("/") else {
      return nil
    }
    return TimeZone(identifier: timeZone)
  }

  /// The openings of the weeks before, of and after a moment, earliest first.
  private func openings(around moment: Int64) -> [Int64] {
    guard let zone, (0...23).contains(hour), (Self.earliest...Self.latest).contains(moment) else { return [] }
    let seconds = Self.floor(moment, by: 1000)
    let today = Self.floor(seconds + Self.offset(of: zone, at: seconds), by: 86_400)
    let weekday = Int64(Day.allCases.firstIndex(of: day) ?? 0)
    // 1970-01-01 was a Thursday, which is 4 days after a Sunday.
    let ahead = weekday - (today + 4 - 7 * Self.floor(today + 4, by: 7))
    return [-7, 0, 7].map { opening(of: zone, onDay: today + ahead + $0) * 1000 }
  }

  /// The first second of a day, counted from 1970 on the zone's clocks, at which they say the hour.
  private func opening(of zone: TimeZone, onDay day: Int64) -> Int64 {
    let local = day * 86_400 + Int64(hour) * 3600
    let offsets = [local - 86_400, local + 86_400].map { Self.offset(of: zone, at: $0) }
    let said = offsets.map { local - $0 }.filter { $0 + Self.offset(of: zone, at: $0) == local }
    return said.min() ?? local - offsets[0]
  }

  /// The seconds by which a zone's clocks are ahead of UTC.
  private static func offset(of zone: TimeZone, at seconds: Int64) -> Int64 {
    Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds))))
  }

  private static func floor(_ value: Int64, by divisor: Int64) -> Int64 {
    let quotient = value / divisor
    return value % divisor < 0 ? quotient - 1 : quotient
  }

  /// The years 1 and 9999, in milliseconds: what calendars know, and far from any overflow.
  private static let earliest: Int64 = -62_135_596_800_000
  private static let latest: Int64 = 253_402_300_799_999
}

extension MaintenanceWindow: CustomStringConvertible {
  /// Like `sunday 02:00 Europe/Berlin`.
  public var description: String { "\(day.rawValue) \(hour < 10 ? "0" : "")\(hour):00 \(timeZone)" }
}

/// What an operator changes of a project's maintenance; nil leaves as it is.
public struct MaintenanceChange: Sendable, Codable, Equatable {
  /// The new window.
  public var window: MaintenanceWindow?
  /// Whether there is to be no window any more.
  public var removesWindow: Bool
  /// How old master keys may become, in days.
  public var rotationDays: Int?
  /// Whether each rotation is put off by a week once, by itself.
  public var automaticDeferral: Bool?

  /// Makes a change of its parts.
  public init(
    window: MaintenanceWindow? = nil, removesWindow: Bool = false, rotationDays: Int? = nil,
    automaticDeferral: Bool? = nil
  ) {
    self.window = window
    self.removesWindow = removesWindow
    self.rotationDays = rotationDays
    self.automaticDeferral = automaticDeferral
  }
}
