// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Foundation
import Testing

@testable import Replication

@Suite("What a node leaves behind when it leaves") struct DestructionTests {
  @Test("is no keystore, not even a half-written one, also where another one can't be removed")
  func keystores() throws {
    let root = NSTemporaryDirectory() + "keyfold-leave-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: root) }
    let directory = GenerationDirectory(root: root)
    try directory.prepare()
    let generations = [GenerationID.random(), .random(), .random()].sorted()
    for id in generations { try directory.create(id) }
    let (stuck, whole, half) = (generations[0], generations[1], generations[2])
    let manager = FileManager.default
    // A folder in its place can't be unlinked.
    try manager.createDirectory(atPath: directory.keystorePath(of: stuck), withIntermediateDirectories: false)
    for path in [directory.keystorePath(of: whole), directory.keystorePath(of: half) + ".new"] {
      try Data("wrapped keys".utf8).write(to: URL(filePath: path))
    }
    #expect(throws: MemberError.self) { try directory.destroyEverything() }
    #expect(!manager.fileExists(atPath: directory.keystorePath(of: whole)))
    #expect(!manager.fileExists(atPath: directory.keystorePath(of: half) + ".new"))
    #expect(manager.fileExists(atPath: directory.path(of: whole)), "files go after the last key")
    try manager.removeItem(atPath: directory.keystorePath(of: stuck))
    try directory.destroyEverything()
    #expect(try manager.contentsOfDirectory(atPath: root + "/generations").isEmpty)
  }
}
