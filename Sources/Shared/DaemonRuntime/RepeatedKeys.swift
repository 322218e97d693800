// SPDX-License-Identifier: GPL-3.0-or-later
internal import Foundation

/// Finds a key that stands twice in an object of JSON, which decoders pass over in silence: one of the two would win.
enum RepeatedKeys {
  /// The first such key, with dots before it for the objects it is in; nil if there is none. `bytes` are valid JSON.
  static func first(in bytes: [UInt8]) -> String? {
    var scan = Scan(bytes: bytes)
    return scan.run()
  }

  /// What is open at one place of the text.
  private struct Level {
    let isObject: Bool
    let path: String
    var keys: Set<String> = []
    var lastKey = ""
    /// Whether the next string is a key.
    var awaitsKey: Bool
  }

  private struct Scan {
    let bytes: [UInt8]
    var offset = 0
    var levels: [Level] = []

    mutating func run() -> String? {
      while offset < bytes.count {
        let byte = bytes[offset]
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["): open(isObject: byte == UInt8(ascii: "{"))
        case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = levels.popLast()
        case UInt8(ascii: ","):
          if let last = levels.indices.last { levels[last].awaitsKey = levels[last].isObject }
        case UInt8(ascii: "\""):
          if let repeated = string() { return repeated }
        default: break
        }
        offset += 1
      }
      return nil
    }

    private mutating func open(isObject: Bool) {
      let parent = levels.last.map { $0.isObject ? $0.path + $0.lastKey + "." : $0.path } ?? ""
      levels.append(Level(isObject: isObject, path: parent, awaitsKey: isObject))
    }

    /// Passes over a string up to its closing quote; answers its path if it is a key that was there before.
    private mutating func string() -> String? {
      let start = offset
      offset += 1
      while offset < bytes.count, bytes[offset] != UInt8(ascii: "\"") {
        offset += bytes[offset] == UInt8(ascii: "\\") ? 2 : 1
      }
      guard let last = levels.indices.last, levels[last].awaitsKey, offset < bytes.count else { return nil }
      let key = Self.text(Array(bytes[start...offset]))
      levels[last].awaitsKey = false
      levels[last].lastKey = key
      return levels[last].keys.insert(key).inserted ? nil : levels[last].path + key
    }

    /// What a string says, its escapes resolved: `"a"` and `"\\u0061"` are one key.
    private static func text(_ quoted: [UInt8]) -> String {
      let list = Data([UInt8(ascii: "[")] + quoted + [UInt8(ascii: "]")])
      let read = (try? JSONSerialization.jsonObject(with: list) as? [String])?.first
      return read ?? String(decoding: quoted.dropFirst().dropLast(), as: UTF8.self)
    }
  }
}
