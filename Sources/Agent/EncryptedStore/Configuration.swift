// SPDX-License-Identifier: GPL-3.0-or-later

/// WiredTiger's configuration strings, made of options that were checked.
enum Configuration {
  /// The name under which the encryptor is registered (shim.c) and tables refer to it. It is on disk: never change it.
  static let encryptor = "keyfold"

  /// The connection's configuration.
  static func connection(_ options: StoreOptions, creating: Bool, snappyPath: String?) -> String {
    var extensions: [String] = []
    if let snappyPath { extensions.append("\"\(snappyPath)\"") }
    var parts = [
      "cache_size=\(options.cacheBytes)", "session_max=\(options.maxSessions)",
      "eviction=(threads_min=1,threads_max=2)",
      "log=(enabled=true,file_max=\(options.logFileBytes),prealloc=false)",
      "transaction_sync=(enabled=\(options.syncOnCommit),method=fsync)",
      "file_manager=(close_idle_time=600,close_scan_interval=30,close_handle_minimum=100)",
      // A persisted base configuration would bring settings of an older start back; the environment is not ours.
      "config_base=false", "use_environment=false",
      // A truncated file that is mapped into memory is a SIGBUS instead of an error.
      "mmap=false", "statistics=(fast)",
    ]
    if creating { parts.append("create=true") }
    let interval = options.checkpointInterval.components.seconds
    if interval > 0 {
      parts.append("checkpoint=(wait=\(interval),log_size=\(options.checkpointLogBytes))")
    }
    if let keyID = options.systemKeyID {
      extensions.append("local={entry=keyfold_encryptor_entry,early_load=true}")
      parts.append("encryption=(name=\(encryptor),keyid=\"\(keyID)\")")
    }
    if !extensions.isEmpty { parts.append("extensions=[\(extensions.joined(separator: ","))]") }
    return parts.joined(separator: ",")
  }

  /// A table's configuration.
  static func table(_ options: TableOptions, in store: StoreOptions) -> String {
    let keyID = options.keyID ?? store.systemKeyID
    var parts = [
      "key_format=u", "value_format=u", "leaf_page_max=\(options.leafPageBytes)", "log=(enabled=\(options.logged))",
      // An encrypted page is authenticated by its tag, which finds more than a sum; WiredTiger still sums up the first
      // 64 bytes, in which its own headers stand in the clear. Its default leaves compressed plaintext without either.
      keyID == nil ? "checksum=on" : "checksum=off",
    ]
    if (options.compression ?? store.compression) == .snappy { parts.append("block_compressor=snappy") }
    if let keyID {
      parts.append("encryption=(name=\(encryptor),keyid=\"\(keyID)\")")
    }
    return parts.joined(separator: ",")
  }

  /// Refuses options that WiredTiger would refuse with a bare number, or take and misread.
  static func check(_ options: StoreOptions, doing: String) throws(StoreError) {
    func require(_ condition: Bool, _ detail: String) throws(StoreError) {
      if !condition { throw StoreError(.invalid, doing: doing, detail: detail) }
    }
    try require((1 << 20...10 << 40).contains(options.cacheBytes), "the cache must have 1 MiB to 10 TiB")
    try require((100 << 10...2 << 30).contains(options.logFileBytes), "a journal file must have 100 KiB to 2 GiB")
    try require((0...2 << 30).contains(options.checkpointLogBytes), "a checkpoint comes after at most 2 GiB of journal")
    try require(
      (0...100_000).contains(options.checkpointInterval.components.seconds), "the checkpoint interval is 0 to 100000 s")
    try require((16...20_000).contains(options.maxSessions), "there can be 16 to 20000 sessions")
    if let keyID = options.systemKeyID { try check(keyID: keyID, doing: doing) }
  }

  /// Refuses table options that do not fit the store.
  static func check(_ options: TableOptions, in store: StoreOptions, doing: String) throws(StoreError) {
    let pages = 4 << 10...512 << 10
    guard pages.contains(options.leafPageBytes), options.leafPageBytes % (4 << 10) == 0 else {
      throw StoreError(.invalid, doing: doing, detail: "leaf pages have 4 to 512 KiB, a multiple of 4 KiB")
    }
    guard let keyID = options.keyID else { return }
    try check(keyID: keyID, doing: doing)
    if store.systemKeyID == nil {
      throw StoreError(.invalid, doing: doing, detail: "a table of a store in plaintext cannot have a key")
    }
  }

  /// A key id stands quoted in configuration strings and in the manifest: printable ASCII without quote, backslash
  /// and space, 1 to 255 bytes.
  static func check(keyID: String, doing: String) throws(StoreError) {
    let isFine = keyID.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x22 && $0 != 0x5c }
    if keyID.isEmpty || keyID.utf8.count > 255 || !isFine {
      throw StoreError(
        .invalid, doing: doing, detail: "a key id has 1 to 255 printable ASCII characters without quotes")
    }
  }

  /// Longest table name, in bytes: with its suffix it must be a file name.
  static let maxTableName = 200

  /// A table's name is part of a file name and of a URI: lower-case letters, digits, underscore and hyphen.
  static func check(table: String, doing: String) throws(StoreError) {
    let isFine = table.utf8.allSatisfy {
      (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5f || $0 == 0x2d
    }
    if table.isEmpty || table.utf8.count > maxTableName || !isFine {
      throw StoreError(
        .invalid, doing: doing, detail: "a table name has 1 to \(maxTableName) characters out of a-z, 0-9, _ and -")
    }
  }

  /// WiredTiger's name of a table.
  static func uri(_ table: String) -> String { "table:" + table }

  /// The file of a table, relative to the store's folder.
  static func file(of table: String) -> String { table + ".wt" }
}
