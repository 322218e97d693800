// SPDX-License-Identifier: GPL-3.0-or-later

internal import NIOCore
internal import Secrets

/// Tokens for a service account that signs for itself (RFC 7523).
struct GoogleAccountTokens: TokenIssuer {
  /// Google's own token endpoint.
  static let endpoint = "https://oauth2.googleapis.com/token"

  /// The endpoint's words (RFC 6749, section 5.2, and Google's own).
  static let words: [String: KMSError.Kind] = [
    "invalid_grant": .credentialsRefused,  // key deleted, account disabled or deleted
    "invalid_client": .credentialsRefused, "unauthorized_client": .credentialsRefused,
    "deleted_client": .credentialsRefused, "disabled_client": .credentialsRefused,
    "rate_limit_exceeded": .throttled, "server_error": .service, "internal_failure": .service,
    "backend_error": .service, "temporarily_unavailable": .service,
  ]

  let account: GoogleServiceAccount
  /// The whole URL, which is also the assertion's audience.
  let url: String
  let transport: KMSTransport

  func issue(for call: KMSCall, timeout: Duration) async throws(KMSError) -> CredentialCache<Secret>.Issued {
    let assertion: String
    do { assertion = try account.assertion(audience: url, nowSeconds: transport.clock.nowSeconds) } catch {
      throw call.error(.localFailure, error.description)
    }
    let form =
      "grant_type=\(PercentEncoding.text("urn:ietf:params:oauth:grant-type:jwt-bearer"))&assertion=\(assertion)"
    let question = HTTPQuestion(
      .post, url, headers: [(name: "Content-Type", value: "application/x-www-form-urlencoded")] + PlainHeaders.all,
      body: ByteBuffer(string: form))
    var answer = try await transport.send(call, question, timeout: timeout)
    defer { SecretWiping.wipe(&answer.body) }
    guard answer.status == 200 else {
      throw TokenRefusal(answer, nowSeconds: transport.clock.nowSeconds).error(
        call, issuer: "Google's token endpoint", words: Self.words)
    }
    return try TokenAnswer.read(answer, call)
  }
}

/// Tokens of the Google machine's service account (Compute Engine, "Authenticate workloads").
struct GoogleMetadataTokens: TokenIssuer {
  let endpoint: HTTPEndpoint
  let transport: KMSTransport

  func issue(for call: KMSCall, timeout: Duration) async throws(KMSError) -> CredentialCache<Secret>.Issued {
    let flavor = (name: "Metadata-Flavor", value: "Google")
    let question = HTTPQuestion(
      .get, endpoint.url + "computeMetadata/v1/instance/service-accounts/default/token",
      headers: [flavor] + PlainHeaders.all)
    var answer = try await transport.send(call, question, timeout: timeout)
    defer { SecretWiping.wipe(&answer.body) }
    guard answer.status == 200 else {
      throw MetadataRefusal.error(call, answer.status, "has this machine a service account?")
    }
    guard answer.header(flavor.name) == flavor.value else {
      throw call.error(.malformedAnswer, "what answers at the metadata server's address is not Google's")
    }
    return try TokenAnswer.read(answer, call)
  }
}
