// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import CoordinatorCore
import Foundation
import Testing

@testable import StateStore

@Suite("The store keeps what was committed, for one coordinator at a time")
struct StateStoreTests {
  /// A folder of its own for one test.
  private final class Folder {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("keyfold-store-\(UUID().uuidString)").path
    var database: String { path + "/coordinator.sqlite" }
    deinit { try? FileManager.default.removeItem(atPath: path) }
  }

  private func project(_ name: String, owners: [String] = []) throws -> StateRecord {
    var core = try CoordinatorCore(
      restored: [], epoch: Epoch(number: 1, incarnation: 1), identifiers: IdentifierSource(high: 1, low: 1),
      now: Instant(milliseconds: 5))
    let decision = try core.createProject(ProjectName(checked: name), owners: owners, now: Instant(milliseconds: 5))
    return .project(decision.value)
  }

  private func code(_ body: () throws -> Void) -> StateStoreError.Code? {
    do { try body() } catch { return (error as? StateStoreError)?.code }
    return nil
  }

  private func mode(_ path: String) throws -> Int? {
    (try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber)?.intValue
  }

  @Test("reads back what was written, replaced and removed, also by the next process")
  func roundTrip() throws {
    let folder = Folder()
    let (one, two) = (try project("one"), try project("two"))
    let changed = try project("one", owners: ["a@example.org"])
    do {
      let store = try StateStore(folder: folder.path)
      try store.apply([.put(one), .put(two)], secrets: [.put(id: "kms/one/1", sealed: [1, 2, 3])])
      try store.apply([.put(changed), .remove(two.key), .remove(RecordKey(kind: .plan, id: "none"))])
      try store.close()
    }
    let store = try StateStore(folder: folder.path)
    #expect(try store.records() == [changed])
    #expect(try store.secret("kms/one/1") == [1, 2, 3])
    #expect(try store.secret("other") == nil)
    try store.apply([], secrets: [.remove(id: "kms/one/1")])
    #expect(try store.secretIDs().isEmpty)
  }

  @Test("writes all of a transaction or nothing of it")
  func atomicity() throws {
    let folder = Folder()
    let store = try StateStore(folder: folder.path)
    let huge = [UInt8](repeating: 0, count: StateStore.maximumSecretLength + 1)
    #expect(code { try store.apply([.put(try project("one"))], secrets: [.put(id: "big", sealed: huge)]) } == .invalid)
    #expect(try store.records().isEmpty)
  }

  @Test("is closed to others, in WAL mode with full synchronisation")
  func settings() throws {
    let folder = Folder()
    let store = try StateStore(folder: folder.path)
    try store.apply([.put(try project("one"))])
    #expect(try mode(folder.path) == 0o700)
    for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
      #expect(try mode(folder.path + "/" + file) == 0o600, "\(file) is open to others")
    }
    #expect(try store.setting("journal_mode") == "wal")
    #expect(try store.setting("synchronous") == "2")
  }

  @Test("draws a higher epoch each time, also after a restart")
  func epochs() throws {
    let folder = Folder()
    do {
      let store = try StateStore(folder: folder.path)
      #expect(try store.nextEpoch(incarnation: 7) == Epoch(number: 1, incarnation: 7))
      #expect(try store.nextEpoch().number == 2)
    }
    #expect(try StateStore(folder: folder.path).nextEpoch().number == 3)
  }

  @Test("opens for one coordinator only, and for the next once it is gone")
  func lock() throws {
    let folder = Folder()
    do {
      let store = try StateStore(folder: folder.path)
      #expect(code { _ = try StateStore(folder: folder.path) } == .locked)
      #expect(try store.records().isEmpty)
    }
    #expect(code { _ = try StateStore(folder: folder.path) } == nil)
  }

  @Test("refuses calls after it was closed")
  func closed() throws {
    let folder = Folder()
    let store = try StateStore(folder: folder.path)
    try store.close()
    #expect(code { _ = try store.records() } == .closed)
    #expect(code { try store.apply([.put(try project("one"))]) } == .closed)
  }

  @Test("names the file that is damaged, foreign or newer, and changes nothing in it")
  func damage() throws {
    let folder = Folder()
    do {
      let store = try StateStore(folder: folder.path)
      try store.apply(try (0..<200).map { .put(try project("project-\($0)")) })
      try store.close()
    }
    let good = try Data(contentsOf: URL(fileURLWithPath: folder.database))
    func attempt(_ bytes: Data) throws -> StateStoreError.Code? {
      try bytes.write(to: URL(fileURLWithPath: folder.database))
      for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: folder.database + suffix) }
      do {
        let store = try StateStore(folder: folder.path)
        _ = try store.records()
        return nil
      } catch {
        #expect(error.description.contains("coordinator.sqlite"))
        return error.code
      }
    }
    #expect(try attempt(good) == nil)
    #expect(try attempt(Data(repeating: 0x41, count: 8192)) == .damaged)
    #expect(try attempt(good.prefix(good.count / 2)) == .damaged)
    for offset in stride(from: 4096, to: good.count, by: 4096) {
      var bad = good
      bad.replaceSubrange(
        offset..<min(offset + 200, good.count), with: Data(repeating: 0xEE, count: min(200, good.count - offset)))
      #expect(try attempt(bad) == .damaged, "page at \(offset)")
    }
    var foreign = good
    foreign.replaceSubrange(68..<72, with: [0, 0, 0, 1])  // application_id
    #expect(try attempt(foreign) == .foreign)
    var newer = good
    newer.replaceSubrange(60..<64, with: [0, 0, 0, 99])  // user_version
    #expect(try attempt(newer) == .newerSchema)
    #expect(try attempt(good) == nil)
  }

  @Test("says what is wrong with a folder that can't be made or is a file")
  func folders() throws {
    let folder = Folder()
    #expect(code { _ = try StateStore(folder: folder.path + "/missing/deeper") } == .storage)
    try Data().write(to: URL(fileURLWithPath: folder.path))
    #expect(code { _ = try StateStore(folder: folder.path) } == .storage)
  }
}
