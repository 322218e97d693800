// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import KeyManagement
import LocalKMS
import Secrets
import Testing

/// Says the same of every name.
private struct OneAddress: HostResolver {
  let address: String
  func addresses(of host: String, within timeout: Duration) async throws(HTTPFailure) -> [IPAddress] {
    IPAddress(address).map { [$0] } ?? []
  }
}

@Suite("Private networking against a KMS on real sockets")
struct PrivateNetworkTests {
  private let deadline = Duration.seconds(300)

  /// Wraps a key by a KMS named `host`, of which the look-up says that it is at `address`.
  private func wrap(_ kms: RunningKMS, _ key: String, host: String, at address: String) async throws -> KMSError? {
    let factory = KeyManagementFactory(resolver: OneAddress(address: address))
    var settings = kms.settings(key)
    let port = try #require(kms.ready.endpoint.split(separator: ":").last)
    settings.endpoint = "https://\(host):\(port)"
    settings.privateRanges = [try IPRange("127.0.0.0/8")]
    let service = try factory.makeService(settings: settings, secret: kms.credentials.secretKey)
    let error = await kmsError { () async throws(KMSError) in
      guard let master = try? SecretBytes.random(count: 32) else { return }
      _ = try await service.wrap(master, context: nodeContext, deadline: deadline)
    }
    await factory.shutdown()
    return error
  }

  @Test("a name inside is used; one outside is refused and the KMS hears nothing")
  func insideAndOutside() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let key = try await kms.admin.createKey().keyID
      #expect(try await wrap(kms, key, host: "localhost", at: "127.0.0.1") == nil)
      let before = try kms.audit().count
      #expect(try await wrap(kms, key, host: "localhost", at: "192.0.2.1")?.kind == .privateNetwork)
      #expect(try kms.audit().count == before)
    }
  }

  @Test("the checked address is connected to, and the name not looked up again")
  func pinned() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let key = try await kms.admin.createKey().keyID
      // No look-up but ours knows this name; the certificate is accepted because it names the address.
      #expect(try await wrap(kms, key, host: "kms.invalid", at: "127.0.0.1") == nil)
    }
  }
}
