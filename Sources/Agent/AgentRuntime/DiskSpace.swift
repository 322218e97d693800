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
    var found = statvfs()
    guard unsafe statvfs(directory.root, &found) == 0 else { return nil }
    let unit = UInt64(found.f_frsize)
    return DiskReport(
      freeBytes: product(UInt64(found.f_bavail), unit), totalBytes: product(UInt64(found.f_blocks), unit),
      dataBytes: live.map { size(below: directory.storePath(of: $0)) } ?? 0)
  }

  private static func product(_ count: UInt64, _ unit: UInt64) -> UInt64 {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: unit)
    return overflow ? .max : bytes
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
