// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement

/// What the faults in force do to one request.
struct FaultEffects: Sendable {
  /// How a request ends that does not get its answer.
  enum Ending: Sendable {
    /// The fault says what is answered.
    case refused(KMSFault)
    /// Nothing is ever answered.
    case silence
    /// The connection is reset.
    case reset
    /// The answer is a success without sense.
    case garbage
  }

  var delayMilliseconds = 0
  var clockOffsetSeconds: Int64 = 0
  var ending: Ending?
}

/// What a fault answers, in each dialect's own words.
extension Dialect {
  /// Whether a fault with this word is meant for the dialect; nil means all of them.
  func isMeant(by word: String?) -> Bool {
    switch word {
    case nil: true
    case "aws": self == .aws || self == .sts
    case "azure": self == .azure || self == .entra
    case "google": self == .google || self == .googleToken
    case "tokens": self == .sts || self == .entra || self == .googleToken
    case "metadata": self == .metadata
    default: false
    }
  }

  /// A failure of the service.
  func outage(status: Int) -> KMSFault {
    let message = "The service is temporarily unable to process the request."
    let isInternal = status == 500
    let type =
      switch self {
      case .aws: isInternal ? "KMSInternalException" : "ServiceUnavailableException"
      case .sts: isInternal ? "InternalFailure" : "ServiceUnavailable"
      case .azure: isInternal ? "InternalServerError" : "ServiceUnavailable"
      case .google: isInternal ? "INTERNAL" : status == 504 ? "DEADLINE_EXCEEDED" : "UNAVAILABLE"
      case .entra: "temporarily_unavailable"
      case .googleToken, .metadata: "internal_failure"
      }
    if self == .entra { return EntraFault.fault(type, 90033, message, status: status) }
    return KMSFault(type, message, status: status)
  }

  /// Too many requests.
  func throttled(retryAfterSeconds: Int) -> KMSFault {
    var fault =
      switch self {
      case .aws: KMSFault("ThrottlingException", "Rate exceeded")
      case .sts: KMSFault("Throttling", "Rate exceeded")
      case .azure:
        KMSFault(
          "Throttled",
          "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached",
          status: 429)
      case .entra: EntraFault.fault("temporarily_unavailable", 90055, "The request was throttled.", status: 429)
      case .google:
        KMSFault(
          "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Cryptographic requests'.", status: 429,
          detail: KMSFault.errorInfo(
            "RATE_LIMIT_EXCEEDED", "googleapis.com", ["service": "cloudkms.googleapis.com"]))
      case .googleToken, .metadata: KMSFault("rate_limit_exceeded", "Too many requests.", status: 429)
      }
    fault.headers["Retry-After"] = String(retryAfterSeconds)
    return fault
  }

  /// A firewall's or perimeter's refusal of the caller's address.
  func perimeter(_ address: String) -> KMSFault {
    switch self {
    case .aws:
      KMSFault(
        "AccessDeniedException",
        "User is not authorized to perform this action with an explicit deny in a VPC endpoint policy")
    case .sts:
      KMSFault(
        "AccessDenied",
        "User is not authorized to perform: sts:AssumeRole with an explicit deny in a VPC endpoint policy",
        status: 403)
    case .azure:
      .forbidden(
        "Client address is not authorized and caller is not a trusted service.\r\nClient address: \(address)",
        "ForbiddenByFirewall")
    case .entra:
      EntraFault.fault(
        "interaction_required", 53003, "Access has been blocked by Conditional Access policies.", status: 400)
    case .google:
      KMSFault(
        "PERMISSION_DENIED",
        "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: local",
        status: 403,
        detail: KMSFault.errorInfo(
          "SECURITY_POLICY_VIOLATED", "googleapis.com", ["service": "cloudkms.googleapis.com"]))
    case .googleToken: KMSFault("access_denied", "The caller's address is not allowed.", status: 403)
    case .metadata: KMSFault("forbidden", "The caller's address is not allowed.", status: 403)
    }
  }
}
