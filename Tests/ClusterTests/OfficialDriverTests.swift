// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Testing

/// pymongo, the official driver, in an environment of its own.
enum OfficialDriver {
  static let scripts = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Interop").path

  /// The environment's folder; nil if it can't be had here, which the script explains.
  static func environment() throws -> String? {
    let output = FileManager.default.temporaryDirectory.appendingPathComponent("venv-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: output) }
    let process = try ChildProcess(
      "\(scripts)/venv.sh", ["pymongo-tests", "pymongo==4.20.0", "pytest==9.2.0"],
      environment: ProcessInfo.processInfo.environment, output: output)
    guard process.wait() == 0 else { return nil }
    // What pip said may stand before it.
    return try String(contentsOfFile: output, encoding: .utf8).split(separator: "\n").last.map(String.init)
  }

  static func require() throws -> String {
    guard let folder = try environment() else { try Test.cancel("pymongo cannot be installed here") }
    return folder
  }
}

@Suite("The official driver", .serialized) struct OfficialDriverTests {
  @Test("passes its own tests, but those that are named as unsupported", .timeLimit(.minutes(12)))
  func specifications() async throws {
    let environment = try OfficialDriver.require()
    var options = ClusterOptions()
    options.environment["KEYFOLD_TEST_COMMANDS"] = "1"
    try await TestCluster.with(nodes: 3, options: options) { cluster in
      let port = try await cluster.driverPort(of: try await cluster.primary())
      let output = cluster.root + "/log/driver-specs.log"
      let process = try ChildProcess(
        "\(environment)/bin/python", ["\(OfficialDriver.scripts)/driver_specs.py", "\(port)", environment],
        environment: ProcessInfo.processInfo.environment, output: output)
      let status = process.wait()
      if status == 3 { try Test.cancel("pymongo's source distribution cannot be fetched here") }
      let said = try String(contentsOfFile: output, encoding: .utf8)
      #expect(status == 0, "\(said.suffix(20_000))")
    }
  }

  @Test("goes on through kills, hand-overs and an initial sync without a write lost or applied twice")
  func failover() async throws {
    let environment = try OfficialDriver.require()
    try await TestCluster.with(nodes: 3) { cluster in
      let writer = try await FailoverWriter(environment, cluster)
      for _ in 0..<2 {
        let victim = try await cluster.primary()
        victim.kill9()
        let replacement = try await cluster.primary()
        #expect(replacement.name != victim.name)
        try await writer.progress()
        try await victim.start()
        try await writer.progress()
      }
      for _ in 0..<3 {
        let old = try await cluster.primary()
        _ = try await eventually("a hand-over begins") { () -> Bool? in
          (try? cluster.operate("cluster", "stepdown", TestCluster.name)) != nil ? true : nil
        }
        _ = try await eventually("another primary") { () -> Bool? in
          try await cluster.primary().name != old.name ? true : nil
        }
        try await writer.progress()
      }
      // Every node is copied into a new generation, and the sessions' records with it.
      try cluster.encrypt()
      try await writer.progress()
      try await writer.finish()
    }
  }
}

/// `driver_failover.py` at work.
private final class FailoverWriter {
  private let process: ChildProcess
  private let output: String
  private let stopFile: String

  init(_ environment: String, _ cluster: TestCluster) async throws {
    output = cluster.root + "/log/driver-failover.log"
    stopFile = cluster.root + "/driver-failover.stop"
    var ports: [String] = []
    for node in cluster.nodes { ports.append("\(try await cluster.driverPort(of: node))") }
    process = try ChildProcess(
      "\(environment)/bin/python", ["\(OfficialDriver.scripts)/driver_failover.py", stopFile] + ports,
      environment: ProcessInfo.processInfo.environment, output: output)
    try await progress()
  }

  deinit { kill(process.pid, SIGKILL) }

  private var said: String { (try? String(contentsOfFile: output, encoding: .utf8)) ?? "" }

  private var count: Int? {
    said.split(separator: "\n").last { $0.hasPrefix("writing ") }.flatMap { Int($0.dropFirst(8)) }
  }

  /// Waits until a few more writes were acknowledged.
  func progress(by more: Int = 30) async throws {
    let start = count ?? 0
    _ = try await eventually("the driver goes on writing, see \(output)") { () -> Bool? in
      guard process.isRunning else { throw TestFailure("the driver stopped: \(said.suffix(2_000))") }
      return (count ?? 0) >= start + more ? true : nil
    }
  }

  /// Stops writing and lets every node be compared.
  func finish() async throws {
    #expect(FileManager.default.createFile(atPath: stopFile, contents: nil))
    _ = try await eventually(within: .seconds(120), "the driver ends") { process.isRunning ? nil : true }
    #expect(process.wait() == 0, "\(said.suffix(4_000))")
    #expect(said.hasSuffix("ok\n"))
  }
}
