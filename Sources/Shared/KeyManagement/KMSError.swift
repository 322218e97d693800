// SPDX-License-Identifier: GPL-3.0-or-later

public import ClusterModel

/// A call to a KMS that did not succeed: what kind of failure, in which operation, on which key.
///
/// It never holds a key, a credential or a plaintext.
public struct KMSError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The kind of failure, made from the provider's error *type*; the table of verdicts is written in these words.
  public enum Kind: String, Sendable, CaseIterable {
    /// The key exists and is disabled.
    case keyDisabled
    /// The key is scheduled for deletion.
    case keyPendingDeletion
    /// The key does not exist or exists no longer.
    case keyNotFound
    /// The key is in a state that forbids the operation, and asking for the state did not tell which.
    case keyStateUnknown
    /// The credentials are unknown to the provider, or their signature does not verify.
    case credentialsRefused
    /// The credentials are known, but may not use the key.
    case accessDenied
    /// The temporary credentials have expired.
    case credentialsExpired
    /// The KMS could not be reached: name resolution, connect, reset.
    case network
    /// A firewall or perimeter of the provider's refuses this machine's address.
    case perimeter
    /// Private networking is required, and the KMS's name has an address outside the private ranges; nothing was sent.
    case privateNetwork
    /// The KMS's certificate or TLS handshake was not acceptable.
    case tls
    /// No answer in time.
    case timeout
    /// The provider asks for fewer calls.
    case throttled
    /// The provider, or something it depends on, has a failure of its own.
    case service
    /// The answer is not one the provider's protocol allows.
    case malformedAnswer
    /// The KMS's clock and ours are too far apart for a signature to be judged.
    case clockSkew
    /// The wrapped key is damaged, belongs to another key or to another context: a fault of the blob, not of the key.
    case corruptBlob
    /// The wrapped key names another key than the settings do; the KMS was not asked.
    case otherKey
    /// The settings cannot be used; the KMS was not asked.
    case invalidSettings
    /// This process could not prepare the call or hold its result: its secret memory is used up.
    case localFailure
    /// The provider refused with a type the table does not list.
    case unlisted
  }

  /// What was being done.
  public enum Operation: String, Sendable, CaseIterable { case configure, wrap, unwrap, describe, administer }

  /// The kind of failure.
  public var kind: Kind
  /// The provider's own error code, empty if there was none.
  public var providerCode: String
  /// What was being done.
  public var operation: Operation
  /// The full id of the key.
  public var keyID: String
  /// The provider's id of the request, for its support, empty if there was none.
  public var requestID: String
  /// What happened in a sentence, for an operator.
  public var detail: String
  /// How long the provider wants to be left alone before the next call, nil if it did not say.
  public var retryAfter: Duration?

  /// Makes an error of its parts.
  public init(
    _ kind: Kind, providerCode: String = "", operation: Operation, keyID: String, requestID: String = "",
    detail: String
  ) {
    self.kind = kind
    self.providerCode = providerCode
    self.operation = operation
    self.keyID = keyID
    self.requestID = requestID
    self.detail = detail
  }

  /// Whether the same call may succeed a moment later.
  public var isRetryable: Bool {
    switch kind {
    case .network, .timeout, .throttled, .service: true
    default: false
    }
  }

  /// What this failure says of the key: nil if it says nothing at all.
  ///
  /// Only `unwrap` decides: a failed wrap or describe raises an alert and has no verdict. A corrupt blob and a blob
  /// of another key are faults of this side and have none either.
  public var verdict: Verdict? { operation == .unwrap ? VerdictTable.verdict(of: kind, detail: description) : nil }

  /// The failure in one line: operation, key, what happened, provider's code and request id.
  public var description: String {
    var text = "KMS \(operation.rawValue) with key \(keyID) failed (\(kind.rawValue)): \(detail)"
    if !providerCode.isEmpty { text += "; the provider's code is \(providerCode)" }
    if !requestID.isEmpty { text += "; request id \(requestID)" }
    return text
  }
}
