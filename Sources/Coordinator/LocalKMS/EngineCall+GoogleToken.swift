// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore

/// Google's token endpoint, and who stands behind a token.
extension EngineCall {
  private static let grantType = "urn:ietf:params:oauth:grant-type:jwt-bearer"
  private static let scopes = [
    "https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/cloudkms",
  ]

  /// Exchanges a service account's assertion for an access token (RFC 7523, section 2.1).
  mutating func performGoogleToken(_ request: KMSRequest, _ vault: borrowing LocalKMSVault) throws(KMSFault)
    -> KMSAnswer
  {
    entry.action = "GoogleToken"
    guard request.method == "POST", let form = request.form else {
      throw KMSFault("invalid_request", "The request must be a POST with a form.")
    }
    guard form["grant_type"] == Self.grantType else {
      throw KMSFault("unsupported_grant_type", "Invalid grant_type: the local KMS takes \(Self.grantType) only.")
    }
    guard let assertion = form["assertion"], let token = JSONWebToken(assertion) else {
      throw KMSFault("invalid_grant", "Invalid JWT: the assertion is not a token with RS256.")
    }
    let identity = try signer(token, vault)
    let audience = token.text("aud") ?? ""
    guard audience == "https://oauth2.googleapis.com/token" || isOwn(audience, request, path: "/token") else {
      throw KMSFault("invalid_grant", "Invalid JWT: Failed audience check.")
    }
    guard isScoped(token) else { throw KMSFault("invalid_scope", "Invalid OAuth scope or ID token audience provided.") }
    return try googleToken(for: identity, vault)
  }

  /// An access token of an identity.
  func googleToken(for identity: Identity, _ vault: borrowing LocalKMSVault) throws(KMSFault) -> KMSAnswer {
    do {
      let token = try vault.token(
        AccessToken(identity: identity.id, expiresSeconds: clockSeconds + AccessToken.lifeSeconds),
        purpose: Identity.Kind.google.rawValue)
      return KMSAnswer([
        .init("access_token", .string("ya29.\(token)")), .init("expires_in", .integer(AccessToken.lifeSeconds - 1)),
        .init("token_type", .string("Bearer")),
      ])
    } catch { throw failed(error, .googleToken) }
  }

  /// The identity of a request: by an access token, or by a token the service account signed itself (AIP-4111).
  mutating func googleIdentity(_ request: KMSRequest, _ vault: borrowing LocalKMSVault) throws(KMSFault) -> Identity {
    guard let bearer = request.bearer else {
      throw .unauthenticated(
        "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other "
          + "valid authentication credential.")
    }
    let invalid = KMSFault.unauthenticated(
      "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
        + "authentication credential.")
    if bearer.hasPrefix("ya29."),
      let token = vault.contents(
        of: String(bearer.dropFirst(5)), purpose: Identity.Kind.google.rawValue, as: AccessToken.self)
    {
      guard let identity = vault.state.identities[token.identity], token.expiresSeconds > clockSeconds else {
        throw invalid
      }
      entry.accessKeyID = identity.id
      return identity
    }
    guard let token = JSONWebToken(bearer), let identity = try? signer(token, vault) else { throw invalid }
    let audience = token.text("aud") ?? ""
    let isForUs = audience == "https://cloudkms.googleapis.com/" || isOwn(audience, request, path: "/")
    guard isForUs || (audience.isEmpty && isScoped(token)) else { throw invalid }
    return identity
  }

  /// The service account that signed a token, which is in its time.
  private mutating func signer(_ token: JSONWebToken, _ vault: borrowing LocalKMSVault) throws(KMSFault) -> Identity {
    let issuer = token.text("iss") ?? ""
    entry.accessKeyID = AuditEntry.cleaned(issuer)
    guard let identity = vault.state.identities[issuer], identity.kind == .google,
      token.text("sub").map({ $0 == issuer }) ?? true
    else { throw KMSFault("invalid_grant", "Invalid grant: account not found") }
    guard token.isSigned(by: identity.publicKey) else { throw KMSFault("invalid_grant", "Invalid JWT Signature.") }
    if let fault = token.fault(nowSeconds: clockSeconds) { throw KMSFault("invalid_grant", fault) }
    return identity
  }

  private func isScoped(_ token: JSONWebToken) -> Bool {
    let wanted = (token.text("scope") ?? "").split(separator: " ").map(String.init)
    return wanted.contains { Self.scopes.contains($0) }
  }

  /// Whether a URL is one of this server: the one the client used, or another name of a loopback address.
  private func isOwn(_ url: String, _ request: KMSRequest, path: String) -> Bool {
    if url == request.base + path { return true }
    return ["localhost", "127.0.0.1", "[::1]"].contains { host in
      guard url.hasPrefix("https://\(host)"), url.hasSuffix(path) else { return false }
      let port = url.dropFirst("https://\(host)".count).dropLast(path.count)
      return port.isEmpty || (port.first == ":" && port.dropFirst().allSatisfy(\.isNumber))
    }
  }
}
