// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import Foundation
import KeyManagement
import Secrets
import Testing

@Suite("Our AWS client against a server we did not write", .serialized)
struct MinistackTests {
  private let deadline = Duration.seconds(30)
  private let context = KeyContext(
    project: ProjectName(checked: "shop"), cluster: ClusterName(checked: "orders"),
    node: NodeName(checked: "orders-1"), purpose: .masterKey)

  /// What ministack_server.py writes.
  private struct Details: Decodable {
    struct User: Decodable {
      let accessKeyId: String
      let secretAccessKey: String
    }
    let endpoint: String
    let ca: String
    let region: String
    let keyArn: String
    let allowed: User
    let denied: User
    let roleArn: String

    /// The service of a role that `user` assumes.
    func role(
      _ factory: KeyManagementFactory, _ user: User, arn: String? = nil, externalID: String? = "shop-7"
    ) throws -> any KeyManagementService {
      try factory.makeService(
        settings: KMSSettings(
          provider: .aws, keyID: keyArn, region: region, endpoint: endpoint, certificateAuthorityPEM: ca,
          credentials: .awsRole(arn: arn ?? roleArn, externalID: externalID, accessKeyID: user.accessKeyId),
          issuerEndpoint: endpoint),
        secret: Secret(try SecretBytes(copying: Array(user.secretAccessKey.utf8))))
    }

    func service(
      _ factory: KeyManagementFactory, _ user: User, secret: String? = nil, accessKeyID: String? = nil,
      keyID: String? = nil
    ) throws -> any KeyManagementService {
      try factory.makeService(
        settings: KMSSettings(
          provider: .aws, keyID: keyID ?? keyArn, region: region, endpoint: endpoint, certificateAuthorityPEM: ca,
          accessKeyID: accessKeyID ?? user.accessKeyId),
        secret: Secret(try SecretBytes(copying: Array((secret ?? user.secretAccessKey).utf8))))
    }
  }

  /// The running server, driven by lines.
  private final class Server: Sendable {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("ministack-\(UUID().uuidString)").path
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()

    init(environment: String) throws {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      process.executableURL = URL(fileURLWithPath: "\(environment)/bin/python")
      process.arguments = ["\(Interop.folder)/ministack_server.py", folder]
      process.standardInput = input
      process.standardOutput = output
      process.standardError = FileHandle.standardError
      try process.run()
      try expectAnswer()
    }

    func details() throws -> Details {
      try JSONDecoder().decode(Details.self, from: Data(contentsOf: URL(fileURLWithPath: "\(folder)/server.json")))
    }

    func send(_ command: String) throws {
      try input.fileHandleForWriting.write(contentsOf: Data("\(command)\n".utf8))
      try expectAnswer()
    }

    func stop() throws {
      try input.fileHandleForWriting.close()
      process.waitUntilExit()
      try FileManager.default.removeItem(atPath: folder)
    }

    private func expectAnswer() throws {
      var answer = ""
      while !answer.hasSuffix("\n") {
        let piece = output.fileHandleForReading.availableData
        if piece.isEmpty { break }  // the script has ended
        answer += String(decoding: piece, as: UTF8.self)
      }
      guard answer == "ok\n" else { throw ProcessFailure(description: "ministack_server.py answered '\(answer)'") }
    }
  }

  private func failure(_ body: () async throws(KMSError) -> Void) async -> KMSError? {
    do { try await body() } catch { return error }
    return nil
  }

  @Test("wraps and unwraps, and gets every verdict right", .timeLimit(.minutes(5)))
  func verdicts() async throws {
    guard let environment = try await Interop.ministack() else { try Test.cancel("ministack cannot be installed here") }
    let server = try await Interop.blocking { try Server(environment: environment) }
    let details = try server.details()
    let factory = KeyManagementFactory()
    do {
      try await check(server, details, factory)
    } catch {
      await factory.shutdown()
      try? await Interop.blocking { try server.stop() }
      throw error
    }
    await factory.shutdown()
    try await Interop.blocking { try server.stop() }
  }

  private func check(_ server: Server, _ details: Details, _ factory: KeyManagementFactory) async throws {
    let service = try details.service(factory, details.allowed)
    let master = try SecretBytes.random(count: 32)
    let wrapped = try await service.wrap(master, context: context, deadline: deadline)
    func unwrap(_ service: any KeyManagementService, _ context: KeyContext? = nil) async -> KMSError? {
      await failure { () async throws(KMSError) in
        let unwrapped = try await service.unwrap(wrapped, context: context ?? self.context, deadline: deadline)
        let isSame = unwrapped.isEqual(to: master)
        #expect(isSame)
      }
    }
    #expect(await unwrap(service) == nil)
    #expect(try await service.describe(deadline: deadline).state == .enabled)

    try await Interop.blocking { try server.send("disable") }
    #expect(await unwrap(service)?.kind == .keyDisabled)
    try await Interop.blocking { try server.send("enable") }
    #expect(await unwrap(service) == nil)
    try await Interop.blocking { try server.send("schedule") }
    #expect(await unwrap(service)?.kind == .keyPendingDeletion)
    try await Interop.blocking { try server.send("cancel") }
    #expect(await unwrap(service)?.kind == .keyDisabled)
    try await Interop.blocking { try server.send("enable") }

    #expect(await unwrap(try details.service(factory, details.denied))?.kind == .accessDenied)
    #expect(await unwrap(try details.service(factory, details.allowed, secret: "wrong"))?.kind == .credentialsRefused)
    #expect(
      await unwrap(try details.service(factory, details.allowed, accessKeyID: "AKIAUNKNOWN"))?.kind
        == .credentialsRefused)
    var other = context
    other.node = NodeName(checked: "orders-2")
    #expect(await unwrap(service, other)?.kind == .corruptBlob)

    try await checkRole(details, factory)
    // This server knows no kms:EncryptionContext, so the condition of the session policy never holds: nothing else than
    // describing is allowed by it.
    #expect(await unwrap(try details.role(factory, details.allowed))?.kind == .accessDenied)

    let missing = details.keyArn.split(separator: "/")[0] + "/00000000-0000-4000-8000-000000000000"
    let absent = try details.service(factory, details.allowed, keyID: String(missing))
    let notFound = await failure { () async throws(KMSError) in _ = try await absent.describe(deadline: deadline) }
    #expect(notFound?.kind == .keyNotFound)

    let skewed = KeyManagementFactory(clock: WallClock { WallClock.system.nowMilliseconds() - 7_200_000 })
    #expect(await unwrap(try details.service(skewed, details.allowed))?.kind == .clockSkew)
    await skewed.shutdown()
    #expect(await unwrap(service) == nil)
  }

  /// AssumeRole, signed and with its external id, as a server of others sees it.
  private func checkRole(_ details: Details, _ factory: KeyManagementFactory) async throws {
    func describe(_ service: any KeyManagementService) async -> KMSError? {
      await failure { () async throws(KMSError) in _ = try await service.describe(deadline: deadline) }
    }
    #expect(await describe(try details.role(factory, details.allowed)) == nil)
    #expect(await describe(try details.role(factory, details.allowed, externalID: "other"))?.kind == .accessDenied)
    #expect(await describe(try details.role(factory, details.allowed, externalID: nil))?.kind == .accessDenied)
    #expect(
      await describe(try details.role(factory, details.allowed, arn: details.roleArn + "x"))?.kind == .accessDenied)
    #expect(await describe(try details.role(factory, details.denied))?.kind == .accessDenied)
  }
}
