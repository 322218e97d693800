// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import DaemonRuntime
import FleetPeers
import Foundation
import Logging
import Messages
import Secrets
import Transport

/// A coordinator in a process of its own, and its first operator.
struct CoordinatorProcess {
  private static let project = ProjectName(checked: "shop")
  private let process: Process
  private let link: MessageLink
  let address: String
  let publicKey: String

  static func start(program: String, data: String) async throws -> CoordinatorProcess {
    let settings = data + ".json"
    try Data(#"{"metrics":{"port":0}}"#.utf8).write(to: URL(fileURLWithPath: settings))
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = ["--config", settings, "--data", data, "--listen", "127.0.0.1:0"]
    let log = data + ".log"
    _ = FileManager.default.createFile(atPath: log, contents: nil)
    process.standardOutput = FileHandle(forWritingAtPath: log)
    process.standardError = FileHandle(forWritingAtPath: log)
    do { try process.run() } catch { throw BenchFailure("\(program) can't be started: \(error)") }
    do {
      let ready = try await ready(in: data, of: process, log: log)
      let file = try OperatorFile.read(data + "/" + OperatorFile.name)
      let link = try MessageLink(
        endpoint: file.coordinator, serverKey: CurvePublicKey(file.coordinatorKey),
        identity: file.secretKey.withSecret { try CurveIdentity(secretKeyText: $0) },
        logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }, onEvent: { _ in })
      try link.start()
      try await link.connected(within: .seconds(30))
      return CoordinatorProcess(
        process: process, link: link, address: "127.0.0.1:\(ready.ports["control"] ?? 0)",
        publicKey: ready.publicKey ?? "")
    } catch {
      process.terminate()
      throw error
    }
  }

  private static func ready(in data: String, of process: Process, log: String) async throws -> ReadyFile {
    let path = data + "/" + ReadyFile.name
    while process.isRunning {
      if let bytes = FileManager.default.contents(atPath: path),
        let file = try? JSONDecoder().decode(ReadyFile.self, from: bytes), file.pid == process.processIdentifier
      {
        return file
      }
      // tidy:allow sleep a process starts, and tells by its file
      try await Task.sleep(for: .milliseconds(20))
    }
    let words = FileManager.default.contents(atPath: log).map { String(decoding: $0, as: UTF8.self) } ?? ""
    throw BenchFailure("the coordinator ended: \(words)")
  }

  func stop() {
    link.close()
    process.terminate()
    process.waitUntilExit()
  }

  func cost() throws -> ProcessCost { try ProcessCost(pid: process.processIdentifier) }

  // MARK: Orders

  func ask(_ command: OperatorCommand) async throws -> OperatorAnswer {
    let reply = try await link.callForWhole(
      Envelope(.operatorRequest(OperatorRequest(name: command.commandName))),
      payload: OperatorPayload.encode(command), within: .seconds(60))
    let answer = try OperatorPayload.decodeAnswer(reply.payload)
    if case .failure(let failure) = answer { throw BenchFailure("\(failure)") }
    return answer
  }

  func enroll(_ fleet: FleetPeers) async throws {
    _ = try await ask(.createProject(name: Self.project, owners: []))
    for number in 0..<fleet.count {
      _ = try await ask(
        .enrollNode(
          name: FleetShape.node(number), cluster: FleetShape.cluster(number), publicKey: fleet.publicKey(number)))
    }
    for number in stride(from: 0, to: fleet.count, by: FleetShape.nodesPerCluster) {
      _ = try await ask(.createCluster(name: FleetShape.cluster(number), project: Self.project, nodes: []))
    }
  }

  func restartAll(nodes: Int) async throws {
    for number in stride(from: 0, to: nodes, by: FleetShape.nodesPerCluster) {
      _ = try await ask(.restartCluster(name: FleetShape.cluster(number)))
    }
  }

  /// Waits until no plan is open.
  func settle() async throws {
    while true {
      guard case .plans(let plans) = try await ask(.listPlans(cluster: nil)) else { return }
      if !plans.contains(where: { $0.finishedAt == nil }) { return }
      // tidy:allow sleep plans are asked for, not told
      try await Task.sleep(for: .milliseconds(250))
    }
  }

  /// Makes a new IP list; answers after how long the last agent had it, and the coordinator the word of all.
  func renewList(_ round: Int, held fleet: FleetPeers) async throws -> (received: Duration, acknowledged: Duration) {
    let start = ContinuousClock.now
    guard
      case .accessList(let made) = try await ask(
        .addAccess(project: Self.project, range: "198.51.100.\(round)", comment: "", hours: nil, anywhere: false))
    else { throw BenchFailure("no access list came back") }
    guard await fleet.wait(within: .seconds(120), until: { $0.lowestList >= made.version }) else {
      throw BenchFailure("list \(made.version) is not held by all: \(fleet.sight)")
    }
    let received = ContinuousClock.now - start
    while true {
      guard case .accessList(let view) = try await ask(.listAccess(project: Self.project)) else { break }
      if view.nodesUpToDate >= fleet.count { break }
      // tidy:allow sleep the coordinator is asked, it does not tell
      try await Task.sleep(for: .milliseconds(10))
    }
    return (received, ContinuousClock.now - start)
  }
}
