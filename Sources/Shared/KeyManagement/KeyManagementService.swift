// SPDX-License-Identifier: GPL-3.0-or-later

public import ClusterModel
public import Secrets

/// One customer-managed key in the customer's KMS, and the three things Keyfold ever asks of it.
///
/// Each operation stays inside its `deadline`, retries included, and makes exactly one call when nothing goes wrong.
/// Only the outcome of `unwrap` says whether the key lives (design, section 6): a service that wraps may still be
/// locked for unwrapping, and the reverse.
public protocol KeyManagementService: Sendable {
  /// Wraps `key` with the customer's key and binds the result to `context`.
  ///
  /// The caller unwraps and compares what it got before anything relies on it.
  func wrap(_ key: borrowing SecretBytes, context: KeyContext, deadline: Duration) async throws(KMSError)
    -> WrappedMasterKey

  /// Unwraps what `wrap` returned under the same `context`; its error's `verdict` decides whether the key is revoked.
  func unwrap(_ wrapped: WrappedMasterKey, context: KeyContext, deadline: Duration) async throws(KMSError)
    -> SecretBytes

  /// Asks the KMS for the state of the key; for people and alerts, never for a verdict.
  func describe(deadline: Duration) async throws(KMSError) -> KMSKeyDescription

  /// The same service for calls that have to show what holds now: tokens and sessions are fetched for each of them, and
  /// take the place of those that were kept. If their issuer can't be reached the call fails, whatever is kept.
  func renewing() -> any KeyManagementService
}

extension KeyManagementService {
  /// Itself: credentials that are fixed are the same at every call.
  public func renewing() -> any KeyManagementService { self }
}
