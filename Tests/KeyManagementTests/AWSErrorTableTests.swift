// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import Testing

@testable import KeyManagement

@Suite("The table of AWS's error types, row by row")
struct AWSErrorTableTests {
  /// The verdict of an unwrap, in short: what a row has to come to.
  enum Expected: Equatable, Sendable {
    case revoked(RevocationReason)
    case unreachable(OutageReason)
    case fault(KMSError.Kind)
  }

  static let now: Int64 = 1_800_000_000

  /// Each type with the status real KMS or another server sends it with.
  static let rows: [(code: String, status: Int, expected: Expected)] = [
    ("DisabledException", 400, .revoked(.keyDisabled)),
    ("NotFoundException", 400, .revoked(.keyNotFound)),
    ("KMSInvalidStateException", 400, .unreachable(.service)),
    ("KeyUnavailableException", 500, .unreachable(.service)),
    ("InvalidCiphertextException", 400, .fault(.corruptBlob)),
    ("IncorrectKeyException", 400, .fault(.corruptBlob)),
    ("InvalidSignatureException", 400, .revoked(.credentialsRefused)),
    ("SignatureDoesNotMatch", 403, .revoked(.credentialsRefused)),
    ("IncompleteSignature", 400, .revoked(.credentialsRefused)),
    ("IncompleteSignatureException", 400, .revoked(.credentialsRefused)),
    ("UnrecognizedClientException", 400, .revoked(.credentialsRefused)),
    ("InvalidClientTokenId", 403, .revoked(.credentialsRefused)),
    ("InvalidAccessKeyId", 403, .revoked(.credentialsRefused)),
    ("MissingAuthenticationToken", 403, .revoked(.credentialsRefused)),
    ("MissingAuthenticationTokenException", 400, .revoked(.credentialsRefused)),
    ("ExpiredToken", 403, .unreachable(.credentialsExpired)),
    ("ExpiredTokenException", 400, .unreachable(.credentialsExpired)),
    ("AccessDenied", 403, .revoked(.accessDenied)),
    ("AccessDeniedException", 400, .revoked(.accessDenied)),
    ("AccessDeniedException", 403, .revoked(.accessDenied)),
    ("NotAuthorized", 400, .revoked(.accessDenied)),
    ("UnauthorizedOperation", 403, .revoked(.accessDenied)),
    ("RequestExpired", 400, .unreachable(.clockSkew)),
    ("RequestTimeTooSkewed", 403, .unreachable(.clockSkew)),
    ("Throttling", 400, .unreachable(.throttled)),
    ("ThrottlingException", 400, .unreachable(.throttled)),
    ("ThrottledException", 400, .unreachable(.throttled)),
    ("RequestThrottled", 400, .unreachable(.throttled)),
    ("RequestThrottledException", 400, .unreachable(.throttled)),
    ("RequestLimitExceeded", 503, .unreachable(.throttled)),
    ("TooManyRequestsException", 429, .unreachable(.throttled)),
    ("LimitExceededException", 400, .unreachable(.throttled)),
    ("SlowDown", 503, .unreachable(.throttled)),
    ("KMSInternalException", 500, .unreachable(.service)),
    ("DependencyTimeoutException", 500, .unreachable(.service)),
    ("InternalFailure", 500, .unreachable(.service)),
    ("InternalError", 500, .unreachable(.service)),
    ("InternalServerError", 500, .unreachable(.service)),
    ("InternalServiceException", 500, .unreachable(.service)),
    ("ServiceUnavailable", 503, .unreachable(.service)),
    ("ServiceUnavailableException", 503, .unreachable(.service)),
    ("RequestTimeout", 400, .unreachable(.service)),
    ("RequestTimeoutException", 400, .unreachable(.service)),
    ("ValidationException", 400, .unreachable(.unlisted)),
    ("UnknownOperationException", 400, .unreachable(.unlisted)),
    ("SomethingNew", 400, .unreachable(.unlisted)),
    ("SomethingNew", 500, .unreachable(.service)),
  ]

  static func refusal(_ code: String, status: Int, dateSeconds: Int64?) -> AWSRefusal {
    AWSRefusal(status: status, code: code, message: "", dateSeconds: dateSeconds, requestID: "")
  }

