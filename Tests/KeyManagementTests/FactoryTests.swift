// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import KeyManagement
import Secrets
import Testing

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
    #expect(try await error { $0.credentials = .awsAccessKey(id: "AKID\r\nX: y") } != nil)
    #expect(try await error({ _ in }, secret: "") != nil)
  }
}
