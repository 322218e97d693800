// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import Foundation
import KeyManagement
import LocalKMS
import Logging
import Secrets
import Synchronization

/// A clock that a test sets.
final class TestClock: Sendable {
  private let offset = Mutex<Int64>(0)

  /// The clock as the code under test sees it.
  var wallClock: WallClock { WallClock { WallClock.system.nowMilliseconds() + self.offset.withLock { $0 } } }

  /// Moves the clock away from the machine's.
  func set(offsetSeconds: Int64) { offset.withLock { $0 = offsetSeconds * 1000 } }
}

/// A folder that goes with the test.
struct TestFolder: ~Copyable {
  let path = FileManager.default.temporaryDirectory.appendingPathComponent("local-kms-\(UUID().uuidString)").path

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A local KMS that serves in this process, with what its clients need.
struct RunningKMS: Sendable {
  let directory: String
  let ready: LocalKMSReady
  let authorityPEM: String
  let credentials: LocalKMSCredentials
  let factory: KeyManagementFactory
  let clientClock: TestClock
  let admin: LocalKMSOperator

  /// Settings of a key of this server.
  func settings(_ keyID: String, accessKeyID: String? = nil) -> KMSSettings {
    KMSSettings(
      provider: .aws, keyID: keyID, region: ready.region, endpoint: ready.endpoint,
      certificateAuthorityPEM: authorityPEM, accessKeyID: accessKeyID ?? credentials.accessKeyID)
  }

  /// The service of a key, with the first access key.
  func service(_ keyID: String) throws -> any KeyManagementService {
    try factory.makeService(settings: settings(keyID), secret: credentials.secretKey)
  }

  /// The lines of the audit log as dictionaries.
  func audit() throws -> [[String: String]] {
    try LocalKMSOperator.audit(directory: directory, last: 10_000).map { line in
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
      return object.compactMapValues { $0 as? String }
    }
  }
}

/// Runs a local KMS on a free port for the length of `body`.
func withLocalKMS(
  _ directory: String, serverClock: TestClock = TestClock(),
  configure: (inout LocalKMSConfiguration) -> Void = { _ in },
  _ body: @Sendable (RunningKMS) async throws -> Void
) async throws {
  var configuration = LocalKMSConfiguration(
    directory: directory, port: 0, version: "1.2.3", clock: serverClock.wallClock)
  configure(&configuration)
  let (readiness, continuation) = AsyncStream.makeStream(of: LocalKMSReady.self)
  let server = try LocalKMSServer(configuration: configuration, logger: Logger(label: "test")) {
    continuation.yield($0)
  }
  try await withThrowingTaskGroup(of: Void.self) { group in
    group.addTask {
      defer { continuation.finish() }
      try await server.run()
    }
    guard let ready = await readiness.first(where: { _ in true }) else {
      try await group.waitForAll()
      return
    }
    let clientClock = TestClock()
    let factory = KeyManagementFactory(clock: clientClock.wallClock)
    let admin = try LocalKMSOperator(directory: directory)
    let running = RunningKMS(
      directory: directory, ready: ready,
      authorityPEM: try String(contentsOfFile: "\(directory)/ca.pem", encoding: .utf8),
      credentials: try LocalKMSCredentials(file: "\(directory)/credentials.json"), factory: factory,
      clientClock: clientClock, admin: admin)
    let result: Result<Void, any Error>
    do {
      try await body(running)
      result = .success(())
    } catch { result = .failure(error) }
    await admin.shutdown()
    await factory.shutdown()
    group.cancelAll()
    try await group.waitForAll()
    try result.get()
  }
}

/// The error an operation throws, nil if it throws none.
func kmsError(_ body: () async throws(KMSError) -> Void) async -> KMSError? {
  do { try await body() } catch { return error }
  return nil
}

/// A context as a node's master key has it.
let nodeContext = KeyContext(
  project: ProjectName(checked: "shop"), cluster: ClusterName(checked: "orders"), node: NodeName(checked: "orders-1"),
  purpose: .masterKey)
