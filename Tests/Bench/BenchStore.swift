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
  private var loading: (session: Session, cursor: Cursor)?

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
    loading?.session.close()
    try? store.close()
    try? FileManager.default.removeItem(atPath: path)
  }

  /// Closes and opens the store, so that its cache is empty.
  func reopen() throws {
    try store.close()
    store = try Store.open(at: path, options: options, keys: keys)
  }

  /// Bulk-loads all rows, checkpoint included.
  func load(_ rows: Rows, count: Int) throws {
    try load(rows, 0..<count)
    try finishLoad()
  }

  /// Bulk-loads rows that come after those before.
  func load(_ rows: Rows, _ numbers: Range<Int>) throws {
    let loading = try self.loading ?? beginLoad()
    for row in numbers { try loading.cursor.insert(Rows.key(row), rows.value(row)) }
  }

  /// Inserts rows in transactions of 100.
  func insert(_ rows: Rows, _ numbers: Range<Int>) throws {
    let session = try store.openSession()
    defer { session.close() }
    for start in stride(from: numbers.lowerBound, to: numbers.upperBound, by: 100) {
      try session.withTransaction {
        for row in start..<min(start + 100, numbers.upperBound) {
          try session.put(Self.table, Rows.key(row), rows.value(row))
        }
      }
    }
  }

  /// Ends a load with a checkpoint.
  func finishLoad() throws {
    let session = try loading?.session ?? store.openSession()
    defer { session.close() }
    try loading.take()?.cursor.finish()
    try session.checkpoint()
  }

  private func beginLoad() throws -> (session: Session, cursor: Cursor) {
    let session = try store.openSession()
    let begun = (session, try session.openBulkCursor(Self.table))
    loading = begun
    return begun
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

  /// Copies the whole table into another store, checkpoint included.
  func copy(into other: BenchStore) throws {
    let source = try store.openSession()
    defer { source.close() }
    let target = try other.store.openSession()
    defer { target.close() }
    let cursor = try target.openBulkCursor(Self.table)
    try unsafe source.scan(Self.table) { key, value in
      try unsafe cursor.insert(key, value)
      return true
    }
    try cursor.finish()
    try target.checkpoint()
  }
}
