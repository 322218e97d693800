// SPDX-License-Identifier: GPL-3.0-or-later

/// A moment in UTC as date and time of day, whole seconds; the calendar arithmetic is Howard Hinnant's
/// ("chrono-Compatible Low-Level Date Algorithms", days_from_civil and civil_from_days).
package struct CivilTime: Sendable, Equatable {
  package var year: Int
  package var month: Int
  package var day: Int
  package var hour: Int
  package var minute: Int
  package var second: Int

  /// The moment `seconds` after 1970 began.
  package init(seconds: Int64) {
    let days = Int(seconds.quotientAndRemainder(dividingBy: 86_400).quotient) - (seconds % 86_400 < 0 ? 1 : 0)
    let rest = Int(seconds - Int64(days) * 86_400)
    (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60)
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  }

  private init?(_ parts: [Int]) {
    guard parts.count == 6, (1970...9999).contains(parts[0]), (1...12).contains(parts[1]),
      (1...31).contains(parts[2]), (0...23).contains(parts[3]), (0...59).contains(parts[4]),
      (0...60).contains(parts[5])
    else { return nil }
    (year, month, day, hour, minute, second) = (parts[0], parts[1], parts[2], parts[3], parts[4], parts[5])
  }

  /// Seconds since 1970.
  package var seconds: Int64 {
    let shiftedYear = month <= 2 ? year - 1 : year
    let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
    let yearOfEra = shiftedYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = Int64(era * 146_097 + dayOfEra - 719_468)
    return days * 86_400 + Int64(hour * 3600 + minute * 60 + second)
  }

  /// `20150830T123600Z`, as AWS signatures carry it (ISO 8601 basic).
  package init?(basic text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count == 16, bytes[8] == UInt8(ascii: "T"), bytes[15] == UInt8(ascii: "Z") else { return nil }
    let ranges = [0..<4, 4..<6, 6..<8, 9..<11, 11..<13, 13..<15]
    let parts = ranges.compactMap { Self.number(bytes[$0]) }
    self.init(parts)
  }

  /// `2015-08-30T12:36:00Z`, or with a fraction of a second, which is left out (ISO 8601 extended, UTC).
  package init?(extended text: String) {
    guard text.hasSuffix("Z"), text.utf8.count <= 40 else { return nil }
    let whole = text.dropLast().prefix { $0 != "." }
    self.init(basic: String(whole.filter { $0 != "-" && $0 != ":" }) + "Z")
  }

  /// `Sun, 06 Nov 1994 08:49:37 GMT`, the form of an HTTP `Date` header (RFC 9110, section 5.6.7, IMF-fixdate).
  package init?(httpDate text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count == 29, text.hasSuffix(" GMT"), bytes[3] == UInt8(ascii: ","), bytes[19] == UInt8(ascii: ":"),
      bytes[22] == UInt8(ascii: ":"),
      let month = Self.months.firstIndex(of: String(decoding: bytes[8..<11], as: UTF8.self))
    else { return nil }
    let ranges = [12..<16, 5..<7, 17..<19, 20..<22, 23..<25]
    let parts = ranges.compactMap { Self.number(bytes[$0]) }
    guard parts.count == 5 else { return nil }
    self.init([parts[0], month + 1, parts[1], parts[2], parts[3], parts[4]])
  }

  /// `20150830`.
  package var basicDate: String { Self.padded(year, 4) + Self.padded(month, 2) + Self.padded(day, 2) }

  /// `20150830T123600Z`.
  package var basic: String {
    basicDate + "T" + Self.padded(hour, 2) + Self.padded(minute, 2) + Self.padded(second, 2) + "Z"
  }

  /// `2015-08-30T12:36:00Z`.
  package var extended: String {
    "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))T\(Self.padded(hour, 2)):"
      + "\(Self.padded(minute, 2)):\(Self.padded(second, 2))Z"
  }

  /// The form of an HTTP `Date` header.
  package var httpDate: String {
    let days = seconds / 86_400  // 1 January 1970 was a Thursday
    let weekday = Self.weekdays[Int(((days + 4) % 7 + 7) % 7)]
    return "\(weekday), \(Self.padded(day, 2)) \(Self.months[month - 1]) \(Self.padded(year, 4)) "
      + "\(Self.padded(hour, 2)):\(Self.padded(minute, 2)):\(Self.padded(second, 2)) GMT"
  }

  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
  private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]

  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    var value = 0
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      value = value * 10 + Int(digit - UInt8(ascii: "0"))
    }
    return value
  }

  private static func padded(_ value: Int, _ width: Int) -> String {
    let text = String(value)
    return String(repeating: "0", count: max(0, width - text.count)) + text
  }
}
