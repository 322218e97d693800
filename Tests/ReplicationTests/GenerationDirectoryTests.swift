// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Foundation
import Testing

@testable import Replication

@Suite("A data directory") struct GenerationDirectoryTests {
  private let folder: TemporaryFolder
  private let node: TestNode

  init() throws {
    folder = try TemporaryFolder()
    node = try TestNode(in: folder)
  }

  private func close(_ generation: OpenGeneration) throws -> GenerationID {
    try generation.close()
    return generation.id
  }

  private func writeCurrent(_ text: String) throws {
    try Data(text.utf8).write(to: URL(filePath: node.directory.root + "/" + GenerationDirectory.currentFile))
  }

  @Test("has no live generation at first, nor after a formation that was cut off")
  func empty() throws {
    #expect(try node.directory.current() == nil)
    let cutOff = try close(node.make(encrypted: false))
    #expect(try node.directory.current() == nil)
    #expect(try node.directory.superseded(by: nil) == [cutOff])
  }

  @Test("a lost CURRENT is damage once a generation has served; nothing is taken for superseded")
  func lost() throws {
    let id = try close(node.found(voters: [node.name], encrypted: true))
    #expect(try node.directory.current() == id)
    try FileManager.default.removeItem(atPath: node.directory.root + "/CURRENT")
    #expect(throws: MemberError.self) { try node.directory.current() }
  }

  @Test(
    "a CURRENT that names no generation is damage",
    arguments: [
      "", "\n", "garbage", "../../etc", "00000000-0000-4000-8000-000000000000\n", String(repeating: "x", count: 9_999),
    ])
  func garbage(text: String) throws {
    _ = try close(node.found(voters: [node.name], encrypted: false))
    try writeCurrent(text)
    #expect {
      try node.directory.current()
    } throws: {
      ($0 as? MemberError)?.code == .damaged
    }
  }

  @Test("destroys a superseded generation, keystore and all, and leaves the live one")
  func destroys() throws {
    let live = try close(node.found(voters: [node.name], encrypted: true))
    let old = try close(node.make(encrypted: true))
    #expect(try node.directory.superseded(by: live) == [old])
    try node.directory.destroy(old)
    try node.directory.destroy(old)
    #expect(try node.directory.superseded(by: live).isEmpty)
    let generation = try node.open()
    #expect(generation.id == live)
    try generation.close()
  }

  @Test("a generation whose files are gone does not open as an empty one")
  func missingFiles() throws {
    let id = try close(node.found(voters: [node.name], encrypted: true))
    let store = node.directory.storePath(of: id)
    for file in try FileManager.default.contentsOfDirectory(atPath: store) where file.hasSuffix(".wt") {
      try FileManager.default.removeItem(atPath: store + "/" + file)
      #expect {
        try node.open().close()
      } throws: {
        ($0 as? MemberError)?.code == .damaged
      }
    }
  }

  @Test("a new generation's folders are readable by their owner only")
  func permissions() throws {
    let id = try close(node.make(encrypted: true))
    for path in [node.directory.path(of: id), node.directory.storePath(of: id)] {
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
      #expect(mode == 0o700)
    }
  }
}
