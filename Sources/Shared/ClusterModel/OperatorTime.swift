// SPDX-License-Identifier: GPL-3.0-or-later

/// A moment as operators' views carry it: milliseconds since 1970, in JSON an ISO 8601 text in UTC.
public struct OperatorTime: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
  /// Milliseconds since 1970-01-01T00:00:00Z.
  public var milliseconds: Int64

  /// Makes a time of milliseconds since 1970.
  public init(milliseconds: Int64) { self.milliseconds = milliseconds }

  /// Makes a time of milliseconds since 1970, nil for 0, which stands for "never" in reports.
  public init?(known milliseconds: Int64) {
    if milliseconds == 0 { return nil }
    self.milliseconds = milliseconds
  }

  /// The earlier time is smaller.
  public static func < (left: OperatorTime, right: OperatorTime) -> Bool { left.milliseconds < right.milliseconds }

  /// The time as ISO 8601 in UTC with milliseconds, `2026-11-22T06:23:03.250Z`; years 0 to 9999.
  public var description: String {
    let clamped = min(max(milliseconds, Self.earliest), Self.latest)
    let day = Self.floorDivide(clamped, Self.millisecondsPerDay)
    let rest = clamped - day * Self.millisecondsPerDay
    let (year, month, dayOfMonth) = Self.civil(fromDays: day)
    let clock = [rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60].map { Self.padded($0, 2) }
    return [Self.padded(year, 4), Self.padded(month, 2), Self.padded(dayOfMonth, 2)].joined(separator: "-")
      + "T" + clock.joined(separator: ":") + "." + Self.padded(rest % 1000, 3) + "Z"
  }

  /// Reads the text that `description` writes; nil for any other.
  public init?(text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count == 24, bytes[23] == UInt8(ascii: "Z"), bytes[10] == UInt8(ascii: "T"),
      bytes[19] == UInt8(ascii: "."),
      bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"), bytes[13] == UInt8(ascii: ":"),
      bytes[16] == UInt8(ascii: ":"),
      let year = Self.number(bytes[0..<4]), let month = Self.number(bytes[5..<7]), let day = Self.number(bytes[8..<10]),
      let hour = Self.number(bytes[11..<13]), let minute = Self.number(bytes[14..<16]),
      let second = Self.number(bytes[17..<19]),
      let fraction = Self.number(bytes[20..<23]), (1...12).contains(month), (1...31).contains(day), hour < 24,
      minute < 60, second < 60
    else { return nil }
    let seconds = Self.days(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + second
    milliseconds = seconds * 1000 + fraction
  }

  /// Decodes an ISO 8601 text.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let time = OperatorTime(text: try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "a time has to be like 2026-01-31T12:00:00.000Z")
    }
    self = time
  }

  /// Encodes the time as ISO 8601 text.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }

  private static let millisecondsPerDay: Int64 = 86_400_000
  /// 0000-01-01T00:00:00.000Z.
  private static let earliest: Int64 = -62_167_219_200_000
  /// 9999-12-31T23:59:59.999Z.
  private static let latest: Int64 = 253_402_300_799_999

  /// The date of a day counted from 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date algorithms",
  /// civil_from_days).
  private static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = floorDivide(shifted, 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
  }

  /// The reverse of `civil(fromDays:)` (same source, days_from_civil).
  private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
    let shiftedYear = month <= 2 ? year - 1 : year
    let era = floorDivide(shiftedYear, 400)
    let yearOfEra = shiftedYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
    value >= 0 ? value / divisor : (value - divisor + 1) / divisor
  }

  private static func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
    var value: Int64 = 0
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      value = value * 10 + Int64(digit - UInt8(ascii: "0"))
    }
    return value
  }
}
