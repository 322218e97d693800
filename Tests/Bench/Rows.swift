// SPDX-License-Identifier: GPL-3.0-or-later

/// Rows of 1 KiB, half random and half text, made faster than any engine takes them.
struct Rows {
  static let valueBytes = 1024
  static let keyBytes = 8
  private static let poolBytes = 1 << 20
  private let random: [UInt8]
  private let text: [UInt8]

  init() {
    random = (0..<Self.poolBytes / 8).flatMap { _ in bytes(of: UInt64.random(in: .min ... .max)) }
    let words = ["account", "balance", "customer", "delivery", "order", "street", "transfer", "2026-01-17", "\"_id\":"]
    var text: [UInt8] = []
    while text.count < Self.poolBytes { text += Array((words[Int.random(in: 0..<words.count)] + " ").utf8) }
    self.text = text
  }

  /// A row's key: eight bytes, the number's highest first.
  static func key(_ row: Int) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: row >> (56 - 8 * $0)) } }

  /// A row's value.
  func value(_ row: Int) -> [UInt8] {
    let half = Self.valueBytes / 2
    let start = row &* 7919 % (Self.poolBytes - half)
    return Array(random[start..<start + half]) + text[start..<start + half]
  }
}

private func bytes(of word: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }

/// A short sequence of pseudo-random row numbers, the same in every run.
struct RowNumbers {
  private var state: UInt64

  init(_ turn: Int) { state = 0x9e37_79b9_7f4a_7c15 &* UInt64(2 * turn + 1) }

  mutating func next(below count: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % UInt64(count))
  }
}
