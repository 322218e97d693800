// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import DaemonRuntime
import Foundation
import Logging
import Secrets
import Testing
import Transport

@testable import keyfold

@Suite("What was sent to a coordinator may be done, whoever hears of it", .timeLimit(.minutes(10)))
struct OperatorSessionTests {
  private func code(_ body: () async throws(OperatorFailure) -> Void) async -> OperatorFailure.Code? {
    do throws(OperatorFailure) { try await body() } catch { return error.code }
    return nil
  }

  @Test("an order is not answered if the coordinator ends over it, and without one there is nobody to ask")
  func unanswered() async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("keyfold-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let (server, own) = (try CurveIdentity.generate(), try CurveIdentity.generate())
    let (heard, hear) = AsyncStream.makeStream(of: Void.self)
    let listener = MessageListener(
      port: 0, identity: server,
      allowList: AllowList([own.publicKey: .operator(OperatorName(checked: "anna"))]),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    ) { event in
      if case .message = event { hear.yield() }
    }
    let port = try listener.start()
    let path = folder + "/anna.json"
    let secret = try own.secretKeyText().unprotectedCopy().prefix(CurvePublicKey.textLength)
    try OperatorFile(
      coordinator: "127.0.0.1:\(port)", coordinatorKey: server.publicKey.text, operatorName: "anna",
      publicKey: own.publicKey.text, secretKey: Secret(SecretBytes(copying: Array(secret)))
    ).write(path)

    let session = try await OperatorSession.open(path, timeout: .seconds(300))
    defer { session.close() }
    async let outcome = code { () throws(OperatorFailure) in
      _ = try await session.ask(.decryptCluster(name: ClusterName(checked: "orders")))
    }
    for await _ in heard { break }
    listener.close()
    let found = await outcome
    #expect(found == .unanswered && found.map { ExitStatus($0) } == .unfinished)
    let later = await code { () throws(OperatorFailure) in
      _ = try await OperatorSession.open(path, timeout: .milliseconds(200))
    }
    #expect(later == .unreachable)
  }
}
