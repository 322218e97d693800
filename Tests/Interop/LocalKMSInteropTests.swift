// SPDX-License-Identifier: GPL-3.0-or-later

import Foundation
import LocalKMS
import Logging
import Testing

@Suite("AWS's own clients against the local KMS", .serialized)
struct LocalKMSInteropTests {
  /// Runs a local KMS in this process while a script of another language drives it.
  private func serve(
    _ body: @escaping @Sendable (String, LocalKMSReady) async throws -> (status: Int32, output: String)
  )
    async throws
  {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("interop-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let (readiness, continuation) = AsyncStream.makeStream(of: LocalKMSReady.self)
    let server = try LocalKMSServer(
      configuration: LocalKMSConfiguration(directory: folder, port: 0), logger: Logger(label: "interop")
    ) { continuation.yield($0) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        defer { continuation.finish() }
        try await server.run()
      }
      if let ready = await readiness.first(where: { _ in true }) {
        let result = try await body(folder, ready)
        #expect(result.status == 0, "\(result.output)")
        #expect(result.output.contains(" passed, 0 failed"), "\(result.output)")
      }
      group.cancelAll()
      try await group.waitForAll()
    }
  }

  @Test("boto3: every operation, and AWS's exception class for every refusal", .timeLimit(.minutes(5)))
  func boto3() async throws {
    guard let environment = try await Interop.awsClients() else { try Test.cancel("boto3 cannot be installed here") }
    try await serve { folder, ready in
      try await Interop.run(
        "\(environment)/bin/python",
        ["\(Interop.folder)/kms_boto3.py", ready.endpoint, "\(folder)/ca.pem", "\(folder)/credentials.json"])
    }
  }

  @Test("the aws command: the life of a key", .timeLimit(.minutes(5)))
  func commandLine() async throws {
    guard let environment = try await Interop.awsClients() else { try Test.cancel("awscli cannot be installed here") }
    try await serve { folder, ready in
      try await Interop.run(
        "\(Interop.folder)/kms_awscli.sh",
        [environment, ready.endpoint, "\(folder)/ca.pem", "\(folder)/credentials.json"])
    }
  }
}
