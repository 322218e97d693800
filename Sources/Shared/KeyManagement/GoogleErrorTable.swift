// SPDX-License-Identifier: GPL-3.0-or-later

internal import NIOCore

/// Google's errors as kinds of failure: by the type of a violated precondition, else the reason, else the status.
///
/// The words are those of google.rpc (`Code`, `ErrorInfo`, `PreconditionFailure`), of Cloud KMS and of Google's API
/// front end ("google.api.ErrorReason"). Never message texts; what has no row is `unlisted`, which never closes a node.
enum GoogleErrorTable {
  /// `PreconditionFailure.violations[].type`.
  static let violations: [String: KMSError.Kind] = [
    "KEY_DISABLED": .keyDisabled,
    "KEY_DESTROY_SCHEDULED": .keyPendingDeletion,
    "KEY_DESTROYED": .keyNotFound,
    "VPC_SERVICE_CONTROLS": .perimeter,
  ]

  /// `ErrorInfo.reason`.
  static let reasons: [String: KMSError.Kind] = [
    "IAM_PERMISSION_DENIED": .accessDenied,
    "SECURITY_POLICY_VIOLATED": .perimeter,
    "API_KEY_IP_ADDRESS_BLOCKED": .perimeter,
    "LOCATION_POLICY_VIOLATED": .perimeter,
    "ACCESS_TOKEN_EXPIRED": .credentialsExpired,
    "ACCOUNT_STATE_INVALID": .credentialsRefused,
    "RATE_LIMIT_EXCEEDED": .throttled,
    "RESOURCE_QUOTA_EXCEEDED": .throttled,
  ]

  /// `status`, where neither is given.
  static let statuses: [String: KMSError.Kind] = [
    "FAILED_PRECONDITION": .keyStateUnknown,  // resolved by describing the version
    "NOT_FOUND": .keyNotFound,
    "PERMISSION_DENIED": .accessDenied,
    "UNAUTHENTICATED": .credentialsRefused,
    "INVALID_ARGUMENT": .corruptBlob,  // counts for unwrap only
    "RESOURCE_EXHAUSTED": .throttled,
    "UNAVAILABLE": .service,
    "INTERNAL": .service,
    "DEADLINE_EXCEEDED": .service,
    "ABORTED": .service,
    "UNKNOWN": .service,
    "DATA_LOSS": .service,
    "CANCELLED": .service,
  ]

  static func kind(status: String, reason: String, violation: String, operation: KMSError.Operation) -> KMSError.Kind {
    if !violation.isEmpty, let kind = violations[violation] { return kind }
    // A violation without a row leaves the state open: the version is asked for it.
    if !violation.isEmpty { return status == "FAILED_PRECONDITION" ? .keyStateUnknown : .unlisted }
    // CREDENTIALS_MISSING and the like stand beside UNAUTHENTICATED and say nothing more.
    if !reason.isEmpty, status != "UNAUTHENTICATED" || reasons[reason] != nil {
      return reasons[reason] ?? fallback(status)
    }
    let kind = statuses[status] ?? .unlisted
    return kind == .corruptBlob && operation != .unwrap ? .unlisted : kind
  }

  /// A reason nobody listed keeps outages outages, and makes nothing else of a refusal.
  private static func fallback(_ status: String) -> KMSError.Kind {
    switch statuses[status] {
    case .service: .service
    case .throttled: .throttled
    case .keyStateUnknown: .keyStateUnknown
    default: .unlisted
    }
  }

  /// What the described state of a version is in our words (Cloud KMS, `CryptoKeyVersionState`).
  static func state(_ text: String) -> KMSKeyDescription.State {
    switch text {
    case "ENABLED": .enabled
    case "DISABLED": .disabled
    case "DESTROY_SCHEDULED", "PENDING_EXTERNAL_DESTRUCTION": .pendingDeletion
    case "DESTROYED": .destroyed
    case "PENDING_GENERATION": .creating
    case "PENDING_IMPORT": .pendingImport
    case "IMPORT_FAILED", "GENERATION_FAILED", "EXTERNAL_DESTRUCTION_FAILED": .unavailable
    default: .unknown
    }
  }

  /// The error of an answer that is not a success.
  static func error(_ answer: HTTPAnswer, _ call: KMSCall, nowSeconds: Int64) -> KMSError {
    let bytes = answer.body.readableBytesUInt8Span
    let item = (try? JSONReader.read(bytes))?.member("error")
    let status = AnswerText.code(item?.member("status")?.text(in: bytes))
    var (reason, violation) = ("", "")
    if case .array(let details)? = item?.member("details") {
      for detail in details {
        if let text = detail.member("reason")?.text(in: bytes) { reason = AnswerText.code(text) }
        if case .array(let all)? = detail.member("violations"), let first = all.first {
          violation = AnswerText.code(first.member("type")?.text(in: bytes))
        }
      }
    }
    let message = AnswerText.cleaned(
      item?.member("message")?.text(in: bytes) ?? "", limit: RefusalRules.maximumMessageLength)
    let (kind, detail) = RefusalRules.classified(
      status: answer.status, code: status,
      kind: kind(status: status, reason: reason, violation: violation, operation: call.operation),
      clock: AnswerClock(answer, nowSeconds: nowSeconds), dependsOnClock: false, message: message)
    let shown = [status, reason, violation].filter { !$0.isEmpty }.joined(separator: "/")
    return call.error(kind, code: shown, requestID: "", detail)
  }
}
