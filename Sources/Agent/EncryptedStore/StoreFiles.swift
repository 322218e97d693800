// SPDX-License-Identifier: GPL-3.0-or-later
internal import Glibc

/// The files of a store as they lie in its folder, looked at before WiredTiger is.
enum StoreFiles {
  static let logPrefix = "WiredTigerLog."
  /// The largest journal file: what the options allow, and a record that went beyond.
  static let maxLogBytes = 3 << 30

  /// The names in a folder; nil if there is no such folder.
  static func names(in folder: String, doing: String) throws(StoreError) -> Set<String>? {
    guard let stream = unsafe opendir(folder) else {
      if errno == ENOENT { return nil }
      throw StoreError.system(errno, doing: doing, file: folder)
    }
    defer { unsafe closedir(stream) }
    var names: Set<String> = []
    while true {
      errno = 0
      guard let entry = unsafe readdir(stream) else { break }
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { tuple in
        unsafe tuple.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name != "." && name != ".." { names.insert(name) }
    }
    guard errno == 0 else { throw StoreError.system(errno, doing: doing, file: folder) }
    return names
  }

  /// Makes the folder of a new store (mode 0700); it may be there if it is empty.
  static func prepareNewFolder(_ folder: String, doing: String) throws(StoreError) {
    if let names = try names(in: folder, doing: doing) {
      guard names.isEmpty else {
        throw StoreError(.exists, doing: doing, file: folder, detail: "the folder is not empty")
      }
      return
    }
    guard unsafe mkdir(folder, 0o700) == 0 else { throw StoreError.system(errno, doing: doing, file: folder) }
    try DurableFile.syncDirectory(DurableFile.folder(of: folder))
  }

  /// Throws `missingFile`, with the first file that should be there and is not.
  static func check(_ folder: String, _ manifest: StoreManifest, doing: String) throws(StoreError) {
    let names = try names(in: folder, doing: doing) ?? []
    func require(_ file: String, _ isThere: Bool) throws(StoreError) {
      if isThere { return }
      throw StoreError(
        .missingFile, doing: doing, file: file, detail: "the file is not there; restore it or copy the store anew")
    }
    try require("WiredTiger", names.contains("WiredTiger"))
    // WiredTiger replaces the turtle by renaming, and finds either name.
    try require("WiredTiger.turtle", names.contains("WiredTiger.turtle") || names.contains("WiredTiger.turtle.set"))
    try require("WiredTiger.wt", names.contains("WiredTiger.wt"))
    for table in manifest.tableNames {
      let file = Configuration.file(of: table)
      try require(file, names.contains(file))
    }
    let logs = names.compactMap { logNumber($0) }.sorted()
    try require(logName(1), !logs.isEmpty)
    for (one, next) in zip(logs, logs.dropFirst()) { try require(logName(one &+ 1), next == one &+ 1) }
    try checkJournal(folder, logs.map(logName), doing: doing)
  }

  private static func checkJournal(_ folder: String, _ names: [String], doing: String) throws(StoreError) {
    var files: [JournalFile] = []
    for name in names { files.append(JournalFile(try DurableFile.read(folder + "/" + name, limit: maxLogBytes))) }
    guard let damaged = JournalFile.firstDamaged(files) else { return }
    throw StoreError(
      .damaged, doing: doing, file: names[damaged],
      detail: "the journal is broken before its end; copy the data anew from a healthy member")
  }

  private static func logNumber(_ name: String) -> UInt32? {
    name.hasPrefix(logPrefix) ? UInt32(name.dropFirst(logPrefix.count)) : nil
  }

  private static func logName(_ number: UInt32) -> String {
    let digits = String(number)
    return logPrefix + String(repeating: "0", count: max(0, 10 - digits.count)) + digits
  }
}
