// SPDX-License-Identifier: GPL-3.0-or-later
internal import FailurePoints

/// The list of the tables a store must have, kept beside WiredTiger's files because WiredTiger opens a store whose
/// metadata is gone as an empty one.
///
/// The file `manifest` is text: `keyfold-store 1`, `system-key [ID]`, one line per table, `end COUNT`. A table's line
/// is its state, its name and, if it has a key of its own, the key's id.
struct StoreManifest: Sendable, Equatable {
  /// What holds for a table after a crash.
  enum TableState: String, Sendable, Equatable {
    /// It must be there.
    case table
    /// Its creation has begun; at the next opening what there is of it goes.
    case creating
    /// Its drop has begun; at the next opening it goes on.
    case dropping
  }

  struct Table: Sendable, Equatable {
    var state: TableState
    var keyID: String?
  }

  static let fileName = "manifest"
  private static let firstLine = "keyfold-store 1"

  var systemKeyID: String?
  var tables: [String: Table] = [:]

  /// The names of the tables that must be there, sorted.
  var tableNames: [String] { tables.filter { $0.value.state == .table }.keys.sorted() }

  init(systemKeyID: String?) { self.systemKeyID = systemKeyID }

  /// Reads the file's contents; throws `damaged` for anything that this type would not have written.
  init(parsing bytes: [UInt8], doing: String) throws(StoreError) {
    func damaged(_ detail: String) -> StoreError {
      StoreError(.damaged, doing: doing, file: Self.fileName, detail: detail)
    }
    guard let text = String(validating: bytes, as: UTF8.self), text.hasSuffix("\n") else {
      throw damaged("the manifest is cut off or not text")
    }
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    guard lines.popFirst() == Self.firstLine[...] else { throw damaged("the manifest has an unknown version") }
    let system = lines.popFirst()?.split(separator: " ") ?? []
    guard system.first == "system-key", system.count <= 2 else { throw damaged("the manifest names no system key") }
    systemKeyID = system.count == 2 ? String(system[1]) : nil
    guard let end = lines.popLast(), end == "end \(lines.count)" else { throw damaged("the manifest is cut off") }
    for line in lines {
      let words = line.split(separator: " ").map(String.init)
      guard (2...3).contains(words.count), let state = TableState(rawValue: words[0]), tables[words[1]] == nil else {
        throw damaged("the manifest has a line that makes no sense")
      }
      try Configuration.check(table: words[1], doing: doing)
      tables[words[1]] = Table(state: state, keyID: words.count == 3 ? words[2] : nil)
    }
  }

  /// The file's contents.
  var bytes: [UInt8] {
    var lines = [Self.firstLine, (["system-key"] + [systemKeyID].compactMap(\.self)).joined(separator: " ")]
    for (name, table) in tables.sorted(by: { $0.key < $1.key }) {
      lines.append(([table.state.rawValue, name] + [table.keyID].compactMap(\.self)).joined(separator: " "))
    }
    lines.append("end \(tables.count)")
    return Array((lines.joined(separator: "\n") + "\n").utf8)
  }

  static func read(from folder: String, doing: String) throws(StoreError) -> StoreManifest {
    let bytes: [UInt8]
    do throws(StoreError) {
      bytes = try DurableFile.read(folder + "/" + fileName)
    } catch {
      throw StoreError(
        error.code, doing: doing, file: fileName, detail: "\(error.detail); the store is incomplete: copy it anew",
        underlying: error.underlying)
    }
    return try StoreManifest(parsing: bytes, doing: doing)
  }

  func write(to folder: String) throws(StoreError) {
    FailurePoint.reach("manifest.before")
    try DurableFile.replace(folder + "/" + Self.fileName, with: bytes)
    FailurePoint.reach("manifest.after")
  }
}
