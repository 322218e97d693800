// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Foundation
import Logging
import Replication
import Testing

@testable import AgentRuntime

@Suite("Superseded generations that are left")
struct LeftoversTests {
  private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  private let directory = GenerationDirectory(
    root: FileManager.default.temporaryDirectory.appendingPathComponent("keyfold-\(UUID().uuidString)").path)

  @Test("are counted on the disk; a folder that can't be listed counts as one at least, and stays to be listed")
  func unlisted() throws {
    defer { try? FileManager.default.removeItem(atPath: directory.root) }
    try directory.prepare()
    let (live, old) = (GenerationID.random(), GenerationID.random())
    for id in [live, old] { try directory.create(id) }
    var leftovers = Leftovers()
    #expect(leftovers.count(in: directory, beside: live) == 1)
    #expect(leftovers.count(in: directory, beside: nil) == 2)

    // A file where the folder was, as a disk that fails: also root can't list it.
    let (folder, aside) = (directory.root + "/generations", directory.root + "/aside")
    try FileManager.default.moveItem(atPath: folder, toPath: aside)
    try Data().write(to: URL(fileURLWithPath: folder))
    #expect(leftovers.count(in: directory, beside: live) == 1)
    leftovers.note(in: directory, beside: live, logger: logger)
    #expect(leftovers.isListingOwed && leftovers.ids.isEmpty)

    try FileManager.default.removeItem(atPath: folder)
    try FileManager.default.moveItem(atPath: aside, toPath: folder)
    leftovers.note(in: directory, beside: live, except: old, logger: logger)
    #expect(leftovers.ids.isEmpty, "a copy that may go on is not destroyed")
    leftovers.note(in: directory, beside: live, logger: logger)
    #expect(!leftovers.isListingOwed && leftovers.ids == [old])
    try directory.destroy(old)
    #expect(leftovers.count(in: directory, beside: live) == 0)
  }
}
