// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import Foundation
import KeyManagement
import Secrets
import Testing

@Suite("Our AWS client against botocore's own check of signatures, in moto", .serialized)
struct MotoTests {
  private let deadline = Duration.seconds(30)
  private let context = KeyContext(
    project: ProjectName(checked: "shop"), cluster: ClusterName(checked: "orders"),
    node: NodeName(checked: "orders-1"), purpose: .masterKey)

  @Test("signs KMS and STS as it has to, and knows every refusal by its type", .timeLimit(.minutes(10)))
  func signatures() async throws {
    guard let environment = try await Interop.moto() else { try Test.cancel("moto cannot be installed here") }
    let server = try await Interop.blocking { try AWSServer("moto", environment: environment) }
    let factory = KeyManagementFactory()
    let result: Result<Void, any Error>
    do { result = .success(try await check(try server.details(), factory)) } catch { result = .failure(error) }
    await factory.shutdown()
    try await Interop.blocking { try server.stop() }
    try result.get()
  }

  private func check(_ details: AWSServer.Details, _ factory: KeyManagementFactory) async throws {
    let service = try details.service(factory, details.allowed)
    let master = try SecretBytes.random(count: 32)
    let wrapped = try await service.wrap(master, context: context, deadline: deadline)
    func unwrap(_ service: any KeyManagementService, _ context: KeyContext? = nil) async -> KMSError? {
      do throws(KMSError) {
        let unwrapped = try await service.unwrap(wrapped, context: context ?? self.context, deadline: deadline)
        let isSame = unwrapped.isEqual(to: master)
        #expect(isSame)
        return nil
      } catch { return error }
    }
    #expect(await unwrap(service) == nil)
    // The same request under another secret: the signature is what is judged.
    #expect(await unwrap(try details.service(factory, details.allowed, secret: "wrong"))?.kind == .credentialsRefused)
    #expect(
      await unwrap(try details.service(factory, details.allowed, accessKeyID: "AKIAUNKNOWN"))?.kind
        == .credentialsRefused)
    #expect(await unwrap(try details.service(factory, details.denied))?.kind == .accessDenied)
    var other = context
    other.node = NodeName(checked: "orders-2")
    #expect(await unwrap(service, other)?.kind == .corruptBlob)

    #expect(await unwrap(try details.role(factory, details.allowed)) == nil)
    #expect(await unwrap(try details.role(factory, details.allowed, externalID: "other"))?.kind == .accessDenied)
    #expect(await unwrap(try details.role(factory, details.denied))?.kind == .accessDenied)
  }
}
