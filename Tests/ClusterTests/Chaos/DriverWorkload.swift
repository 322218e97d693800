// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation

/// Writers that go through MongoDB's own Python driver, in a process of their own, and the checker that reads back.
struct DriverWorkload: Sendable {
  private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("chaos_workload.py").path
  private static let packages = ["pymongo==4.15.5"]

  private let python: String
  private let cluster: TestCluster
  private let history: String
  private let log: String

  /// Says clearly, by throwing, if the driver can't be had here: without it nothing is tested.
  init(_ cluster: TestCluster) async throws {
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Interop/venv.sh").path
    let output = cluster.root + "/venv"
    let status = try await blocking {
      try ChildProcess(
        script, ["chaos"] + Self.packages, environment: ProcessInfo.processInfo.environment, output: output
      ).wait()
    }
    let said = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
    guard status == 0, let folder = said.split(separator: "\n").last else {
      throw TestFailure("MongoDB's driver can't be had here: \(said)")
    }
    python = folder + "/bin/python"
    self.cluster = cluster
    history = cluster.root + "/log/history.jsonl"
    log = cluster.root + "/log/workload.log"
  }

  /// Starts to write; `stop` ends it.
  func start(seed: UInt64) async throws -> ChildProcess {
    let members = try await members().joined(separator: ",")
    return try ChildProcess(
      python, [Self.script, "run", "mongodb://\(members)/?replicaSet=\(TestCluster.name)", history, "\(seed)"],
      environment: ProcessInfo.processInfo.environment, output: log)
  }

  /// How many operations were acknowledged so far.
  var acknowledged: Int {
    let lines = (try? String(contentsOfFile: history, encoding: .utf8)) ?? ""
    return lines.split(separator: "\n").count { $0.contains("\"outcome\": \"ok\"") }
  }

  /// Lets every writer finish what it is doing; throws if it has ended by itself, or does not end.
  func stop(_ process: ChildProcess) async throws {
    guard process.isRunning else { throw TestFailure("the writers ended by themselves, see \(log):\n\(tail)") }
    kill(process.pid, SIGTERM)
    _ = try await eventually("the writers end") { process.isRunning ? nil : true }
    guard process.wait() == 0 else { throw TestFailure("the writers failed, see \(log):\n\(tail)") }
  }

  /// Reads every member until all agree, and checks what is there against what was acknowledged.
  func check(within limit: Duration) async throws -> (passed: Bool, report: String) {
    let output = cluster.root + "/log/check.log"
    let arguments = [Self.script, "check", history, "\(limit.components.seconds)"] + (try await members())
    let status = try await blocking { [python] in
      try ChildProcess(python, arguments, environment: ProcessInfo.processInfo.environment, output: output).wait()
    }
    return (status == 0, (try? String(contentsOfFile: output, encoding: .utf8)) ?? "")
  }

  private var tail: String {
    let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").suffix(20).joined(separator: "\n")
  }

  private func members() async throws -> [String] {
    cluster.nodes.map { "127.0.0.1:\(cluster.configuredPort(of: $0))" }
  }
}
