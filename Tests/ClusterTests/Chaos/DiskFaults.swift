// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation

/// Disks that are slow, full or broken: a small library, built here, that agents load before libc. It works for any
/// user and on any file system; what it can't show is a kernel that lies.
struct DiskFaults: Sendable {
  enum Fault: Sendable {
    case slow(milliseconds: Int)
    case full
    case broken

    var text: String {
      switch self {
      case .slow(let milliseconds): "slow \(milliseconds)"
      case .full: "full"
      case .broken: "broken"
      }
    }
  }

  private let library: String

  /// Builds the library in a temporary folder, once for a run of the tests; throws if there is no compiler.
  init() async throws { library = try await Self.built.value }

  private static let built = Task {
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("disk_faults.c")
      .path
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("keyfold-disk-\(getpid())").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let library = folder + "/disk_faults.so"
    let output = folder + "/output"
    let status = try await blocking {
      try ChildProcess(
        "/usr/bin/env", ["clang", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-O1", "-o", library, source],
        environment: ProcessInfo.processInfo.environment, output: output
      ).wait()
    }
    guard status == 0 else {
      throw TestFailure("clang can't build \(source): \((try? String(contentsOfFile: output, encoding: .utf8)) ?? "")")
    }
    return library
  }

  /// What a node's environment has to say for its disk to be breakable.
  func environment(data: String) -> [String: String] {
    ["LD_PRELOAD": library, "KEYFOLD_DISK_ROOT": data, "KEYFOLD_DISK_FAULT": Self.control(data)]
  }

  static func set(_ fault: Fault?, on node: Daemon) throws {
    guard let fault else {
      // Faults may overlap: the first to end ends them all.
      if FileManager.default.fileExists(atPath: control(node.data)) {
        try FileManager.default.removeItem(atPath: control(node.data))
      }
      return
    }
    try Data(fault.text.utf8).write(to: URL(fileURLWithPath: control(node.data)), options: .atomic)
  }

  private static func control(_ data: String) -> String { data + ".disk" }
}
