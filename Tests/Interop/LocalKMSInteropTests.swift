// SPDX-License-Identifier: GPL-3.0-or-later

import Foundation
import KeyManagement
import LocalKMS
import Logging
import Testing

@Suite("The clouds' own clients against the local KMS", .serialized)
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
      configuration: LocalKMSConfiguration(directory: folder, port: 0, metadataPort: 0),
      logger: Logger(label: "interop")
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

  @Test("boto3: every operation, and AWS's exception class for every refusal", .timeLimit(.minutes(10)))
  func boto3() async throws {
    guard let environment = try await Interop.awsClients() else { try Test.cancel("boto3 cannot be installed here") }
    try await serve { folder, ready in
      let role = try await withOperator(folder) { kms in
        let role = try await kms.createRole("keyfold", externalID: "3f1c")
        try await kms.setMachine(role: "keyfold", client: nil, serviceAccount: nil)
        return role
      }
      return try await Interop.run(
        "\(environment)/bin/python",
        [
          "\(Interop.folder)/kms_boto3.py", ready.endpoint, "\(folder)/ca.pem", "\(folder)/credentials.json",
          ready.region, role, "3f1c", ready.metadataEndpoint ?? "",
        ])
    }
  }

  @Test("the aws command: the life of a key", .timeLimit(.minutes(10)))
  func commandLine() async throws {
    guard let environment = try await Interop.awsClients() else { try Test.cancel("awscli cannot be installed here") }
    try await serve { folder, ready in
      try await Interop.run(
        "\(Interop.folder)/kms_awscli.sh",
        [environment, ready.endpoint, "\(folder)/ca.pem", "\(folder)/credentials.json"])
    }
  }

  /// Asks a server as its operator.
  private func withOperator<Value: Sendable>(
    _ folder: String, _ body: (LocalKMSOperator) async throws -> Value
  ) async throws -> Value {
    let kms = try LocalKMSOperator(directory: folder)
    let result: Result<Value, any Error>
    do { result = .success(try await body(kms)) } catch { result = .failure(error) }
    await kms.shutdown()
    return try result.get()
  }

  /// Makes an administrator and a user of a dialect, and makes the user the machine's; answers their files.
  private func identities(_ folder: String, kind: String) async throws -> [String] {
    try await withOperator(folder) { kms in
      let files = ["\(folder)/administrator.json", "\(folder)/user.json"]
      _ = try await kms.createIdentity(kind: kind, isAdministrator: true, writingTo: files[0])
      let user = try await kms.createIdentity(kind: kind, isAdministrator: false, writingTo: files[1])
      try await kms.setMachine(
        role: nil, client: kind == "azure" ? user : nil, serviceAccount: kind == "google" ? user : nil)
      return files
    }
  }

  @Test(
    "azure-keyvault-keys with azure-identity: every operation, and Key Vault's error for every refusal",
    .timeLimit(.minutes(10)))
  func azure() async throws {
    guard let environment = try await Interop.azureClients() else {
      try Test.cancel("azure-keyvault-keys cannot be installed here")
    }
    try await serve { folder, ready in
      let files = try await identities(folder, kind: "azure")
      return try await Interop.run(
        "\(environment)/bin/python",
        ["\(Interop.folder)/kms_azure.py", ready.endpoint, "\(folder)/ca.pem"] + files
          + [ready.metadataEndpoint ?? ""])
    }
  }

  @Test(
    "google-cloud-kms over REST: every operation, and Cloud KMS's error for every refusal", .timeLimit(.minutes(10)))
  func google() async throws {
    guard let environment = try await Interop.googleClients() else {
      try Test.cancel("google-cloud-kms cannot be installed here")
    }
    try await serve { folder, ready in
      let files = try await identities(folder, kind: "google")
      return try await Interop.run(
        "\(environment)/bin/python",
        ["\(Interop.folder)/kms_google.py", ready.endpoint, "\(folder)/ca.pem"] + files
          + [ready.metadataEndpoint ?? ""])
    }
  }

  @Test("libkms_message: the requests of MongoDB's own clients in the three dialects", .timeLimit(.minutes(10)))
  func kmsMessage() async throws {
    try await serve { folder, ready in
      let files = ["\(folder)/azure.json", "\(folder)/google.json", "\(folder)/keys.json"]
      try await withOperator(folder) { kms in
        _ = try await kms.createIdentity(kind: "azure", isAdministrator: false, writingTo: files[0])
        _ = try await kms.createIdentity(kind: "google", isAdministrator: false, writingTo: files[1])
        let keys = [
          "region": ready.region, "aws": try await kms.createKey().keyID,
          "azure": try await kms.createVaultKey("cmk", bits: 2048),
          "google": try await kms.createCryptoKey("global/ring/cmk"),
        ]
        try JSONEncoder().encode(keys).write(to: URL(fileURLWithPath: files[2]))
      }
      let result = try await Interop.run(
        "/usr/bin/python3",
        ["\(Interop.folder)/kms_message.py", ready.endpoint, "\(folder)/ca.pem", "\(folder)/credentials.json"] + files)
      if result.status == 3 { try Test.cancel("libmongocrypt-dev is not installed here") }
      return result
    }
  }
}
