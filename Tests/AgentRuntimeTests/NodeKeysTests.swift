// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import KeyHierarchy
import KeyManagement
import Messages
import Secrets
import Synchronization
import Testing

@testable import AgentRuntime

@Suite("A failed check is told in words that do not change")
struct NodeKeysTests {
  @Test("names kind and detail, and not the request")
  func stable() {
    let reasons = ["1", "2"].map { id in
      NodeKeys.reason(
        KMSError(.corruptBlob, operation: .unwrap, keyID: "k", requestID: id, detail: "the stored key is damaged"))
    }
    #expect(Set(reasons) == ["the stored master key can't be unwrapped (corruptBlob): the stored key is damaged"])
  }

  @Test("settings of another key are never asked about a key")
  func naming() {
    func keys(_ id: String, version: UInt64) -> NodeKeys {
      NodeKeys(
        service: OneKeyKMS(), customerKeyID: id, settingsVersion: version,
        context: KeyContext(
          project: ProjectName(checked: "p"), cluster: ClusterName(checked: "c"), node: NodeName(checked: "n"),
          purpose: .masterKey))
    }
    let (present, former) = (keys("b", version: 2), keys("a", version: 1))
    #expect(NodeKeys.naming("b", inForce: present, formers: [former])?.settingsVersion == 2)
    #expect(NodeKeys.naming("a", inForce: present, formers: [former])?.settingsVersion == 1)
    #expect(NodeKeys.naming("a", inForce: present, formers: []) == nil)
    #expect(NodeKeys.naming("a", inForce: nil, formers: [former])?.settingsVersion == 1)
  }

  @Test("settings are proven by an unwrap of the node's own key and the right to describe the customer's")
  func proof() async throws {
    let kms = OneKeyKMS()
    let keys = NodeKeys(
      service: kms, customerKeyID: "k", settingsVersion: 0,
      context: KeyContext(
        project: ProjectName(checked: "p"), cluster: ClusterName(checked: "c"), node: NodeName(checked: "n"),
        purpose: .masterKey))
    let fresh = try await keys.makeMasterKey()
    let (wrapped, id, value) = (fresh.wrapped, fresh.key.id, fresh.key.checkValue)
    #expect(await keys.prove(wrapped, holds: id, checkValue: value) == .proven)
    kms.refuse(.describe)
    guard case .failed(let kind, let operation, _) = await keys.prove(wrapped, holds: id, checkValue: value) else {
      return #expect(Bool(false), "proven without the right to describe")
    }
    #expect(kind == "accessDenied" && operation == "describe")
    kms.refuse(.unwrap)
    guard case .failed(_, "unwrap", _) = await keys.prove(wrapped, holds: id, checkValue: value) else {
      return #expect(Bool(false), "proven without an unwrap")
    }
    kms.refuse(nil)
    guard case .failed(_, _, let reason) = await keys.prove(wrapped, holds: .random(), checkValue: value) else {
      return #expect(Bool(false), "another master key")
    }
    #expect(reason.contains("another master key"))
  }

  @Test("a look before data is copied in the clear takes fresh credentials, and only a revocation holds it up")
  func look() async throws {
    let kms = OneKeyKMS()
    let keys = NodeKeys(
      service: kms, customerKeyID: "k", settingsVersion: 7,
      context: KeyContext(
        project: ProjectName(checked: "p"), cluster: ClusterName(checked: "c"), node: NodeName(checked: "n"),
        purpose: .masterKey))
    let stored = try await keys.makeMasterKey().wrapped
    let shell = try RequestRoomTests().makeShell()
    try await shell.checkNotRevoked(stored)
    #expect(kms.renewals == 0, "there are no settings to ask with")
    await shell.use(keys)
    try await shell.checkNotRevoked(stored)
    #expect(kms.renewals == 1)
    kms.refuse(.unwrap, as: .timeout)
    try await shell.checkNotRevoked(stored)
    kms.refuse(.unwrap, as: .corruptBlob)
    try await shell.checkNotRevoked(stored)
    for (kind, reason) in [(KMSError.Kind.keyDisabled, RevocationReason.keyDisabled), (.accessDenied, .accessDenied)] {
      kms.refuse(.unwrap, as: kind)
      let error = await #expect(throws: RevokedKey.self) { try await shell.checkNotRevoked(stored) }
      #expect(error?.reason == reason && error?.check.settingsVersion == 7 && error?.check.customerKeyID == "k")
    }
    await shell.shutDown()
  }
}

extension AgentShell {
  fileprivate func use(_ keys: NodeKeys) { self.keys = keys }
}

/// A KMS that remembers what it wrapped last, and refuses what it is told to.
private final class OneKeyKMS: KeyManagementService {
  private struct State {
    var key: Secret?
    var refused: (operation: KMSError.Operation, kind: KMSError.Kind)?
    var renewals = 0
  }

  private let held = Mutex(State())

  var renewals: Int { held.withLock { $0.renewals } }

  func refuse(_ operation: KMSError.Operation?, as kind: KMSError.Kind = .accessDenied) {
    held.withLock { $0.refused = operation.map { ($0, kind) } }
  }

  func renewing() -> any KeyManagementService {
    held.withLock { $0.renewals += 1 }
    return self
  }

  private func check(_ operation: KMSError.Operation) throws(KMSError) {
    guard let refused = held.withLock({ $0.refused }), refused.operation == operation else { return }
    throw KMSError(refused.kind, operation: operation, keyID: "k", detail: "told to")
  }

  func wrap(_ key: borrowing SecretBytes, context: KeyContext, deadline: Duration) async throws(KMSError)
    -> WrappedMasterKey
  {
    let copy = Secret(try Self.copy(key))
    held.withLock { $0.key = copy }
    return WrappedMasterKey(
      provider: .aws, keyID: "k", keyVersion: "", region: "r", createdAtMilliseconds: 1, blob: [1])
  }

  func unwrap(_ wrapped: WrappedMasterKey, context: KeyContext, deadline: Duration) async throws(KMSError)
    -> SecretBytes
  {
    try check(.unwrap)
    guard let key = held.withLock({ $0.key }) else {
      throw KMSError(.corruptBlob, operation: .unwrap, keyID: "k", detail: "nothing was wrapped")
    }
    return try key.withSecret { (key) throws(KMSError) in try Self.copy(key) }
  }

  func describe(deadline: Duration) async throws(KMSError) -> KMSKeyDescription {
    try check(.describe)
    return KMSKeyDescription(keyID: "k", state: .enabled, providerState: "Enabled")
  }

  private static func copy(_ secret: borrowing SecretBytes) throws(KMSError) -> SecretBytes {
    do { return try secret.duplicate() } catch {
      throw KMSError(.localFailure, operation: .wrap, keyID: "k", detail: "\(error)")
    }
  }
}
