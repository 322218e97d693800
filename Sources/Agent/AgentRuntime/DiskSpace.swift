// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import Foundation
internal import Glibc
internal import Replication

/// The room on the disk of a data directory.
enum DiskSpace {
  /// How often it is looked at; a generation has a file for each collection.
  static let interval = Duration.seconds(5)

  /// What there is now; nil if the system can't say.
  static func report(of directory: GenerationDirectory, live: GenerationID?) -> DiskReport? {
    guard let room = directory.room() else { return nil }
    return DiskReport(
      freeBytes: room.free, totalBytes: room.total,
      dataBytes: live.map { size(below: directory.storePath(of: $0)) } ?? 0)
  }

  private static func size(below folder: String) -> UInt64 {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.reduce(0) { sum, name in
      var found = stat()
      guard unsafe stat(folder + "/" + name, &found) == 0 else { return sum }
      return sum &+ UInt64(clamping: found.st_size)
    }
  }
}

extension AgentShell {
  /// Looks how much room there is.
  func measureDisk() async {
    let live = opened?.id ?? core.generation?.id
    disk = try? await workshop.run { [directory] in DiskSpace.report(of: directory, live: live) }
  }
}
