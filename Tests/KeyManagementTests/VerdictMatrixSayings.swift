// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel

@testable import KeyManagement

/// How each party says what it can say.
enum Sayings {
  static func all(_ party: MatrixParty, _ row: MatrixCase) -> [MatrixRow.Saying] {
    switch row {
    case .network: return [.failure(.network)]
    case .tls: return [.failure(.tls)]
    case .timeout: return [.failure(.timeout)]
    case .malformedAnswer: return malformed(party)
    case .clockSkew: return skewed(party)
    default: break
    }
    switch party {
    case .kms: return kms(row)
    case .sts: return sts(row)
    case .vault: return vault(row)
    case .entra: return entra(row)
    case .cloudKMS: return cloudKMS(row)
    case .googleTokens: return googleTokens(row)
    case .instanceMetadata, .azureMetadata, .googleMetadata: return metadata(row)
    }
  }

  /// Success and refusals that have not the form of the party's.
  private static func malformed(_ party: MatrixParty) -> [MatrixRow.Saying] {
    let bodies = ["", "ok", "{}", "<html>", #"{"error":"#, "\u{0}", String(repeating: "[", count: 50_000)]
    let successes = bodies.map { MatrixRow.Saying.answer(200, $0, []) }
    return party.isMachine ? successes : successes + bodies.map { .answer(403, $0, []) } + [.answer(302, "", [])]
  }

  /// A refusal that would count, were it not for the clock.
  private static func skewed(_ party: MatrixParty) -> [MatrixRow.Saying] {
    let refusals = all(party, party.isService ? .keyNotFound : .credentialsRefused)
    return refusals.flatMap { saying -> [MatrixRow.Saying] in
      guard case .answer(let status, let body, let headers) = saying else { return [] }
      return ["Sun, 30 Aug 2015 12:40:01 GMT", "Sun, 30 Aug 2015 12:31:59 GMT"].map {
        .answer(status, body, headers + [(name: "Date", value: $0)])
      }
    }
  }

  private static func kms(_ row: MatrixCase) -> [MatrixRow.Saying] {
    func error(_ types: [String], _ status: Int = 400) -> [MatrixRow.Saying] {
      types.map { .answer(status, #"{"__type":"\#($0)"}"#, []) }
    }
    switch row {
    case .keyDisabled: return error(["DisabledException", "com.amazonaws.kms#DisabledException"])
    case .keyNotFound: return error(["NotFoundException"])
    case .credentialsRefused:
      return error(["UnrecognizedClientException", "InvalidSignatureException", "MissingAuthenticationTokenException"])
    case .accessDenied: return error(["AccessDeniedException"]) + error(["AccessDeniedException"], 403)
    case .throttled: return error(["ThrottlingException", "LimitExceededException"]) + [.answer(429, "", [])]
    case .serviceError:
      return error(["KMSInternalException", "DependencyTimeoutException", "KeyUnavailableException"], 500)
        + [.answer(503, "", [])]
    case .credentialsExpired: return error(["ExpiredTokenException"])
    case .unlisted: return error(["ValidationException", "SomethingNewException"])
    case .corruptBlob: return error(["InvalidCiphertextException", "IncorrectKeyException"])
    default: return []
    }
  }

  private static func sts(_ row: MatrixCase) -> [MatrixRow.Saying] {
    func error(_ codes: [String], _ status: Int = 403) -> [MatrixRow.Saying] {
      codes.map { .answer(status, "<ErrorResponse><Error><Code>\($0)</Code></Error></ErrorResponse>", []) }
    }
    switch row {
    case .credentialsRefused: return error(["InvalidClientTokenId", "SignatureDoesNotMatch", "IncompleteSignature"])
    case .accessDenied: return error(["AccessDenied"])
    case .throttled: return error(["Throttling", "RequestLimitExceeded"], 400) + [.answer(429, "", [])]
    case .serviceError: return error(["InternalFailure", "ServiceUnavailable"], 503) + [.answer(500, "", [])]
    case .credentialsExpired: return error(["ExpiredToken", "ExpiredTokenException"])
    case .unlisted: return error(["RegionDisabledException", "MalformedPolicyDocument", "PackedPolicyTooLarge"], 400)
    default: return []
    }
  }

  private static func vault(_ row: MatrixCase) -> [MatrixRow.Saying] {
    func error(_ status: Int, _ code: String, _ inner: [String] = [""]) -> [MatrixRow.Saying] {
      inner.map {
        let nested = $0.isEmpty ? "" : #","innererror":{"code":"\#($0)"}"#
        return .answer(
          status, #"{"error":{"code":"\#(code)"\#(nested)}}"#, status == 401 ? [Clouds.challenge] : [])
      }
    }
    switch row {
    case .keyDisabled: return error(403, "Forbidden", ["KeyDisabled"])
    case .keyPendingDeletion: return error(409, "Conflict", ["ObjectIsDeletedButRecoverable", "ObjectIsBeingDeleted"])
    case .keyNotFound: return error(404, "KeyNotFound", ["", "KeyNotFound"])
    case .credentialsRefused: return error(401, "Unauthorized")
    case .accessDenied:
      return error(403, "Forbidden", ["AccessDenied", "ForbiddenByPolicy", "ForbiddenByRbac", "KeyOperationForbidden"])
    case .throttled:
      return error(429, "Throttled", ["", "VaultRequestTypeLimitReached"]) + error(429, "TooManyRequests")
        + [.answer(429, "", [])]
    case .serviceError:
      return ["InternalServerError", "ServiceUnavailable", "ServerBusy", "GatewayTimeout"].flatMap { error(503, $0) }
        + [.answer(502, "", [])]
    case .perimeter:
      return error(
        403, "Forbidden",
        ["ForbiddenByFirewall", "ForbiddenByConnection", "ForbiddenByNsp", "ForbiddenByNetworkSecurityPerimeter"])
    case .unlisted: return error(403, "Forbidden", ["SomethingNew"]) + error(400, "SomethingNew")
    case .corruptBlob: return error(400, "BadParameter")
    default: return []
    }
  }

  private static func entra(_ row: MatrixCase) -> [MatrixRow.Saying] {
    func error(_ status: Int, _ word: String, _ numbers: [Int]) -> [MatrixRow.Saying] {
      numbers.map { .answer(status, #"{"error":"\#(word)","error_codes":[\#($0)]}"#, []) }
    }
    switch row {
    case .credentialsRefused:
      return error(401, "invalid_client", [7_000_215, 7_000_222, 7_000_112, 7_000_229])
        + error(400, "unauthorized_client", [700_016, 0]) + error(400, "invalid_request", [90_002])
    case .throttled: return error(429, "temporarily_unavailable", [50_196, 90_055]) + [.answer(429, "", [])]
    case .serviceError: return error(503, "temporarily_unavailable", [0, 90_006, 90_024, 90_033, 50_000])
    case .perimeter: return error(400, "access_denied", [53_000, 53_003, 530_035])
    case .unlisted: return error(400, "invalid_scope", [70_011]) + error(400, "interaction_required", [1])
    default: return []
    }
  }

  private static func cloudKMS(_ row: MatrixCase) -> [MatrixRow.Saying] {
    func error(_ status: Int, _ word: String, reasons: [String] = [], violations: [String] = []) -> [MatrixRow.Saying] {
      let details =
        reasons.map { #"{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"\#($0)"}"# }
        + violations.map {
          #"{"@type":"type.googleapis.com/google.rpc.PreconditionFailure","violations":[{"type":"\#($0)"}]}"#
        }
      return (details.isEmpty ? [""] : details).map {
        .answer(status, #"{"error":{"code":\#(status),"status":"\#(word)","details":[\#($0)]}}"#, [])
      }
    }
    switch row {
    case .keyDisabled: return error(400, "FAILED_PRECONDITION", violations: ["KEY_DISABLED"])
    case .keyPendingDeletion: return error(400, "FAILED_PRECONDITION", violations: ["KEY_DESTROY_SCHEDULED"])
    case .keyDestroyed: return error(400, "FAILED_PRECONDITION", violations: ["KEY_DESTROYED"])
    case .keyNotFound: return error(404, "NOT_FOUND")
    case .credentialsRefused:
      return error(401, "UNAUTHENTICATED") + error(401, "UNAUTHENTICATED", reasons: ["ACCOUNT_STATE_INVALID", "NEW"])
    case .accessDenied:
      return error(403, "PERMISSION_DENIED") + error(403, "PERMISSION_DENIED", reasons: ["IAM_PERMISSION_DENIED"])
    case .throttled:
      return error(429, "RESOURCE_EXHAUSTED") + error(429, "RESOURCE_EXHAUSTED", reasons: ["RATE_LIMIT_EXCEEDED"])
        + [.answer(429, "", [])]
    case .serviceError:
      return ["INTERNAL", "UNAVAILABLE", "UNKNOWN", "ABORTED", "DATA_LOSS"].flatMap { error(503, $0) }
        + error(504, "DEADLINE_EXCEEDED") + [.answer(500, "", [])]
    case .credentialsExpired: return error(401, "UNAUTHENTICATED", reasons: ["ACCESS_TOKEN_EXPIRED"])
    case .perimeter:
      return error(
        403, "PERMISSION_DENIED",
        reasons: ["SECURITY_POLICY_VIOLATED", "API_KEY_IP_ADDRESS_BLOCKED", "LOCATION_POLICY_VIOLATED"],
        violations: ["VPC_SERVICE_CONTROLS"])
    case .unlisted:
      return error(403, "PERMISSION_DENIED", reasons: ["SERVICE_DISABLED", "BILLING_DISABLED"])
        + error(400, "OUT_OF_RANGE")
    case .corruptBlob: return error(400, "INVALID_ARGUMENT")
    default: return []
    }
  }

  private static func googleTokens(_ row: MatrixCase) -> [MatrixRow.Saying] {
    func error(_ status: Int, _ words: [String]) -> [MatrixRow.Saying] {
      words.map { .answer(status, #"{"error":"\#($0)","error_description":"m"}"#, []) }
    }
    switch row {
    case .credentialsRefused:
      return error(400, ["invalid_grant"])
        + error(401, ["invalid_client", "unauthorized_client", "deleted_client", "disabled_client"])
    case .throttled: return error(429, ["rate_limit_exceeded", "something_new"]) + [.answer(429, "", [])]
    case .serviceError:
      return error(503, ["server_error", "internal_failure", "backend_error"]) + [.answer(502, "", [])]
    case .unlisted: return error(400, ["invalid_scope", "access_denied", "admin_policy_enforced"])
    default: return []
    }
  }

  /// A metadata service that gives nothing is a fact of the machine, whatever it says.
  private static func metadata(_ row: MatrixCase) -> [MatrixRow.Saying] {
    switch row {
    case .throttled: [.answer(429, "", [])]
    case .serviceError: [.answer(500, "", []), .answer(503, "", [])]
    case .unlisted: [400, 401, 403, 404, 410].map { .answer($0, #"{"error":"invalid_request"}"#, []) }
    default: []
    }
  }
}
