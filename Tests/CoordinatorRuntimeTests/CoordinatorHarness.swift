// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import CoordinatorCore
import DaemonRuntime
import Foundation
import KeyManagement
import Logging
import Messages
import Secrets
import Synchronization
import Testing
import Transport

@testable import CoordinatorRuntime

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// A clock that goes on by a millisecond whenever somebody looks: nothing is overdue because the machine is slow.
final class StepClock: Sendable {
  private let milliseconds = Atomic(Int64(Date().timeIntervalSince1970 * 1000))

  func now() -> Instant {
    Instant(milliseconds: milliseconds.wrappingAdd(1, ordering: .relaxed).newValue)
  }

  func pass(seconds: Int64) { milliseconds.wrappingAdd(seconds * 1000, ordering: .relaxed) }
}

/// A coordinator in this process, on a free port and in a folder of its own.
struct CoordinatorHarness: Sendable {
  let directory: String
  let kms: FakeKMS
  let ready: ReadyFile
  let clock: StepClock

  /// Runs `body` beside a coordinator; it ends with `body`.
  static func run(
    directory: String, kms: FakeKMS = FakeKMS(), _ body: @escaping @Sendable (CoordinatorHarness) async throws -> Void
  ) async throws {
    let clock = StepClock()
    let (announced, announce) = AsyncStream.makeStream(of: ReadyFile.self)
    let service = CoordinatorService(
      configuration: CoordinatorConfiguration(data: directory, listen: "127.0.0.1:0"), logger: quiet,
      makeKeyService: { (settings, secret) throws(KMSError) in
        FakeKey(kms: kms.service(secret: secret), settings: settings)
      },
      now: clock.now, onReady: { ready in announce.yield(ready) })
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        defer { announce.finish() }
        try await service.run()
      }
      group.addTask {
        var ready: ReadyFile?
        for await file in announced {
          ready = file
          break
        }
        guard let ready else { return }
        try await body(CoordinatorHarness(directory: directory, kms: kms, ready: ready, clock: clock))
      }
      defer { group.cancelAll() }
      // The body ends first, or the service throws.
      try await group.next()
      group.cancelAll()
      while let result = await group.nextResult() {
        if case .failure(let error) = result, !(error is CancellationError) { throw error }
      }
    }
  }

  /// Runs `body` beside a coordinator in a new folder, which is removed.
  static func run(_ body: @escaping @Sendable (CoordinatorHarness) async throws -> Void) async throws {
    try await withFolder { directory in try await run(directory: directory, body) }
  }

  /// A folder of the test's own, removed at its end.
  static func withFolder(_ body: (String) async throws -> Void) async throws {
    let folder = NSTemporaryDirectory() + "keyfold-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await body(folder + "/coordinator")
  }

  /// The first operator's connection.
  func admin() async throws -> OperatorClient {
    let file = try OperatorFile.read(directory + "/" + OperatorFile.name)
    return try await OperatorClient(
      coordinator: file.coordinator, key: file.coordinatorKey,
      identity: file.secretKey.withSecret { secret in try CurveIdentity(secretKeyText: secret) })
  }

  var address: String { "127.0.0.1:\(ready.ports["control"] ?? 0)" }
  var publicKey: String { ready.publicKey ?? "" }
}

/// An operator as the command line is one.
struct OperatorClient: Sendable {
  let link: MessageLink

  init(coordinator: String, key: String, identity: CurveIdentity) async throws {
    link = try MessageLink(
      endpoint: coordinator, serverKey: CurvePublicKey(key), identity: identity, logger: quiet, onEvent: { _ in })
    try link.start()
    do { try await link.connected(within: .seconds(300)) } catch {
      link.close()
      throw error
    }
  }

  func ask(_ command: OperatorCommand, secret: String = "") async throws -> OperatorAnswer {
    let payload = try OperatorPayload.encode(command) + Array(secret.utf8)
    let reply = try await link.callForWhole(
      Envelope(.operatorRequest(OperatorRequest(name: command.commandName))), payload: payload, within: .seconds(300))
    return try OperatorPayload.decodeAnswer(reply.payload)
  }

  /// Asks for something that has to be refused; answers why.
  func refused(_ command: OperatorCommand, secret: String = "") async throws -> OperatorFailure? {
    if case .failure(let failure) = try await ask(command, secret: secret) { failure } else { nil }
  }

  func plans() async throws -> [PlanView] {
    if case .plans(let plans) = try await ask(.listPlans(cluster: nil)) { plans } else { [] }
  }
}

/// An agent that says what a test tells it to and keeps what it hears.
struct FakeAgent: Sendable {
  let node: NodeName
  let identity: CurveIdentity
  let link: MessageLink
  let heard: AsyncStream<Envelope>
  let boot = BootID.random()

  init(_ name: String, of harness: CoordinatorHarness, identity: CurveIdentity) async throws {
    node = NodeName(checked: name)
    self.identity = identity
    let (heard, hear) = AsyncStream.makeStream(of: Envelope.self)
    self.heard = heard
    link = try MessageLink(
      endpoint: harness.address, serverKey: CurvePublicKey(harness.publicKey), identity: identity, logger: quiet,
      onEvent: { event in if case .message(let envelope, _) = event { hear.yield(envelope) } })
    try link.start()
    try await link.connected(within: .seconds(300))
  }

  func report(_ phase: NodePhase, _ change: (inout NodeReport) -> Void = { _ in }) -> NodeReport {
    var report = NodeReport(node: node, boot: boot, agentVersion: "test", phase: phase)
    report.replicationAddress = "127.0.0.1:7450"
    report.driverAddress = "127.0.0.1:27117"
    change(&report)
    return report
  }

  func say(_ body: MessageBody) throws { try link.send(Envelope(body, node: node)) }

  func hello(_ report: NodeReport, highestEpoch: Epoch? = nil) throws {
    try say(.hello(Hello(report: report, highestEpoch: highestEpoch)))
  }

  /// The next message that `pick` wants; the others are skipped.
  func next<Value: Sendable>(_ pick: (Envelope) -> Value?) async throws -> Value {
    for await envelope in heard { if let value = pick(envelope) { return value } }
    throw CancellationError()
  }
}
