// SPDX-License-Identifier: GPL-3.0-or-later

/// When a service that refused wants to be asked again (RFC 9110, section 10.2.3).
enum RetryAfter {
  /// The longest wait believed; no call lasts nearly so long.
  static let longest: Int64 = 86_400

  /// What the answer says, as seconds or as a date by its own clock; nil if it says nothing that can be read.
  static func read(_ answer: HTTPAnswer, nowSeconds: Int64) -> Duration? {
    guard let text = answer.header("Retry-After") else { return nil }
    if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
      return .seconds(min(Int64(text) ?? longest, longest))
    }
    guard let moment = CivilTime(httpDate: text)?.seconds else { return nil }
    let now = answer.header("Date").flatMap { CivilTime(httpDate: $0) }?.seconds ?? nowSeconds
    return .seconds(min(max(moment - now, 0), longest))
  }
}
