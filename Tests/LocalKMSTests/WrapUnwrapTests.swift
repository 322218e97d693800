// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import Foundation
import KeyManagement
import LocalKMS
import Secrets
import Testing

@Suite("Our AWS client and the local KMS over TLS")
struct WrapUnwrapTests {
  private let deadline = Duration.seconds(300)

  @Test("wrap a key and unwrap it with exactly one call each, both in the audit log")
  func roundTrip() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let key = try await kms.admin.createKey(summary: "for the test")
      #expect(key.state == .enabled)
      let service = try kms.service(key.keyID)
      let before = try kms.audit().count
      let master = try SecretBytes.random(count: 32)
      let wrapped = try await service.wrap(master, context: nodeContext, deadline: deadline)
      let unwrapped = try await service.unwrap(wrapped, context: nodeContext, deadline: deadline)
      let isSame = unwrapped.isEqual(to: master)
      #expect(isSame)
      #expect(wrapped.keyID == key.keyID)
      let lines = try kms.audit().dropFirst(before)
      #expect(lines.map { $0["operation"] } == ["Encrypt", "Decrypt"])
      #expect(lines.allSatisfy { $0["outcome"] == "OK" && $0["key"] == key.keyID && $0["client"] == "127.0.0.1" })
      #expect(lines.allSatisfy { $0["accessKeyId"] == kms.credentials.accessKeyID })
    }
  }

  @Test("the state of the key decides the verdict of an unwrap, and of nothing else")
  func keyStates() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let key = try await kms.admin.createKey().keyID
      let service = try kms.service(key)
      let master = try SecretBytes.random(count: 32)
      let wrapped = try await service.wrap(master, context: nodeContext, deadline: deadline)
      func unwrapError() async -> KMSError? {
        await kmsError { () async throws(KMSError) in
          _ = try await service.unwrap(wrapped, context: nodeContext, deadline: deadline)
        }
      }

      try await kms.admin.disable(key)
      let disabled = await unwrapError()
      #expect(disabled?.kind == .keyDisabled)
      #expect(disabled?.providerCode == "DisabledException")
      #expect(disabled?.requestID.isEmpty == false)
      guard case .revoked(.keyDisabled, _)? = disabled?.verdict else { throw Unexpected() }
      #expect(try await service.describe(deadline: deadline).state == .disabled)
      let wrapError = await kmsError { () async throws(KMSError) in
        _ = try await service.wrap(master, context: nodeContext, deadline: deadline)
      }
      #expect(wrapError?.kind == .keyDisabled)
      #expect(wrapError?.verdict == nil)

      try await kms.admin.enable(key)
      #expect(await unwrapError() == nil)

      try await kms.admin.scheduleDeletion(key, days: 7)
      let pending = await unwrapError()
      #expect(pending?.providerCode == "KMSInvalidStateException")
      guard case .revoked(.keyPendingDeletion, _)? = pending?.verdict else { throw Unexpected() }
      #expect(try await service.describe(deadline: deadline).deletionSeconds != nil)

      try await kms.admin.cancelDeletion(key)
      #expect(await unwrapError()?.kind == .keyDisabled)
      try await kms.admin.enable(key)
      #expect(await unwrapError() == nil)
    }
  }

  @Test("a key whose deletion date has passed is gone, at once and for good")
  func deletion() async throws {
    let folder = TestFolder()
    let clock = TestClock()
    try await withLocalKMS(folder.path, serverClock: clock) { kms in
      let key = try await kms.admin.createKey().keyID
      let service = try kms.service(key)
      let wrapped = try await service.wrap(try SecretBytes.random(count: 32), context: nodeContext, deadline: deadline)
      try await kms.admin.scheduleDeletion(key, days: 7)
      clock.set(offsetSeconds: 8 * 86_400)
      kms.clientClock.set(offsetSeconds: 8 * 86_400)
      let error = await kmsError { () async throws(KMSError) in
        _ = try await service.unwrap(wrapped, context: nodeContext, deadline: deadline)
      }
      guard case .revoked(.keyNotFound, _)? = error?.verdict else { throw Unexpected() }
      clock.set(offsetSeconds: 0)
      kms.clientClock.set(offsetSeconds: 0)
      #expect(try await kms.admin.keys().isEmpty)
    }
  }

  @Test("another context, another key's blob and a flipped bit are faults of the blob without a verdict")
  func blobFaults() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let key = try await kms.admin.createKey().keyID
      let other = try await kms.admin.createKey().keyID
      let service = try kms.service(key)
      let wrapped = try await service.wrap(try SecretBytes.random(count: 32), context: nodeContext, deadline: deadline)
      func unwrapError(_ wrapped: WrappedMasterKey, _ context: KeyContext) async -> KMSError? {
        await kmsError { () async throws(KMSError) in
          _ = try await service.unwrap(wrapped, context: context, deadline: deadline)
        }
      }
      var context = nodeContext
      context.node = NodeName(checked: "orders-2")
      let wrongContext = await unwrapError(wrapped, context)
      #expect(wrongContext?.kind == .corruptBlob)
      #expect(wrongContext?.verdict == nil)

      for index in [0, 10, wrapped.blob.count - 1] {
        var damaged = wrapped
        damaged.blob[index] ^= 1
        let error = await unwrapError(damaged, nodeContext)
        #expect(error?.kind == .corruptBlob, "byte \(index)")
        #expect(error?.verdict == nil)
      }

      var foreign = wrapped
      foreign.blob = try await kms.service(other)
        .wrap(try SecretBytes.random(count: 32), context: nodeContext, deadline: deadline).blob
      let incorrect = await unwrapError(foreign, nodeContext)
      #expect(incorrect?.providerCode == "IncorrectKeyException")
      #expect(incorrect?.kind == .corruptBlob)

      var mislabelled = wrapped
      mislabelled.keyID = other
      let before = try kms.audit().count
      #expect(await unwrapError(mislabelled, nodeContext)?.kind == .otherKey)
      #expect(try kms.audit().count == before, "a blob of another key is not sent")
    }
  }

  @Test("wrong secrets, unknown and removed access keys are refused credentials")
  func credentials() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let key = try await kms.admin.createKey().keyID
      let wrapped = try await kms.service(key)
        .wrap(try SecretBytes.random(count: 32), context: nodeContext, deadline: deadline)
      func verdict(_ accessKeyID: String, _ secret: Secret, token: Secret? = nil) async throws -> KMSError? {
        let service = try kms.factory.makeService(
          settings: kms.settings(key, accessKeyID: accessKeyID), secret: secret, sessionToken: token)
        return await kmsError { () async throws(KMSError) in
          _ = try await service.unwrap(wrapped, context: nodeContext, deadline: deadline)
        }
      }
      let wrong = Secret(try SecretBytes(copying: Array("wrong".utf8)))
      let wrongSecret = try await verdict(kms.credentials.accessKeyID, wrong)
      #expect(wrongSecret?.providerCode == "InvalidSignatureException")
      guard case .revoked(.credentialsRefused, _)? = wrongSecret?.verdict else { throw Unexpected() }
      #expect(try await verdict("AKIAUNKNOWN", wrong)?.providerCode == "UnrecognizedClientException")
      let withToken = try await verdict(kms.credentials.accessKeyID, kms.credentials.secretKey, token: wrong)
      #expect(withToken?.kind == .credentialsRefused)

      let file = "\(kms.directory)/second.json"
      let id = try await kms.admin.createAccessKey(writingTo: file)
      let second = try LocalKMSCredentials(file: file)
      #expect(second.accessKeyID == id)
      #expect(try await verdict(id, second.secretKey) == nil)
      try await kms.admin.setDenied(true, accessKeyID: id, keyID: key)
      let denied = try await verdict(id, second.secretKey)
      guard case .revoked(.accessDenied, _)? = denied?.verdict else { throw Unexpected() }
      try await kms.admin.setDenied(false, accessKeyID: id, keyID: key)
      #expect(try await verdict(id, second.secretKey) == nil)
      try await kms.admin.deleteAccessKey(id)
      #expect(try await verdict(id, second.secretKey)?.kind == .credentialsRefused)
    }
  }

  @Test("a temporary access key needs its token and expires without a revocation")
  func temporaryCredentials() async throws {
    let folder = TestFolder()
    let clock = TestClock()
    try await withLocalKMS(folder.path, serverClock: clock) { kms in
      let key = try await kms.admin.createKey().keyID
      let file = "\(kms.directory)/temporary.json"
      let id = try await kms.admin.createAccessKey(writingTo: file, lasting: .seconds(3600))
      let temporary = try LocalKMSCredentials(file: file)
      let service = try kms.factory.makeService(
        settings: kms.settings(key, accessKeyID: id), secret: temporary.secretKey, sessionToken: temporary.sessionToken)
      let wrapped = try await service.wrap(try SecretBytes.random(count: 32), context: nodeContext, deadline: deadline)
      let tokenless = try kms.factory.makeService(
        settings: kms.settings(key, accessKeyID: id), secret: temporary.secretKey)
      let refused = await kmsError { () async throws(KMSError) in
        _ = try await tokenless.unwrap(wrapped, context: nodeContext, deadline: deadline)
      }
      #expect(refused?.kind == .credentialsRefused)
      clock.set(offsetSeconds: 3700)
      kms.clientClock.set(offsetSeconds: 3700)
      let expired = await kmsError { () async throws(KMSError) in
        _ = try await service.unwrap(wrapped, context: nodeContext, deadline: deadline)
      }
      guard case .unreachable(.credentialsExpired, _)? = expired?.verdict else { throw Unexpected() }
    }
  }

  @Test("a wrong clock is an outage although the signature is refused", arguments: [-7200, -301, 301, 7200])
  func clockSkew(seconds: Int64) async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let key = try await kms.admin.createKey().keyID
      let service = try kms.service(key)
      let wrapped = try await service.wrap(try SecretBytes.random(count: 32), context: nodeContext, deadline: deadline)
      kms.clientClock.set(offsetSeconds: seconds + (seconds < 0 ? -5 : 5))
      let error = await kmsError { () async throws(KMSError) in
        _ = try await service.unwrap(wrapped, context: nodeContext, deadline: deadline)
      }
      #expect(error?.providerCode == "InvalidSignatureException")
      guard case .unreachable(.clockSkew, _)? = error?.verdict else { throw Unexpected() }
    }
  }
}

/// A verdict that was not the expected one.
struct Unexpected: Error {}
