// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import Secrets
import Testing

@testable import KeyManagement

@Suite("Making a service of settings")
struct FactoryTests {
  private static let arn = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

  private func error(_ change: (inout KMSSettings) -> Void, secret: String = "secret") async throws -> KMSError? {
    let factory = KeyManagementFactory()
    var settings = KMSSettings(provider: .aws, keyID: Self.arn, region: "us-east-1", accessKeyID: "AKID")
    change(&settings)
    let held = Secret(try SecretBytes(copying: Array(secret.utf8)))
    var thrown: KMSError?
    do { _ = try factory.makeService(settings: settings, secret: held) } catch { thrown = error }
    await factory.shutdown()
    return thrown
  }

  @Test("takes sound settings")
  func sound() async throws {
    #expect(try await error { _ in } == nil)
    #expect(try await error { $0.endpoint = "https://localhost:7443" } == nil)
    #expect(
      try await error {
        $0.keyID = "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab"
        $0.region = "eu-west-1"
      } == nil)
  }

  @Test("refuses credentials of another provider, and missing secrets")
  func mismatched() async throws {
    #expect(try await error { $0.credentials = .googleMetadata }?.detail.contains("which the provider aws") == true)
    #expect(try await error({ _ in }, secret: "")?.detail.contains("is missing") == true)
  }

  @Test("refuses aliases, other regions, plain http, wrong PEM and empty credentials, each with a sentence")
  func refused() async throws {
    let alias = try await error { $0.keyID = "arn:aws:kms:us-east-1:111122223333:alias/shop" }
    #expect(alias?.detail.contains("alias") == true)
    #expect(try await error { $0.region = "eu-west-1" }?.detail.contains("multi-Region") == true)
    #expect(try await error { $0.endpoint = "http://localhost:7443" }?.detail.contains("https://") == true)
    #expect(try await error { $0.certificateAuthorityPEM = "nonsense" }?.detail.contains("PEM") == true)
    #expect(try await error { $0.credentials = .awsAccessKey(id: "") } != nil)
    let partition = "arn:aws-new:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    #expect(try await error { $0.keyID = partition }?.detail.contains("partition aws-new") == true)
    #expect(
      try await error {
        $0.keyID = partition
        $0.endpoint = "https://kms.example.org"
      } == nil)
    #expect(try await error { $0.credentials = .awsAccessKey(id: "AKID\r\nX: y") } != nil)
    #expect(try await error({ _ in }, secret: "") != nil)
  }

  private func sessions(_ service: any KeyManagementService) throws -> CredentialCache<AWSCredentials> {
    guard case .role(let role) = try #require(service as? AWSKeyManagementService).client.credentials else {
      throw KMSError(.invalidSettings, operation: .configure, keyID: "", detail: "no role")
    }
    return role.sessions
  }

  @Test("keeps the sessions of settings in force until settings or secret change; proofs have their own")
  func kept() async throws {
    let factory = KeyManagementFactory()
    func secret(_ text: String) throws -> Secret { Secret(try SecretBytes(copying: Array(text.utf8))) }
    let first = try sessions(factory.service(of: Clouds.awsRole, secret: secret("one")))
    #expect(try sessions(factory.service(of: Clouds.awsRole, secret: secret("one"))) === first)
    #expect(try sessions(factory.service(of: Clouds.awsRole, secret: secret("two"))) !== first)
    #expect(
      try sessions(factory.service(of: Clouds.awsRole, secret: secret("one"), localAddress: "127.0.0.2")) !== first)
    var other = Clouds.awsRole
    other.endpoint = "https://localhost:7443"
    #expect(try sessions(factory.service(of: other, secret: secret("one"))) !== first)
    #expect(try sessions(factory.makeService(settings: Clouds.awsRole, secret: secret("one"))) !== first)
    #expect(try sessions(factory.service(of: Clouds.awsRole, secret: secret("one"))) === first)
    await factory.shutdown()
  }

  @Test("forgets services that nobody has used for an hour, and the least recently used of too many")
  func forgotten() async throws {
    let factory = KeyManagementFactory()
    let service = try factory.makeService(
      settings: Clouds.aws, secret: Secret(try SecretBytes(copying: Array("s".utf8))))
    var kept = KeptServices()
    let start = ContinuousClock.now
    kept.keep(service, of: Clouds.aws, nil, "0", now: start)
    #expect(kept.find(Clouds.aws, nil, "0", now: start + .seconds(3599)) != nil)
    #expect(kept.find(Clouds.aws, nil, "0", now: start + .seconds(2 * 3599)) != nil, "it was used")
    #expect(kept.find(Clouds.aws, nil, "0", now: start + .seconds(4 * 3600)) == nil && kept.count == 0)
    for number in 0...KeptServices.maximum {
      kept.keep(service, of: Clouds.aws, nil, "\(number)", now: start + .milliseconds(number))
    }
    #expect(kept.count == KeptServices.maximum)
    #expect(kept.find(Clouds.aws, nil, "0", now: start + .seconds(5)) == nil)
    #expect(kept.find(Clouds.aws, nil, "1", now: start + .seconds(5)) != nil)
    await factory.shutdown()
  }
}
