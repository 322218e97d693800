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

  private func failure(_ body: () async throws(KMSError) -> Void) async -> KMSError? {
    do { try await body() } catch { return error }
    return nil
  }

  @Test("wraps and unwraps, and gets every verdict right", .timeLimit(.minutes(10)))
  func verdicts() async throws {
    guard let environment = try await Interop.ministack() else { try Test.cancel("ministack cannot be installed here") }
    let server = try await Interop.blocking { try AWSServer("ministack", environment: environment) }
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

  private func check(_ server: AWSServer, _ details: AWSServer.Details, _ factory: KeyManagementFactory) async throws {
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
  private func checkRole(_ details: AWSServer.Details, _ factory: KeyManagementFactory) async throws {
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
