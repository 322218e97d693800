// SPDX-License-Identifier: GPL-3.0-or-later

/// How many requests of a kind an agent works on at a time: a coordinator, or who speaks in its name, may send any
/// number, and each holds a secret until it is answered.
struct RequestRoom: Sendable {
  /// Requests about users at a time; each waits for a write.
  static let userLimit = 64
  /// Trials of KMS settings at a time; each is a call to a KMS.
  static let proofLimit = 8

  let limit: Int
  private(set) var underWay = 0

  init(limit: Int) { self.limit = limit }

  /// Takes a place; false if there is none, then the request is answered with "not now".
  mutating func enter() -> Bool {
    guard underWay < limit else { return false }
    underWay += 1
    return true
  }

  /// Gives the place back, once the request was answered.
  mutating func leave() { underWay -= 1 }
}
