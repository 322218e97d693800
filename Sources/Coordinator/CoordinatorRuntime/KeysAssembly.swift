// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Messages

/// Puts the parts of a node's keys report together.
struct KeysAssembly {
  /// The most keys taken of one node.
  static let maximumKeys = 20_000

  private var first: KeysReport
  private var keys: [KeyReport]
  private var nextPart: UInt32

  /// Begins with part 0; nil for another.
  init?(_ part: KeysReport) {
    guard part.part == 0, part.keys.count <= Self.maximumKeys else { return nil }
    first = part
    keys = part.keys
    nextPart = 1
  }

  /// Adds the next part; false if it does not belong here, and the report is lost.
  mutating func add(_ part: KeysReport) -> Bool {
    guard part.part == nextPart, part.generation == first.generation, part.keystoreVersion == first.keystoreVersion,
      keys.count + part.keys.count <= Self.maximumKeys
    else { return false }
    keys += part.keys
    nextPart += 1
    return true
  }

  /// All keys so far.
  var all: [KeyReport] { keys }
}
