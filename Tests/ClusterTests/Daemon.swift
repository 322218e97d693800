// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Synchronization

/// Where the executables under test are: beside the build of these tests, or where `KEYFOLD_BIN` says.
enum Executables {
  static let folder: String = {
    if let folder = ProcessInfo.processInfo.environment["KEYFOLD_BIN"] { return folder }
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return root.appendingPathComponent(".build/debug").path
  }()

  static func path(_ name: String) -> String { folder + "/" + name }

  /// This process's environment; a crash says so in one line instead of searching for symbols.
  static let environment = ProcessInfo.processInfo.environment.merging(
    ["SWIFT_BACKTRACE": "enable=no,registers=none"]
  ) { $1 }
}

/// What a test waited for did not happen.
struct TestFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// Looks again and again until `condition` gives a value; a real cluster has no event a test could wait for instead.
func eventually<Value>(
  within limit: Duration = .seconds(180), _ what: String, _ condition: () async throws -> Value?
) async throws -> Value {
  let deadline = ContinuousClock.now + limit
  while ContinuousClock.now < deadline {
    if let value = try await condition() { return value }
    // tidy:allow sleep a pause between looks at real processes; the condition decides, not the time
    try await Task.sleep(for: .milliseconds(50))
  }
  throw TestFailure("not within \(limit): \(what)")
}

/// One real process, started, killed and started again.
final class Daemon: Sendable {
  let name: String
  let data: String
  let log: String
  private let arguments: [String]
  private let environment: [String: String]
  private let process = Mutex<ChildProcess?>(nil)

  init(
    _ name: String, executable arguments: [String], data: String, log: String, environment: [String: String] = [:]
  ) {
    self.name = name
    self.arguments = arguments
    self.data = data
    self.log = log
    self.environment = environment
  }

  var pid: Int32? { process.withLock { $0?.pid } }
  var isRunning: Bool { process.withLock { $0?.isRunning ?? false } }

  /// Starts the process and waits until it says that it serves.
  func start(with settings: [String: String] = [:]) async throws {
    try launch(with: settings)
    _ = try await ready()
  }

  /// Starts the process, with further settings in its environment, and waits for nothing.
  func launch(with settings: [String: String] = [:]) throws {
    try? FileManager.default.removeItem(atPath: data + "/ready.json")
    let started = try ChildProcess(
      Executables.path(arguments[0]), Array(arguments.dropFirst()),
      environment: Executables.environment.merging(environment) { $1 }.merging(settings) { $1 }, output: log)
    process.withLock { $0 = started }
  }

  /// The ports of `ready.json`, once it is there and of this process.
  func ready() async throws -> [String: Int] {
    try await eventually(within: .seconds(120), "\(name) is ready, see \(log)") {
      guard let contents = FileManager.default.contents(atPath: data + "/ready.json"),
        let object = try? JSONSerialization.jsonObject(with: contents) as? [String: Any],
        let ports = object["ports"] as? [String: Int], object["pid"] as? Int == pid.map(Int.init)
      else {
        guard isRunning else { throw TestFailure("\(name) ended while starting, see \(log)") }
        return nil
      }
      return ports
    }
  }

  func send(_ signal: Int32) { if let pid, isRunning { kill(pid, signal) } }

  /// Ends the process at once, as a power failure would, and waits until it is gone.
  func kill9() {
    send(SIGKILL)
    waitForEnd()
  }

  /// Ends the process cleanly; answers its exit status.
  @discardableResult
  func stop() -> Int32 {
    send(SIGTERM)
    return waitForEnd()
  }

  @discardableResult
  func waitForEnd() -> Int32 { process.withLock { $0 }?.wait(within: .seconds(90)) ?? 0 }

  var logText: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }
}
