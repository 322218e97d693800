// SPDX-License-Identifier: GPL-3.0-or-later
import EncryptedStore
import Foundation
import Testing

@Suite("A durable file is old or new, never between")
struct DurableFileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("replaces contents and permissions, and leaves nothing beside")
  func replace() throws {
    for bytes in [[1, 2, 3], [], [UInt8](repeating: 7, count: 300_000)] as [[UInt8]] {
      try DurableFile.replace(folder("f"), with: bytes)
      #expect(try DurableFile.read(folder("f")) == bytes)
    }
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: folder("f"))
    try DurableFile.replace(folder("f"), with: [4])
    let mode = try FileManager.default.attributesOfItem(atPath: folder("f"))[.posixPermissions] as? Int
    #expect(mode == 0o600)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["f"])
  }

  @Test("overwrites what an interrupted replacement left, but follows no link")
  func leftovers() throws {
    try Data("torn".utf8).write(to: URL(filePath: folder("f.new")))
    try DurableFile.replace(folder("f"), with: [1])
    #expect(try DurableFile.read(folder("f")) == [1])
    try FileManager.default.createSymbolicLink(atPath: folder("f.new"), withDestinationPath: folder("victim"))
    try DurableFile.replace(folder("f"), with: [2])
    #expect(!FileManager.default.fileExists(atPath: folder("victim")))
    #expect(try DurableFile.read(folder("f")) == [2])
    // A folder in the place of what is written beside can't be removed: nothing changes.
    try FileManager.default.createDirectory(atPath: folder("f.new"), withIntermediateDirectories: false)
    #expect(throws: StoreError.self) { try DurableFile.replace(folder("f"), with: [3]) }
    #expect(try DurableFile.read(folder("f")) == [2])
  }

  @Test("says what is wrong with a path")
  func errors() throws {
    #expect(failure { try DurableFile.replace(folder("no/f"), with: [1]) }?.code == .missingFile)
    #expect(failure { _ = try DurableFile.read(folder("none")) }?.code == .missingFile)
    #expect(failure { try DurableFile.syncDirectory(folder("none")) }?.code == .missingFile)
    try DurableFile.replace(folder("f"), with: [1, 2, 3])
    #expect(failure { _ = try DurableFile.read(folder("f"), limit: 2) }?.code == .damaged)
    #expect(failure { try DurableFile.syncDirectory(folder("f")) }?.code == .io)
  }
}
