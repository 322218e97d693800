// SPDX-License-Identifier: GPL-3.0-or-later

/// What is the same for the refusals of all providers.
///
/// The order is the design's (section 6): the clock before the type, and a type that claims a state of key or
/// credentials counts only in an answer that has the form such an answer has.
enum RefusalRules {
  /// The longest text of a refusal taken over from an answer, in bytes.
  static let maximumMessageLength = 400

  /// The kind of failure and a sentence about it. `kind` is what the provider's own table makes of `code`, which is
  /// empty if the answer has none; `message` is shown for access refusals only.
  static func classified(
    status: Int, code: String, kind: KMSError.Kind, clock: AnswerClock, dependsOnClock: Bool, message: String
  ) -> (kind: KMSError.Kind, detail: String) {
    if let skew = clock.skew { return (.clockSkew, skew) }
    guard !code.isEmpty else { return withoutCode(status) }
    if dependsOnClock, clock.dateSeconds == nil {
      return (.malformedAnswer, "the signature was refused by an answer without a Date, which proves nothing")
    }
    switch kind {
    case .unlisted where status == 429: return (.throttled, sentence(of: .throttled))
    case .unlisted where status >= 500: return (.service, "the KMS answered with HTTP status \(status)")
    case .unlisted: return (.unlisted, "the KMS refused with a type Keyfold gives no meaning to")
    case .keyDisabled, .keyNotFound, .keyPendingDeletion, .credentialsRefused, .accessDenied, .corruptBlob:
      guard (400..<500).contains(status) else {
        return (.malformedAnswer, "the error type does not go with HTTP status \(status)")
      }
    default: break
    }
    return (kind, sentence(of: kind) + (kind == .accessDenied && !message.isEmpty ? ": " + message : ""))
  }

  /// Without a type only outages are left; the status tells them apart and can't make them anything else.
  private static func withoutCode(_ status: Int) -> (kind: KMSError.Kind, detail: String) {
    switch status {
    case 429: (.throttled, "the KMS, or something before it, asks for fewer calls")
    case 500...: (.service, "the KMS, or something before it, answered with HTTP status \(status)")
    default: (.malformedAnswer, "HTTP status \(status) without an error type; is a proxy or firewall in the way?")
    }
  }

  static func sentence(of kind: KMSError.Kind) -> String {
    switch kind {
    case .keyDisabled: "the key is disabled"
    case .keyPendingDeletion: "the key is scheduled for deletion"
    case .keyNotFound: "the key does not exist"
    case .keyStateUnknown: "the key is in a state that forbids this"
    case .credentialsRefused: "the KMS does not accept the credentials"
    case .accessDenied: "the credentials may not use the key"
    case .credentialsExpired: "the temporary credentials have expired"
    case .throttled: "the KMS asks for fewer calls"
    case .clockSkew: "the KMS says that this machine's clock is wrong"
    case .perimeter: "a firewall or perimeter of the provider refuses this machine's address"
    case .corruptBlob: "the wrapped key is damaged, or was wrapped by another key or for another purpose"
    default: "the KMS has a failure of its own"
    }
  }

  /// What the described state of a key makes of a refusal that did not say it.
  static func kind(of state: KMSKeyDescription.State) -> KMSError.Kind {
    switch state {
    case .disabled: .keyDisabled
    case .pendingDeletion, .pendingReplicaDeletion: .keyPendingDeletion
    case .destroyed: .keyNotFound
    case .creating, .enabled, .pendingImport, .unavailable, .updating, .unknown: .keyStateUnknown
    }
  }
}
