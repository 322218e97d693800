// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import Foundation
import KeyManagement
import LocalKMS
import Secrets
import Testing

/// Keyfold's own clients against the local KMS's dialects: the whole way over TLS, tokens included.
@Suite("Keyfold's clients against the local KMS of every dialect", .timeLimit(.minutes(10)))
struct DialectClientTests {
  private static let key = Array("0123456789abcdef0123456789abcdef".utf8)

  /// What a rehearsed day needs of a service: a key that wraps, other contexts, and what takes the key away.
  private struct Scene {
    let settings: KMSSettings
    let secret: Secret?
  }

  private static func azure(_ kms: RunningKMS) async throws -> Scene {
    let file = "\(kms.directory)/app.json"
    let id = try await kms.admin.createIdentity(kind: "azure", isAdministrator: false, writingTo: file)
    let item = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: file))) as? [String: Any]
    let tenant = try #require(item?["tenantId"] as? String)
    let secret = try #require(item?["clientSecret"] as? String)
    return Scene(
      settings: KMSSettings(
        provider: .azure, keyID: try await kms.admin.createVaultKey("cmk"), region: "", endpoint: kms.ready.endpoint,
        certificateAuthorityPEM: kms.authorityPEM, credentials: .azureClientSecret(tenant: tenant, clientID: id),
        issuerEndpoint: kms.ready.endpoint), secret: Secret(try SecretBytes(copying: Array(secret.utf8))))
  }

  private static func google(_ kms: RunningKMS) async throws -> Scene {
    let file = "\(kms.directory)/account.json"
    _ = try await kms.admin.createIdentity(kind: "google", isAdministrator: false, writingTo: file)
    let contents = try Data(contentsOf: URL(fileURLWithPath: file))
    return Scene(
      settings: KMSSettings(
        provider: .gcp, keyID: try await kms.admin.createCryptoKey("europe-west3/ring/cmk"), region: "europe-west3",
        endpoint: kms.ready.endpoint, certificateAuthorityPEM: kms.authorityPEM, credentials: .googleServiceAccount,
        issuerEndpoint: kms.ready.endpoint), secret: Secret(try SecretBytes(copying: Array(contents))))
  }

  private static func role(_ kms: RunningKMS) async throws -> Scene {
    _ = try await kms.admin.createRole("keyfold", trusted: kms.credentials.accessKeyID, externalID: "shop-7")
    return Scene(
      settings: KMSSettings(
        provider: .aws, keyID: try await kms.admin.createKey().keyID, region: kms.ready.region,
        endpoint: kms.ready.endpoint, certificateAuthorityPEM: kms.authorityPEM,
        credentials: .awsRole(
          arn: "arn:aws:iam::\(kms.ready.accountID):role/keyfold", externalID: "shop-7",
          accessKeyID: kms.credentials.accessKeyID), issuerEndpoint: kms.ready.endpoint),
      secret: kms.credentials.secretKey)
  }

  private static func scene(_ provider: KMSProvider, _ kms: RunningKMS) async throws -> Scene {
    switch provider {
    case .aws: try await role(kms)
    case .azure: try await azure(kms)
    case .gcp: try await google(kms)
    }
  }

  @Test("wrap, unwrap, and follow the key through its life", arguments: KMSProvider.allCases)
  func life(provider: KMSProvider) async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let scene = try await Self.scene(provider, kms)
      let service = try kms.factory.makeService(settings: scene.settings, secret: scene.secret)
      let wrapped = try await service.wrap(
        SecretBytes(copying: Self.key), context: nodeContext, deadline: .seconds(300))
      func unwrapped(_ context: KeyContext = nodeContext) async -> KMSError? {
        await kmsError { () throws(KMSError) in
          let key = try await service.unwrap(wrapped, context: context, deadline: .seconds(300))
          #expect(key.unprotectedCopy() == Self.key)
        }
      }
      #expect(await unwrapped() == nil)
      #expect(try await service.describe(deadline: .seconds(300)).state == .enabled)

      var other = nodeContext
      other.node = NodeName(checked: "orders-2")
      let foreign = await unwrapped(other)
      #expect(foreign?.kind == .corruptBlob && foreign?.verdict == nil)

      try await kms.admin.disable(scene.settings.keyID)
      #expect(await unwrapped()?.kind == .keyDisabled)
      #expect(try await service.describe(deadline: .seconds(300)).state == .disabled)
      try await kms.admin.enable(scene.settings.keyID)
      #expect(await unwrapped() == nil)

      try await kms.admin.scheduleDeletion(scene.settings.keyID)
      let deleted = await unwrapped()
      #expect(deleted?.kind == (provider == .azure ? .keyNotFound : .keyPendingDeletion))
      try await kms.admin.cancelDeletion(scene.settings.keyID)
      try await kms.admin.enable(scene.settings.keyID)
      #expect(await unwrapped() == nil)
    }
  }

  @Test("a wrong secret is refused, and a role with a wrong external id", arguments: KMSProvider.allCases)
  func wrongSecret(provider: KMSProvider) async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let scene = try await Self.scene(provider, kms)
      let service = try kms.factory.makeService(settings: scene.settings, secret: scene.secret)
      let wrapped = try await service.wrap(
        SecretBytes(copying: Self.key), context: nodeContext, deadline: .seconds(300))
      var settings = scene.settings
      var secret = scene.secret
      switch provider {
      case .aws:
        settings.credentials = .awsRole(
          arn: "arn:aws:iam::\(kms.ready.accountID):role/keyfold", externalID: "other",
          accessKeyID: kms.credentials.accessKeyID)
      case .azure: secret = Secret(try SecretBytes(copying: Array("wrong".utf8)))
      case .gcp:
        let file = "\(kms.directory)/gone.json"
        let id = try await kms.admin.createIdentity(kind: "google", isAdministrator: false, writingTo: file)
        secret = Secret(try SecretBytes(copying: Array(try Data(contentsOf: URL(fileURLWithPath: file)))))
        try await kms.admin.deleteIdentity(id)
      }
      let wrong = try kms.factory.makeService(settings: settings, secret: secret)
      let error = await kmsError { () throws(KMSError) in
        _ = try await wrong.unwrap(wrapped, context: nodeContext, deadline: .seconds(300))
      }
      guard case .revoked? = error?.verdict else {
        Issue.record("\(provider): \(String(describing: error))")
        return
      }
    }
  }

  @Test("asks as the machine, with what the metadata service hands out", arguments: KMSProvider.allCases)
  func machine(provider: KMSProvider) async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path, configure: { $0.metadataPort = 0 }) { kms in
      var settings = try await Self.scene(provider, kms).settings
      settings.metadataEndpoint = kms.ready.metadataEndpoint
      switch provider {
      case .aws:
        // A session of a role does not assume another role here, so the machine's own session is what STS refuses.
        try await kms.admin.setMachine(role: "keyfold", client: nil, serviceAccount: nil)
        settings.credentials = .awsRole(
          arn: "arn:aws:iam::\(kms.ready.accountID):role/keyfold", externalID: "shop-7", accessKeyID: nil)
      case .azure:
        let id = try #require(try await kms.admin.identities().first { $0.kind == "azure" }?.id)
        try await kms.admin.setMachine(role: nil, client: id, serviceAccount: nil)
        settings.credentials = .azureManagedIdentity(clientID: nil)
      case .gcp:
        let id = try #require(try await kms.admin.identities().first { $0.kind == "google" }?.id)
        try await kms.admin.setMachine(role: nil, client: nil, serviceAccount: id)
        settings.credentials = .googleMetadata
      }
      let service = try kms.factory.makeService(settings: settings, secret: nil)
      let error = await kmsError { () throws(KMSError) in
        _ = try await service.describe(deadline: .seconds(300))
      }
      #expect(error?.kind == (provider == .aws ? .accessDenied : nil), "\(String(describing: error))")
    }
  }
}
