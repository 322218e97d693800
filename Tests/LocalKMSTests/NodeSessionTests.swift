// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import Foundation
import KeyManagement
import LocalKMS
import Secrets
import Testing

/// Signs for one node, as the coordinator does; `tamper` changes the body afterwards.
private struct OneNodeSigner: RoleSigner {
  let settings: KMSSettings
  let secret: Secret
  let context: KeyContext
  var tamper: @Sendable (String) -> String = { $0 }

  var name: String { "\(context)" }

  func signedRequest(region: String, within timeout: Duration) async throws(RoleSignerFailure) -> SignedRoleRequest {
    do {
      let signed = try SignedRoleRequest.sign(settings, secret: secret, region: region, context: context)
      return SignedRoleRequest(
        form: tamper(signed.form), authorization: signed.authorization, signedAtSeconds: signed.signedAtSeconds)
    } catch { throw .declined("\(error)") }
  }
}

@Suite("A node's session of a role")
struct NodeSessionTests {
  private let deadline = Duration.seconds(300)
  private var other: KeyContext {
    var other = nodeContext
    other.node = NodeName(checked: "orders-2")
    return other
  }

  /// A role, a key, and what both nodes wrapped with it, by the access key's own owner.
  private func withRole(_ body: @Sendable (RunningKMS, KMSSettings, [WrappedMasterKey]) async throws -> Void)
    async throws
  {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let arn = try await kms.admin.createRole("keyfold", trusted: kms.credentials.accessKeyID, externalID: "shop-7")
      var settings = kms.settings(try await kms.admin.createKey().keyID)
      settings.issuerEndpoint = kms.ready.endpoint
      settings.credentials = .awsRole(arn: arn, externalID: "shop-7", accessKeyID: kms.credentials.accessKeyID)
      let owner = try kms.factory.makeService(settings: settings, secret: kms.credentials.secretKey)
      var blobs: [WrappedMasterKey] = []
      for context in [nodeContext, other] {
        blobs.append(
          try await owner.wrap(try SecretBytes.random(count: 32), context: context, deadline: deadline))
      }
      try await body(kms, settings, blobs)
    }
  }

  @Test("wraps, unwraps and describes with its own encryption context, and does nothing with another node's")
  func narrowed() async throws {
    try await withRole { [other, deadline] kms, settings, blobs in
      let signer = OneNodeSigner(settings: settings, secret: kms.credentials.secretKey, context: nodeContext)
      let service = try kms.factory.makeService(settings: settings, secret: nil, signer: signer)
      func unwrap(_ blob: WrappedMasterKey, _ context: KeyContext) async -> KMSError? {
        await kmsError { () async throws(KMSError) in
          _ = try await service.unwrap(blob, context: context, deadline: deadline)
        }
      }
      #expect(await unwrap(blobs[0], nodeContext) == nil)
      #expect(try await service.describe(deadline: deadline).state == .enabled)
      _ = try await service.wrap(try SecretBytes.random(count: 32), context: nodeContext, deadline: deadline)

      let foreign = await unwrap(blobs[1], other)
      #expect(
        foreign?.kind == .accessDenied, "the session's policy, not the blob, refuses: \(String(describing: foreign))")
      #expect(await unwrap(blobs[1], nodeContext)?.kind == .corruptBlob)
      let fresh = try SecretBytes.random(count: 32)
      let wrapping = await kmsError { () async throws(KMSError) in
        _ = try await service.wrap(fresh, context: other, deadline: deadline)
      }
      #expect(wrapping?.kind == .accessDenied)
    }
  }

  @Test("a node that widens the policy it was given has no signature for it")
  func tampered() async throws {
    try await withRole { [deadline] kms, settings, blobs in
      let signer = OneNodeSigner(
        settings: settings, secret: kms.credentials.secretKey, context: nodeContext,
        tamper: { $0.replacing("orders-1", with: "orders-2") })
      let service = try kms.factory.makeService(settings: settings, secret: nil, signer: signer)
      let error = await kmsError { () async throws(KMSError) in
        _ = try await service.unwrap(blobs[1], context: other, deadline: deadline)
      }
      #expect(error?.kind == .credentialsRefused && error?.providerCode == "SignatureDoesNotMatch")
    }
  }
}
