// SPDX-License-Identifier: GPL-3.0-or-later
import AuditTrail
import ClusterModel
import CoordinatorCore
import Foundation
import GRDB
import Testing

@testable import StateStore

@Suite("A copy of the store")
struct CopyTests {
  private final class Folder {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("keyfold-copy-\(UUID().uuidString)").path
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }
    subscript(_ name: String) -> String { path + "/" + name }
  }

  private func entry(_ number: Int) -> RecordChange {
    .append(
      AuditEntry(
        at: OperatorTime(milliseconds: Int64(number)), by: .coordinator, action: "test", subject: "s\(number)",
        detail: "d"))
  }

  /// A store with a secret, two entries and an epoch, open as in a running coordinator.
  private func opened(_ path: String) throws -> StateStore {
    let store = try StateStore(folder: path)
    _ = try store.nextEpoch()
    try store.apply([entry(1), entry(2)], secrets: [.put(id: "kms/one/1", sealed: [1, 2, 3])])
    return store
  }

  private func code(_ body: () throws -> Void) -> StateStoreError.Code? {
    do { try body() } catch { return (error as? StateStoreError)?.code }
    return nil
  }

  @Test("is made while a coordinator has the store open, with all it has committed, for its owner alone")
  func live() throws {
    let folder = try Folder()
    let store = try opened(folder["data"])
    let content = try StateStore.copy(folder: folder["data"], to: folder["copy"])
    #expect(content.epoch == 1 && content.secrets == 1)
    #expect(try content.auditHead == store.auditHead())
    let attributes = try FileManager.default.attributesOfItem(atPath: folder["copy"])
    #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
    try store.apply([entry(3)])
    #expect(try StateStore.inspect(folder["copy"]) == content)
    #expect(code { _ = try StateStore.copy(folder: folder["data"], to: folder["copy"]) } == .storage)
  }

  @Test("never takes the place of a running coordinator's store")
  func running() throws {
    let folder = try Folder()
    let store = try opened(folder["data"])
    let content = try StateStore.copy(folder: folder["data"], to: folder["copy"])
    #expect(
      code { _ = try StateStore.restore(folder["copy"], to: folder["data"], replacing: true, forgettingSecrets: false) }
        == .locked)
    #expect(try store.auditHead() == content.auditHead)
  }

  @Test("brings back what it holds; the former store stays whole beside it")
  func replaces() throws {
    let folder = try Folder()
    var later = AuditHead.empty
    let content = try {
      let store = try opened(folder["data"])
      let content = try StateStore.copy(folder: folder["data"], to: folder["copy"])
      try store.apply([entry(3)])
      later = try store.auditHead()
      try store.close()
      return content
    }()
    #expect(
      code {
        _ = try StateStore.restore(folder["copy"], to: folder["data"], replacing: false, forgettingSecrets: false)
      }
        == .invalid)
    let outcome = try StateStore.restore(folder["copy"], to: folder["data"], replacing: true, forgettingSecrets: true)
    let former = try #require(outcome.former)
    #expect(try StateStore.inspect(former).auditHead == later)
    let store = try StateStore(folder: folder["data"])
    #expect(try store.auditHead() == content.auditHead)
    #expect(try store.secretIDs().isEmpty && outcome.content.secrets == 0)
    #expect(try store.nextEpoch().number == content.epoch + 1)
  }

  @Test("is refused if it is damaged, changed or nothing of ours, and then nothing has happened")
  func damaged() throws {
    let folder = try Folder()
    try opened(folder["data"]).close()
    _ = try StateStore.copy(folder: folder["data"], to: folder["copy"])
    let sound = try #require(FileManager.default.contents(atPath: folder["copy"]))
    var flipped = sound
    for index in flipped.indices where index % 16 == 15 { flipped[index] ^= 0xFF }
    let changed = folder["changed"]
    try sound.write(to: URL(fileURLWithPath: changed))
    let queue = try DatabaseQueue(path: changed)
    try queue.write { try $0.execute(sql: "UPDATE audit SET detail = 'other' WHERE sequence = 1") }
    try queue.close()
    for (name, bytes) in [
      ("flipped", flipped), ("cut", sound.prefix(sound.count / 2)), ("garbage", Data("no database".utf8)),
    ] { try bytes.write(to: URL(fileURLWithPath: folder[name])) }
    for name in ["flipped", "cut", "garbage", "changed", "missing"] {
      #expect(throws: StateStoreError.self, "\(name)") {
        _ = try StateStore.restore(folder[name], to: folder["fresh"], replacing: false, forgettingSecrets: false)
      }
      #expect(!FileManager.default.fileExists(atPath: folder["fresh/coordinator.sqlite"]), "\(name)")
    }
    #expect(code { _ = try StateStore.copy(folder: folder["nowhere"], to: folder["copy2"]) } != nil)
    #expect(!FileManager.default.fileExists(atPath: folder["copy2"]))
  }
}