  static func expectation(_ refusal: AWSRefusal) -> Expected {
    let kind = refusal.classified(nowSeconds: now).kind
    let error = KMSError(kind, operation: .unwrap, keyID: "k", detail: "")
    return switch error.verdict {
    case .revoked(let reason, _)?: .revoked(reason)
    case .unreachable(let reason, _)?: .unreachable(reason)
    case .valid?, nil: .fault(kind)
    }
  }

  @Test("comes to the design's verdict", arguments: rows.indices)
  func row(index: Int) {
    let row = Self.rows[index]
    #expect(Self.expectation(Self.refusal(row.code, status: row.status, dateSeconds: Self.now)) == row.expected)
  }

  @Test("has a tested row for every type it lists")
  func everyRowIsTested() {
    #expect(Set(Self.rows.map(\.code)).isSuperset(of: AWSErrorTable.kinds.keys))
  }

  @Test("gives way to a clock that differs by more than four minutes, whatever the type", arguments: rows.indices)
  func clockFirst(index: Int) {
    let row = Self.rows[index]
    for difference: Int64 in [-241, 241, 100_000] {
      let refusal = Self.refusal(row.code, status: row.status, dateSeconds: Self.now + difference)
      #expect(Self.expectation(refusal) == .unreachable(.clockSkew))
    }
    for difference: Int64 in [-240, 240] {
      let refusal = Self.refusal(row.code, status: row.status, dateSeconds: Self.now + difference)
      #expect(Self.expectation(refusal) == row.expected)
    }
  }

  @Test("does not count a refused signature in an answer without a date")
  func signatureWithoutDate() {
    for code in AWSErrorTable.dependsOnClock {
      #expect(Self.expectation(Self.refusal(code, status: 400, dateSeconds: nil)) == .unreachable(.malformedAnswer))
    }
    #expect(
      Self.expectation(Self.refusal("DisabledException", status: 400, dateSeconds: nil)) == .revoked(.keyDisabled))
  }

  @Test(
    "never revokes by an HTTP status", arguments: [300, 301, 400, 401, 403, 404, 407, 410, 418, 429, 451, 500, 503])
  func statusAlone(status: Int) {
    guard case .unreachable = Self.expectation(Self.refusal("", status: status, dateSeconds: Self.now)) else {
      Issue.record("status \(status) without a type must be an outage")
      return
    }
  }

  @Test("does not revoke when the type and the status contradict each other", arguments: [201, 302, 500, 503])
  func contradiction(status: Int) {
    for code in ["DisabledException", "NotFoundException", "AccessDeniedException", "UnrecognizedClientException"] {
      #expect(
        Self.expectation(Self.refusal(code, status: status, dateSeconds: Self.now)) == .unreachable(.malformedAnswer))
    }
  }

  @Test("resolves an invalid state by the described state", arguments: KMSKeyDescription.State.allCases)
  func states(state: KMSKeyDescription.State) {
    let expected: KMSError.Kind =
      switch state {
      case .disabled: .keyDisabled
      case .pendingDeletion, .pendingReplicaDeletion: .keyPendingDeletion
      case .destroyed: .keyNotFound
      default: .keyStateUnknown
      }
    #expect(RefusalRules.kind(of: state) == expected)
  }

  @Test("only an unwrap has a verdict", arguments: KMSError.Kind.allCases)
  func onlyUnwrap(kind: KMSError.Kind) {
    for operation in KMSError.Operation.allCases where operation != .unwrap {
      #expect(KMSError(kind, operation: operation, keyID: "k", detail: "").verdict == nil)
    }
    let verdict = KMSError(kind, operation: .unwrap, keyID: "k", detail: "").verdict
    switch kind {
    case .corruptBlob, .otherKey: #expect(verdict == nil)
    case .invalidSettings, .localFailure:
      guard case .unreachable(.unlisted, _) = verdict else {
        Issue.record("neither damage nor a revocation: \(String(describing: verdict))")
        return
      }
    default: #expect(verdict != nil && verdict != .valid)
    }
  }
}
