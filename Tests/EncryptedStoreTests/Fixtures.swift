// SPDX-License-Identifier: GPL-3.0-or-later
import EncryptedStore
import Foundation
import Sealing
import Secrets
import Synchronization

/// A folder that is removed with its owner.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.path + "/keyfold-store-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func callAsFunction(_ name: String) -> String { path + "/" + name }

  /// Copies a store's folder as a crash would leave it.
  func crashImage(of store: String, as copy: String) throws {
    try FileManager.default.copyItem(atPath: self(store), toPath: self(copy))
  }

  /// Inverts one byte.
  func flip(_ file: String, at offset: Int) throws {
    var bytes = try Data(contentsOf: URL(filePath: self(file)))
    bytes[offset] ^= 0xff
    try bytes.write(to: URL(filePath: self(file)))
  }

  func size(of file: String) throws -> Int { try Data(contentsOf: URL(filePath: self(file))).count }

  func truncate(_ file: String, to size: Int) throws {
    let handle = try FileHandle(forWritingTo: URL(filePath: self(file)))
    try handle.truncate(atOffset: UInt64(size))
    try handle.close()
  }

  /// The files of a store that contain a piece of text.
  func files(in store: String, containing marker: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: self(store)).filter {
      try Data(contentsOf: URL(filePath: self("\(store)/\($0)"))).range(of: Data(marker.utf8)) != nil
    }
  }
}

/// Keys made up on demand of a test.
final class TestKeys: PageKeySource {
  private let ciphers = Mutex<[String: PageCipher]>([:])

  init(_ names: String...) throws { for name in names { try add(name) } }

  /// One key that another process can make as well.
  init(fixed name: String) throws {
    let cipher = try PageCipher(key: SecretBytes(copying: [UInt8](repeating: 0x42, count: 32)))
    ciphers.withLock { $0[name] = cipher }
  }

  /// Gives a name a new random key.
  func add(_ name: String) throws {
    let cipher = try PageCipher(key: SecretBytes.random(count: 32))
    ciphers.withLock { $0[name] = cipher }
  }

  /// The same keys without some.
  func without(_ names: String...) throws -> TestKeys {
    let rest = try TestKeys()
    let kept = ciphers.withLock { $0.filter { !names.contains($0.key) } }
    rest.ciphers.withLock { $0 = kept }
    return rest
  }

  func pageCipher(forKeyID keyID: String) -> PageCipher? { ciphers.withLock { $0[keyID] } }
}

/// What a store told its owner.
final class Heard: Sendable {
  private let state = Mutex<(damages: [StoreDamage], messages: [String])>(([], []))

  var damages: [StoreDamage] { state.withLock { $0.damages } }
  var messages: [String] { state.withLock { $0.messages } }

  var events: StoreEvents {
    StoreEvents(
      damage: { damage in self.state.withLock { $0.damages.append(damage) } },
      message: { message in self.state.withLock { $0.messages.append(message) } })
  }
}

extension StoreOptions {
  /// Small, and without checkpoints of its own, so that tests decide what is on disk.
  static func test(_ systemKeyID: String? = nil, compression: Compression = .none) -> StoreOptions {
    StoreOptions(
      cacheBytes: 16 << 20, compression: compression, systemKeyID: systemKeyID, checkpointInterval: .zero,
      logFileBytes: 1 << 20)
  }
}

extension Store {
  func withSession<Result>(_ body: (Session) throws -> Result) throws -> Result {
    let session = try openSession()
    defer { session.close() }
    return try body(session)
  }
}

extension Session {
  func fill(_ table: String, rows: Range<Int>, size: Int = 200, marker: String = "") throws {
    for row in rows { try put(table, Self.key(row), Self.value(row, size: size, marker: marker)) }
  }

  func count(_ table: String) throws -> Int {
    var count = 0
    try unsafe scan(table) { _, _ in
      count += 1
      return true
    }
    return count
  }

  static func key(_ row: Int) -> [UInt8] { Array(String(format: "%08d", row).utf8) }

  /// A value that is its own proof: pseudo-random bytes of the row, and the marker.
  static func value(_ row: Int, size: Int = 200, marker: String = "") -> [UInt8] {
    var state = UInt64(row) &* 0x9e37_79b9_7f4a_7c15 | 1
    var value = Array(marker.utf8)
    while value.count < size {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      value.append(UInt8(truncatingIfNeeded: state >> 56))
    }
    return value
  }
}

/// The store error that `body` throws; nil if it throws none.
func failure(_ body: () throws -> Void) -> StoreError? {
  do {
    try body()
    return nil
  } catch { return error as? StoreError }
}
