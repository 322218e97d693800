// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import KeyHierarchy
internal import KeyManagement
internal import Secrets

/// The customer's KMS as one node uses it, under one version of the settings.
struct NodeKeys: Sendable {
  /// The longest a node waits for one KMS operation, retries included.
  static let deadline = Duration.seconds(10)

  let service: any KeyManagementService
  let customerKeyID: String
  let settingsVersion: UInt64
  let context: KeyContext

  /// The settings that name a key: those in force, else former ones. Nil if none do: asked with settings of another key
  /// the KMS would refuse, and that looks like a revocation which is none.
  static func naming(_ keyID: String, inForce: NodeKeys?, formers: [NodeKeys]) -> NodeKeys? {
    ([inForce].compactMap(\.self) + formers).first { CustomerKey.isSame($0.customerKeyID, keyID) }
  }

  /// Makes a fresh master key, has it wrapped, and unwraps and compares it before anything relies on it.
  func makeMasterKey() async throws -> FreshMasterKey {
    let key = try MasterKey.generate()
    let payload = try key.payload(for: context)
    let wrapped = try await service.wrap(payload, context: context, deadline: Self.deadline)
    let check = try await unwrap(wrapped)
    guard key.isSame(as: check) else {
      throw AgentError(.keys, "the KMS gave back another key than it was given; nothing was changed")
    }
    return FreshMasterKey(key: key, wrapped: wrapped)
  }

  /// Unwraps a stored master key with exactly one KMS call when nothing goes wrong.
  func unwrap(_ wrapped: WrappedMasterKey) async throws -> MasterKey {
    let payload = try await service.unwrap(wrapped, context: context, deadline: Self.deadline)
    return try MasterKey(unwrapped: payload, context: context)
  }

  /// Why an attempt failed, in words that are the same each time: without the KMS's id of the request.
  static func reason(_ error: any Error) -> String {
    guard let error = error as? KMSError else { return "\(error)" }
    return "the stored master key can't be unwrapped (\(error.kind.rawValue)): \(error.detail)"
  }

  /// The same keys for a look that counts: with credentials fetched for it, none that were kept.
  func renewing() -> NodeKeys {
    NodeKeys(
      service: service.renewing(), customerKeyID: customerKeyID, settingsVersion: settingsVersion, context: context)
  }

  /// What a finished attempt to unwrap says of the key; nil if it says nothing.
  func report(_ error: (any Error)?, startedAt: Int64) -> CheckReport? {
    let verdict: Verdict?
    switch error {
    case nil: verdict = .valid
    case let error as KMSError: verdict = error.verdict
    default: verdict = nil
    }
    return verdict.map {
      CheckReport(
        verdict: $0, customerKeyID: customerKeyID, settingsVersion: settingsVersion, startedAtMilliseconds: startedAt,
        answeredElsewhere: error == nil ? (service as? FallbackService)?.answeredElsewhere : nil)
    }
  }
}

/// A master key nobody uses yet, with what the KMS made of it.
struct FreshMasterKey: ~Copyable {
  let key: MasterKey
  let wrapped: WrappedMasterKey
}
