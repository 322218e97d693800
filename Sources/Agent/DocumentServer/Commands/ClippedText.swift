// SPDX-License-Identifier: GPL-3.0-or-later

extension String {
  /// The text if it has at most `limit` bytes, else its two ends with an ellipsis between them, cut between characters'
  /// scalars: what a driver sent never makes an answer or a line of the log as long as itself.
  func clipped(to limit: Int) -> String {
    let bytes = utf8
    guard bytes.count > limit else { return self }
    // Most of it from the front, where a sentence begins; of the end what it comes to.
    let tail = limit / 3
    let front = bytes.index(startIndex, offsetBy: limit - tail)
    let back = bytes.index(endIndex, offsetBy: -tail)
    return String(unicodeScalars[..<scalarBoundary(front)]) + "…" + String(unicodeScalars[scalarBoundary(back)...])
  }

  /// The last boundary between two scalars that is not after `place`.
  private func scalarBoundary(_ place: Index) -> Index {
    var place = place
    while place > startIndex, place < endIndex, utf8[place] & 0xC0 == 0x80 { place = utf8.index(before: place) }
    return place
  }
}
