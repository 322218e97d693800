// SPDX-License-Identifier: GPL-3.0-or-later
import EncryptedStore
import Foundation
import Sealing
import Secrets

/// One key for all ids.
struct BenchKeys: PageKeySource {
  let cipher: PageCipher

  init() throws { cipher = try PageCipher(key: SecretBytes.random(count: PageCipher.keyBytes)) }

  func pageCipher(forKeyID keyID: String) -> PageCipher? { cipher }
}

/// A store of one table in a temporary folder, removed with its owner.
final class BenchStore {
  static let table = "rows"
  private let path: String
  private let options: StoreOptions
  private let keys: BenchKeys
  private(set) var store: Store

  init(encrypted: Bool, cacheBytes: Int, compression: Compression, leafKiB: Int = 8, in folder: String) throws {
    path = folder + "/keyfold-bench-" + UUID().uuidString
    keys = try BenchKeys()
    options = StoreOptions(
      cacheBytes: cacheBytes, compression: compression, systemKeyID: encrypted ? "system" : nil,
      checkpointInterval: .zero)
    store = try Store.create(at: path, options: options, keys: keys)
    let session = try store.openSession()
    defer { session.close() }
    try session.createTable(
      Self.table, TableOptions(keyID: encrypted ? "db" : nil, logged: false, leafPageBytes: leafKiB << 10))
  }

  deinit {
    try? store.close()
    try? FileManager.default.removeItem(atPath: path)
  }

  /// Closes and opens the store, so that its cache is empty.
  func reopen() throws {
    try store.close()
    store = try Store.open(at: path, options: options, keys: keys)
  }

  /// Bulk-loads rows, checkpoint included.
  func load(_ rows: Rows, count: Int) throws {
    let session = try store.openSession()
    defer { session.close() }
    let cursor = try session.openBulkCursor(Self.table)
    for row in 0..<count { try cursor.insert(Rows.key(row), rows.value(row)) }
    try cursor.finish()
    try session.checkpoint()
  }

  /// Reads rows at random, others at each turn.
  func read(_ reads: Int, of count: Int, turn: Int) throws {
    let session = try store.openSession()
    defer { session.close() }
    var numbers = RowNumbers(turn)
    for _ in 0..<reads {
      guard try session.get(Self.table, Rows.key(numbers.next(below: count)))?.count == Rows.valueBytes else {
        throw CocoaError(.fileReadCorruptFile)
      }
    }
  }

  /// Copies the whole table into another store, checkpoint included; returns the bytes copied.
  func copy(into other: BenchStore) throws -> Int {
    let source = try store.openSession()
    defer { source.close() }
    let target = try other.store.openSession()
    defer { target.close() }
    let cursor = try target.openBulkCursor(Self.table)
    var bytes = 0
    try unsafe source.scan(Self.table) { key, value in
      try unsafe cursor.insert(key, value)
      bytes += key.count + value.count
      return true
    }
    try cursor.finish()
    try target.checkpoint()
    return bytes
  }
}
