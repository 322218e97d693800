// SPDX-License-Identifier: GPL-3.0-or-later

public import ClusterModel

/// One operation on one key, as errors and records name it.
package struct KMSCall: Sendable {
  /// Whose KMS is asked.
  package let provider: KMSProvider
  /// What is being done.
  package let operation: KMSError.Operation
  /// The full id of the key, empty if it is about none.
  package let keyID: String
  /// What the key that is wrapped or unwrapped is bound to, nil if it is about none.
  package let context: KeyContext?
  /// Whether it is made with credentials that were fetched for it, and none that were kept.
  var renewsCredentials = false

  /// Names a call.
  package init(_ provider: KMSProvider, _ operation: KMSError.Operation, keyID: String, context: KeyContext? = nil) {
    self.provider = provider
    self.operation = operation
    self.keyID = keyID
    self.context = context
  }

  /// An error of this call.
  package func error(_ kind: KMSError.Kind, code: String = "", requestID: String = "", _ detail: String) -> KMSError {
    KMSError(kind, providerCode: code, operation: operation, keyID: keyID, requestID: requestID, detail: detail)
  }
}

/// One request that a KMS answered or did not, for the record of every use of a key.
///
/// Each attempt has one, so that the record can be matched line by line with the provider's own log.
public struct KMSCallRecord: Sendable, Equatable {
  /// Whose KMS was asked.
  public var provider: KMSProvider
  /// What was being done.
  public var operation: KMSError.Operation
  /// The full id of the key.
  public var keyID: String
  /// The provider's id of the request, empty if there was no answer or none in it.
  public var requestID: String
  /// The kind of failure, nil for success.
  public var failure: KMSError.Kind?
  /// When it was sent, milliseconds since 1970.
  public var startedAtMilliseconds: Int64
}
