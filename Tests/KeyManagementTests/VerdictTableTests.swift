// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import NIOCore
import Secrets
import Testing

@testable import KeyManagement

/// What an unwrap has to come to.
private enum Expected: Equatable, Sendable {
  case revoked(RevocationReason)
  case unreachable(OutageReason)
  case noVerdict
}

/// One row of the design's table for one provider, as the whole way from the answer to the verdict.
private struct Row: Sendable, CustomTestStringConvertible {
  let provider: KMSProvider
  let name: String
  let expected: Expected
  var part: String
  var status: Int
  var body: String
  var headers: [(name: String, value: String)] = []
  /// What describing the key answers, nil if it is not asked.
  var describe: String?
  /// How describing fails, nil if it does not.
  var describeFails: DescribeFailure?

  enum DescribeFailure: String { case timeout, serverError, perimeter, denied }

  var testDescription: String { "\(provider.rawValue): \(name)" }

  static func aws(_ code: String, _ status: Int, _ expected: Expected, describe: String? = nil) -> Row {
    Row(
      provider: .aws, name: code + (describe.map { " \($0)" } ?? ""), expected: expected, part: "kms.", status: status,
      body: #"{"__type":"\#(code)","message":"m"}"#, describe: describe)
  }

  static func sts(_ code: String, _ status: Int, _ expected: Expected) -> Row {
    Row(
      provider: .aws, name: "STS \(code)", expected: expected, part: "sts.", status: status,
      body: "<ErrorResponse><Error><Code>\(code)</Code></Error><RequestId>s</RequestId></ErrorResponse>")
  }

  static func azure(_ code: String, _ inner: String, _ status: Int, _ expected: Expected, describe: String? = nil)
    -> Row
  {
    let nested = inner.isEmpty ? "" : #","innererror":{"code":"\#(inner)"}"#
    return Row(
      provider: .azure, name: "\(code) \(inner) \(describe ?? "")", expected: expected, part: "/unwrapkey",
      status: status, body: #"{"error":{"code":"\#(code)","message":"m"\#(nested)}}"#,
      headers: status == 401 ? [Clouds.challenge] : [], describe: describe)
  }

  static func azure(_ code: String, describeFails: DescribeFailure, _ expected: Expected) -> Row {
    var row = azure(code, "", 403, expected, describe: describeFails.rawValue)
    row.describeFails = describeFails
    return row
  }

  static func entra(_ word: String, _ number: Int, _ status: Int, _ expected: Expected) -> Row {
    Row(
      provider: .azure, name: "Entra \(word) \(number)", expected: expected, part: "/oauth2/v2.0/token",
      status: status, body: #"{"error":"\#(word)","error_codes":[\#(number)],"error_description":"AADSTS\#(number)"}"#)
  }

  static func google(
    _ state: String, reason: String = "", violation: String = "", _ status: Int, _ expected: Expected,
    describe: String? = nil
  ) -> Row {
    var details: [String] = []
    if !reason.isEmpty {
      details.append(#"{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"\#(reason)"}"#)
    }
    if !violation.isEmpty {
      details.append(
        #"{"@type":"type.googleapis.com/google.rpc.PreconditionFailure","violations":[{"type":"\#(violation)"}]}"#)
    }
    return Row(
      provider: .gcp, name: "\(state) \(reason)\(violation) \(describe ?? "")", expected: expected, part: ":decrypt",
      status: status,
      body: #"{"error":{"code":\#(status),"status":"\#(state)","message":"m","details":["#
        + details.joined(separator: ",") + "]}}", describe: describe)
  }

  static func token(_ word: String, _ status: Int, _ expected: Expected) -> Row {
    Row(
      provider: .gcp, name: "token \(word)", expected: expected, part: "metadata.google.internal", status: status,
      body: #"{"error":"\#(word)"}"#)
  }

  func asking(_ settings: KMSSettings, _ cloud: ScriptedCloud) throws -> any KeyManagementService {
    try cloud.service(settings, secret: settings.credentials.hasSecret ? "secret" : nil)
  }

  /// The verdict of an unwrap that is answered like this.
  func verdict() async throws -> Expected? {
    let cloud = ScriptedCloud()
    let (settings, wrapped): (KMSSettings, WrappedMasterKey)
    switch provider {
    case .aws:
      (settings, wrapped) = (Clouds.awsRole, Clouds.awsBlob)
      cloud.on("sts.") { _ in cloud.answer(200, Clouds.session(cloud)) }
    case .azure:
      (settings, wrapped) = (Clouds.azure, Clouds.azureBlob)
      Clouds.vault(cloud)
    case .gcp:
      (settings, wrapped) = (Clouds.google, Clouds.googleBlob)
      Clouds.account(cloud)
    }
    let state = describe
    let (status, body, headers) = (self.status, self.body, self.headers)
    if let state { script(state, cloud) }
    cloud.on(part) { question in
      if let state, question.header("X-Amz-Target") == "TrentService.DescribeKey" {
        return cloud.answer(
          200, #"{"KeyMetadata":{"Arn":"\#(Clouds.awsKey)","KeyState":"\#(state)"}}"#)
      }
      return cloud.answer(status, body, headers)
    }
    let service = try asking(settings, cloud)
    guard let error = await cloud.failure(service, wrapped) else { return nil }
    switch error.verdict {
    case .valid?: return nil
    case .revoked(let reason, _)?: return .revoked(reason)
    case .unreachable(let reason, _)?: return .unreachable(reason)
    case nil: return .noVerdict
    }
  }

  private func script(_ state: String, _ cloud: ScriptedCloud) {
    switch provider {
    case .aws: break
    case .azure:
      let part = "0123456789abcdef?api-version"
      switch describeFails {
      case .timeout: return cloud.on(part) { _ in .failure(HTTPFailure(.timeout, "no answer")) }
      case .serverError: return cloud.on(part, 503, #"{"error":{"code":"ServiceUnavailable","message":"m"}}"#)
      case .perimeter:
        return cloud.on(
          part, 403,
          #"{"error":{"code":"Forbidden","message":"m","innererror":{"code":"ForbiddenByFirewall"}}}"#)
      case .denied:
        return cloud.on(
          part, 403, #"{"error":{"code":"Forbidden","message":"m","innererror":{"code":"ForbiddenByRbac"}}}"#)
      case nil: break
      }
      cloud.on(
        part, 200,
        #"{"key":{"kid":"\#(Clouds.azureKey)"},"attributes":{"enabled":\#(state)}}"#)
    case .gcp: cloud.on("cryptoKeyVersions/3", 200, #"{"name":"\#(Clouds.googleKey)","state":"\#(state)"}"#)
    }
  }
}

@Suite("The table of verdicts, every row for every provider, from the answer's bytes to the verdict")
struct VerdictTableTests {
  private static let rows: [Row] =
    [
      // The state of the key.
      .aws("DisabledException", 400, .revoked(.keyDisabled)),
      .aws("KMSInvalidStateException", 400, .revoked(.keyPendingDeletion), describe: "PendingDeletion"),
      .aws("KMSInvalidStateException", 400, .revoked(.keyPendingDeletion), describe: "PendingReplicaDeletion"),
      .aws("KMSInvalidStateException", 400, .revoked(.keyDisabled), describe: "Disabled"),
      .aws("KMSInvalidStateException", 400, .unreachable(.service), describe: "Enabled"),
      .aws("NotFoundException", 400, .revoked(.keyNotFound)),
      .azure("Forbidden", "KeyDisabled", 403, .revoked(.keyDisabled)),
      .azure("Forbidden", "", 403, .revoked(.keyDisabled), describe: "false"),
      .azure("Conflict", "ObjectIsDeletedButRecoverable", 409, .revoked(.keyPendingDeletion)),
      .azure("KeyNotFound", "", 404, .revoked(.keyNotFound)),
      .google("FAILED_PRECONDITION", violation: "KEY_DISABLED", 400, .revoked(.keyDisabled)),
      .google("FAILED_PRECONDITION", violation: "KEY_DESTROY_SCHEDULED", 400, .revoked(.keyPendingDeletion)),
      .google("FAILED_PRECONDITION", violation: "KEY_DESTROYED", 400, .revoked(.keyNotFound)),
      .google("FAILED_PRECONDITION", 400, .revoked(.keyDisabled), describe: "DISABLED"),
      .google("FAILED_PRECONDITION", 400, .revoked(.keyPendingDeletion), describe: "DESTROY_SCHEDULED"),
      .google("FAILED_PRECONDITION", violation: "NEW", 400, .revoked(.keyNotFound), describe: "DESTROYED"),
      .google("FAILED_PRECONDITION", 400, .unreachable(.service), describe: "ENABLED"),
      .google("FAILED_PRECONDITION", 400, .unreachable(.service), describe: "SLEEPING"),
      .google("NOT_FOUND", 404, .revoked(.keyNotFound)),

      // Credentials unknown or refused, roles, access.
      .aws("UnrecognizedClientException", 400, .revoked(.credentialsRefused)),
      .aws("InvalidSignatureException", 400, .revoked(.credentialsRefused)),
      .aws("AccessDeniedException", 400, .revoked(.accessDenied)),
      .aws("AccessDeniedException", 403, .revoked(.accessDenied)),
      .sts("AccessDenied", 403, .revoked(.accessDenied)),
      .sts("InvalidClientTokenId", 403, .revoked(.credentialsRefused)),
      .sts("SignatureDoesNotMatch", 403, .revoked(.credentialsRefused)),
      .azure("Unauthorized", "", 401, .revoked(.credentialsRefused)),
      .azure("Forbidden", "ForbiddenByRbac", 403, .revoked(.accessDenied)),
      .azure("Forbidden", "ForbiddenByPolicy", 403, .revoked(.accessDenied)),
      .azure("Forbidden", "AccessDenied", 403, .revoked(.accessDenied)),
      .azure("Forbidden", "", 403, .revoked(.accessDenied), describe: "true"),
      .azure("Forbidden", describeFails: .denied, .revoked(.accessDenied)),
      .azure("Forbidden", describeFails: .timeout, .unreachable(.timeout)),
      .azure("Forbidden", describeFails: .serverError, .unreachable(.service)),
      .azure("Forbidden", describeFails: .perimeter, .unreachable(.network)),
      .entra("invalid_client", 7_000_215, 401, .revoked(.credentialsRefused)),
      .entra("invalid_client", 7_000_222, 401, .revoked(.credentialsRefused)),
      .entra("unauthorized_client", 700_016, 400, .revoked(.credentialsRefused)),
      .entra("invalid_request", 90_002, 400, .revoked(.credentialsRefused)),
      .google("PERMISSION_DENIED", reason: "IAM_PERMISSION_DENIED", 403, .revoked(.accessDenied)),
      .google("PERMISSION_DENIED", 403, .revoked(.accessDenied)),
      .google("UNAUTHENTICATED", 401, .revoked(.credentialsRefused)),
      .google("UNAUTHENTICATED", reason: "CREDENTIALS_MISSING", 401, .revoked(.credentialsRefused)),
      .google("UNAUTHENTICATED", reason: "ACCOUNT_STATE_INVALID", 401, .revoked(.credentialsRefused)),

      // Throttling, failures of the service's own, what it depends on.
      .aws("ThrottlingException", 400, .unreachable(.throttled)),
      .aws("KMSInternalException", 500, .unreachable(.service)),
      .aws("DependencyTimeoutException", 503, .unreachable(.service)),
      .aws("KeyUnavailableException", 500, .unreachable(.service)),
      .sts("Throttling", 400, .unreachable(.throttled)),
      .sts("ServiceUnavailable", 503, .unreachable(.service)),
      .azure("Throttled", "", 429, .unreachable(.throttled)),
      .azure("InternalServerError", "", 500, .unreachable(.service)),
      .azure("ServiceUnavailable", "", 503, .unreachable(.service)),
      .entra("temporarily_unavailable", 0, 503, .unreachable(.service)),
      .entra("invalid_request", 90_033, 503, .unreachable(.service)),
      .google("RESOURCE_EXHAUSTED", 429, .unreachable(.throttled)),
      .google("RESOURCE_EXHAUSTED", reason: "RATE_LIMIT_EXCEEDED", 429, .unreachable(.throttled)),
      .google("INTERNAL", 500, .unreachable(.service)),
      .google("UNAVAILABLE", reason: "SOMETHING_NEW", 503, .unreachable(.service)),
      .google("DEADLINE_EXCEEDED", 504, .unreachable(.service)),
      .token("whatever", 503, .unreachable(.service)),

      // Firewalls and perimeters.
      .azure("Forbidden", "ForbiddenByFirewall", 403, .unreachable(.network)),
      .azure("Forbidden", "ForbiddenByConnection", 403, .unreachable(.network)),
      .entra("access_denied", 53_003, 400, .unreachable(.network)),
      .google("PERMISSION_DENIED", reason: "SECURITY_POLICY_VIOLATED", 403, .unreachable(.network)),
      .google("PERMISSION_DENIED", violation: "VPC_SERVICE_CONTROLS", 403, .unreachable(.network)),

      // Temporary credentials.
      .aws("ExpiredTokenException", 400, .unreachable(.credentialsExpired)),
      .sts("ExpiredTokenException", 403, .unreachable(.credentialsExpired)),
      .google("UNAUTHENTICATED", reason: "ACCESS_TOKEN_EXPIRED", 401, .unreachable(.credentialsExpired)),
      .token("no account", 404, .unreachable(.unlisted)),

      // Anything not listed.
      .aws("ValidationException", 400, .unreachable(.unlisted)),
      .sts("MalformedPolicyDocument", 400, .unreachable(.unlisted)),
      .azure("Forbidden", "SomethingNew", 403, .unreachable(.unlisted)),
      .azure("SomethingNew", "", 400, .unreachable(.unlisted)),
      .entra("invalid_scope", 70_011, 400, .unreachable(.unlisted)),
      .google("PERMISSION_DENIED", reason: "SERVICE_DISABLED", 403, .unreachable(.unlisted)),
      .google("PERMISSION_DENIED", reason: "BILLING_DISABLED", 403, .unreachable(.unlisted)),
      .google("OUT_OF_RANGE", 400, .unreachable(.unlisted)),

      // A fault of the blob.
      .aws("InvalidCiphertextException", 400, .noVerdict),
      .aws("IncorrectKeyException", 400, .noVerdict),
      .azure("BadParameter", "", 400, .noVerdict),
      .google("INVALID_ARGUMENT", 400, .noVerdict),
    ]

  @Test("each row", arguments: rows)
  private func row(_ row: Row) async throws { #expect(try await row.verdict() == row.expected) }

  @Test("a type that speaks of key or credentials does not count in a success or a server's failure", arguments: rows)
  private func wrongStatus(_ row: Row) async throws {
    guard case .revoked = row.expected else { return }
    for status in [204, 302, 500, 503] {
      var changed = row
      changed.status = status
      let verdict = try await changed.verdict()
      if case .unreachable? = verdict { continue }
      // A describe that answers properly still says the state of the key, whatever went before it.
      #expect(row.describe != nil, "status \(status) of \(row.testDescription) gave \(String(describing: verdict))")
    }
  }

  @Test("a clock that is wrong comes before any type, for the KMS and for the issuer", arguments: rows)
  private func clock(_ row: Row) async throws {
    for date in ["Sun, 30 Aug 2015 12:40:01 GMT", "Sun, 30 Aug 2015 12:31:59 GMT"] {
      var skewed = row
      skewed.headers.append((name: "Date", value: date))
      let isMachine = row.part == "metadata.google.internal"
      #expect(try await skewed.verdict() == (isMachine ? row.expected : .unreachable(.clockSkew)))
    }
  }

  @Test("what is no answer of the service at all proves nothing", arguments: KMSProvider.allCases)
  func strangers(provider: KMSProvider) async throws {
    let part = [KMSProvider.aws: "kms.", .azure: "/unwrapkey", .gcp: ":decrypt"][provider] ?? ""
    for (status, body) in [
      (403, "<html>Access denied by your firewall</html>"), (401, ""), (404, "Not Found"), (400, "{}"),
      (400, #"{"error":"#), (403, #"{"error":{"code":7}}"#), (301, ""), (307, ""), (200, "ok"),
      (403, String(repeating: "[", count: 100_000)), (400, "\u{0}\u{1}"),
    ] {
      let row = Row(
        provider: provider, name: "", expected: .unreachable(.malformedAnswer), part: part, status: status, body: body)
      #expect(try await row.verdict() == .unreachable(.malformedAnswer), "\(status) \(body.prefix(20))")
    }
    for (status, reason) in [(429, OutageReason.throttled), (502, .service), (503, .service)] {
      let row = Row(
        provider: provider, name: "", expected: .unreachable(reason), part: part, status: status, body: "<html>")
      #expect(try await row.verdict() == .unreachable(reason))
    }
  }

  @Test("network, TLS and time-out are outages, of the KMS and of the issuer", arguments: KMSProvider.allCases)
  func outages(provider: KMSProvider) async throws {
    let issuer = [KMSProvider.aws: "sts.", .azure: "/oauth2", .gcp: "metadata.google"][provider] ?? ""
    let kms = [KMSProvider.aws: "kms.", .azure: "/unwrapkey", .gcp: ":decrypt"][provider] ?? ""
    for part in [issuer, kms] {
      for kind in [KMSError.Kind.network, .tls, .timeout, .malformedAnswer] {
        let cloud = ScriptedCloud()
        let (settings, wrapped) =
          switch provider {
          case .aws: (Clouds.awsRole, Clouds.awsBlob)
          case .azure: (Clouds.azure, Clouds.azureBlob)
          case .gcp: (Clouds.google, Clouds.googleBlob)
          }
        switch provider {
        case .aws: cloud.on("sts.") { _ in cloud.answer(200, Clouds.session(cloud)) }
        case .azure: Clouds.vault(cloud)
        case .gcp: Clouds.account(cloud)
        }
        cloud.on(part) { _ in .failure(HTTPFailure(kind, "down")) }
        let service = try cloud.service(settings, secret: settings.credentials.hasSecret ? "s" : nil)
        let error = await cloud.failure(service, wrapped)
        guard case .unreachable? = error?.verdict else {
          Issue.record("\(provider) \(part) \(kind): \(String(describing: error))")
          continue
        }
      }
    }
  }

  @Test(
    "a token of an absurd lifetime, or that would end a header, is not taken or not believed",
    arguments: [
      (#"{"access_token":"t","expires_in":0}"#, false), (#"{"access_token":"t","expires_in":-5}"#, false),
      (#"{"access_token":"t","expires_in":"soon"}"#, false), (#"{"access_token":"t"}"#, false),
      (#"{"access_token":"a\r\nX: y","expires_in":60}"#, false), (#"{"access_token":"a b","expires_in":60}"#, false),
      (#"{"access_token":"","expires_in":60}"#, false), (#"{"access_token":7,"expires_in":60}"#, false),
      (#"{"access_token":"t","expires_in":60,"token_type":"mac"}"#, false),
      (#"{"access_token":"t","expires_in":1e300}"#, true), (#"{"access_token":"t","expires_in":"86399"}"#, true),
    ])
  func lifetimes(token: (String, Bool)) async throws {
    let cloud = ScriptedCloud()
    Clouds.account(cloud)
    cloud.on("metadata.google.internal", 200, token.0, headers: [Clouds.flavor])
    let service = try cloud.service(Clouds.google)
    let error = await cloud.failure(service, Clouds.googleBlob)
    #expect((error == nil) == token.1)
    if token.1 {
      cloud.pass(700)
      #expect(await cloud.failure(service, Clouds.googleBlob) == nil)
      #expect(cloud.questions("metadata.google.internal").count == 2)
    } else {
      #expect(error?.kind == .malformedAnswer && cloud.questions(":decrypt").isEmpty)
    }
  }
}
