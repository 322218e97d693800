// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import KeyManagement
import Secrets
import Synchronization

/// A KMS that wraps by remembering, and fails as a test tells it to.
final class FakeKMS: KeyManagementService {
  private struct State {
    var wrapped: [[UInt8]: Secret] = [:]
    var failure: KMSError?
    var calls = 0
    var renewals = 0
    var seenSecrets: [[UInt8]] = []
  }

  static let keyID = "arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000001"
  static let settings = KMSSettings(provider: .aws, keyID: keyID, region: "eu-central-1", accessKeyID: "AKIATEST")

  private let state = Mutex(State())

  /// What every call fails with from now on, nil for nothing.
  func fail(_ kind: KMSError.Kind?, in operation: KMSError.Operation = .unwrap) {
    state.withLock { state in
      state.failure = kind.map { KMSError($0, operation: operation, keyID: Self.keyID, detail: "told to") }
    }
  }

  /// How many wraps and unwraps were asked for.
  var calls: Int { state.withLock { $0.calls } }
  /// How often credentials were asked for anew.
  var renewals: Int { state.withLock { $0.renewals } }
  /// The secrets services were made with.
  var seenSecrets: [[UInt8]] { state.withLock { $0.seenSecrets } }

  func service(secret: Secret?) -> FakeKMS {
    state.withLock { $0.seenSecrets.append(secret?.withSecret { secret in secret.unprotectedCopy() } ?? []) }
    return self
  }

  func wrap(_ key: borrowing SecretBytes, context: KeyContext, deadline: Duration) async throws(KMSError)
    -> WrappedMasterKey
  {
    let copy = Secret(try Self.secrets(key))
    let blob =
      Array("\(context.pairs.sorted { $0.key < $1.key })".utf8) + (0..<8).map { _ in UInt8.random(in: 0...255) }
    try call(.wrap)
    state.withLock { $0.wrapped[blob] = copy }
    return WrappedMasterKey(
      provider: .aws, keyID: Self.keyID, keyVersion: "", region: "eu-central-1", createdAtMilliseconds: 1, blob: blob)
  }

  func unwrap(_ wrapped: WrappedMasterKey, context: KeyContext, deadline: Duration) async throws(KMSError)
    -> SecretBytes
  {
    try call(.unwrap)
    guard let secret = state.withLock({ $0.wrapped[wrapped.blob] }) else {
      throw KMSError(.corruptBlob, operation: .unwrap, keyID: Self.keyID, detail: "not mine")
    }
    return try secret.withSecret { (secret) throws(KMSError) in try Self.secrets(secret) }
  }

  func noteRenewal() { state.withLock { $0.renewals += 1 } }

  /// Loses what it wrapped, as another key of the same id would not know it.
  func forget() { state.withLock { $0.wrapped = [:] } }

  func describe(deadline: Duration) async throws(KMSError) -> KMSKeyDescription {
    if let failure = state.withLock({ $0.failure }), failure.operation == .describe { throw failure }
    return describe()
  }

  private func describe() -> KMSKeyDescription {
    KMSKeyDescription(keyID: Self.keyID, state: .enabled, providerState: "Enabled")
  }

  private func call(_ operation: KMSError.Operation) throws(KMSError) {
    let failure = state.withLock { state in
      state.calls += 1
      return state.failure
    }
    if let failure, failure.operation == operation { throw failure }
  }

  private static func secrets(_ secret: borrowing SecretBytes) throws(KMSError) -> SecretBytes {
    do { return try secret.duplicate() } catch {
      throw KMSError(.localFailure, operation: .wrap, keyID: keyID, detail: "\(error)")
    }
  }
}

/// One key of the fake KMS: what it wraps names the key of the settings.
struct FakeKey: KeyManagementService {
  let kms: FakeKMS
  let settings: KMSSettings

  func wrap(_ key: borrowing SecretBytes, context: KeyContext, deadline: Duration) async throws(KMSError)
    -> WrappedMasterKey
  {
    var wrapped = try await kms.wrap(key, context: context, deadline: deadline)
    wrapped.keyID = settings.keyID
    return wrapped
  }

  func unwrap(_ wrapped: WrappedMasterKey, context: KeyContext, deadline: Duration) async throws(KMSError)
    -> SecretBytes
  { try await kms.unwrap(wrapped, context: context, deadline: deadline) }

  func describe(deadline: Duration) async throws(KMSError) -> KMSKeyDescription {
    try await kms.describe(deadline: deadline)
  }

  func renewing() -> any KeyManagementService {
    kms.noteRenewal()
    return self
  }
}
