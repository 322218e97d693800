// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Spans, sizes and counts in words for people.
enum Wording {
  /// A span in its two largest units: `3 d 4 h`, `12 min 5 s`, `8 s`.
  static func span(seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "a very long time" }
    let whole = Int(max(0, seconds.rounded()))
    let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")]
    guard let first = units.firstIndex(where: { whole >= $0.0 }) else { return "0 s" }
    let large = "\(whole / units[first].0) \(units[first].1)"
    guard first + 1 < units.count else { return large }
    let rest = whole % units[first].0 / units[first + 1].0
    return rest == 0 ? large : "\(large) \(rest) \(units[first + 1].1)"
  }

  /// How long ago a moment was, in its largest unit: `3 d ago`; `never` for none.
  static func ago(_ time: OperatorTime?, now: OperatorTime) -> String {
    guard let time else { return "never" }
    return age(time, now: now) == "now" ? "just now" : "\(age(time, now: now)) ago"
  }

  /// How old something is, in its largest unit: `3 d`; `now` below a second.
  static func age(_ time: OperatorTime?, now: OperatorTime) -> String {
    guard let time else { return "unknown" }
    let (difference, overflow) = now.milliseconds.subtractingReportingOverflow(time.milliseconds)
    let seconds = overflow ? 0 : max(0, difference) / 1000
    for (size, unit) in [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")] as [(Int64, String)] where seconds >= size {
      return "\(seconds / size) \(unit)"
    }
    return "now"
  }

  /// A count with separators: `117,659`.
  static func count(_ number: UInt64) -> String {
    let digits = Array(String(number))
    var text = ""
    for (offset, digit) in digits.enumerated() {
      if offset > 0 && (digits.count - offset) % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return text
  }

  /// A size in decimal units: `1.2 MB`.
  static func bytes(_ number: Double) -> String {
    guard number.isFinite, number >= 1000 else { return "\(Int(max(0, number.isFinite ? number : 0))) B" }
    var (value, unit) = (number / 1000, 0)
    let units = ["kB", "MB", "GB", "TB", "PB"]
    while value >= 1000 && unit < units.count - 1 { (value, unit) = (value / 1000, unit + 1) }
    let tenths = Int((value * 10).rounded())
    return value < 100 ? "\(tenths / 10).\(tenths % 10) \(units[unit])" : "\(Int(value.rounded())) \(units[unit])"
  }

  /// A number with its noun: `1 node`, `3 nodes`; `plural` where it is irregular.
  static func counted(_ number: Int, _ noun: String, _ plural: String? = nil) -> String {
    "\(number) \(number == 1 ? noun : plural ?? noun + "s")"
  }
}
