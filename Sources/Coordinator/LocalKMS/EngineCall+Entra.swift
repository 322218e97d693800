// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore

/// The refusals of Microsoft Entra's token endpoint, with the numbers it gives them.
enum EntraFault {
  static func invalidRequest(_ message: String) -> KMSFault { fault("invalid_request", 900144, message) }

  static func fault(_ type: String, _ number: Int64, _ message: String, status: Int = 400) -> KMSFault {
    KMSFault(type, "AADSTS\(number): \(message)", status: status, detail: .integer(number))
  }

  static func body(of fault: KMSFault, requestID: String, seconds: Int64) -> ByteBuffer {
    let codes: [JSONValue] = fault.detail.map { [$0] } ?? []
    return AWSRequestBody.plain([
      .init("error", .string(fault.type)),
      .init(
        "error_description",
        .string("\(fault.message) Trace ID: \(requestID) Timestamp: \(CivilTime(seconds: seconds).extended)")),
      .init("error_codes", .array(codes)), .init("timestamp", .string(CivilTime(seconds: seconds).extended)),
      .init("trace_id", .string(requestID)), .init("correlation_id", .string(requestID)),
    ])
  }
}

/// An Entra-shaped token endpoint: client credentials with a secret.
extension EngineCall {
  mutating func performEntra(_ request: KMSRequest, _ vault: borrowing LocalKMSVault) throws(KMSFault) -> KMSAnswer {
    let parts = request.segments
    let tenant = parts.first ?? ""
    if request.method == "GET" {
      entry.action = "EntraDiscovery"
      return discovery(request, tenant)
    }
    entry.action = "EntraToken"
    guard request.method == "POST", let form = request.form else {
      throw EntraFault.invalidRequest("The request must be a POST with a form.")
    }
    entry.accessKeyID = AuditEntry.cleaned(form["client_id"] ?? "")
    guard tenant == Identity.tenant(configuration) else {
      throw EntraFault.fault(
        "invalid_request", 90002, "Tenant '\(AuditEntry.cleaned(tenant))' not found. Check the tenant ID.")
    }
    guard form["grant_type"] == "client_credentials" else {
      throw EntraFault.fault(
        "unsupported_grant_type", 70003, "The local KMS supports the grant type client_credentials only.")
    }
    try scope(form, isOld: !request.path.contains("/v2.0/"))
    guard let identity = vault.state.identities[form["client_id"] ?? ""], identity.kind == .azure else {
      throw EntraFault.fault(
        "unauthorized_client", 700016,
        "Application with identifier '\(entry.accessKeyID)' was not found in the directory.")
    }
    guard let secret = form["client_secret"] else {
      throw EntraFault.fault(
        "invalid_client", 7000218, "The request body must contain the following parameter: 'client_secret'.",
        status: 401)
    }
    guard SecretCheck.isEqual(secret, hash: identity.secretHash) else {
      throw EntraFault.fault(
        "invalid_client", 7000215, "Invalid client secret provided for app '\(identity.id)'.", status: 401)
    }
    return try token(for: identity, vault)
  }

  private func scope(_ form: [String: String], isOld: Bool) throws(KMSFault) {
    let wanted = (isOld ? form["resource"] : form["scope"]) ?? ""
    guard wanted.hasPrefix("https://vault.azure.net"), isOld || wanted.hasSuffix("/.default") else {
      throw EntraFault.fault(
        "invalid_scope", 70011,
        "The provided value for the input parameter 'scope' is not valid; it must be https://vault.azure.net/.default.")
    }
  }

  private func token(for identity: Identity, _ vault: borrowing LocalKMSVault) throws(KMSFault) -> KMSAnswer {
    let expires = clockSeconds + AccessToken.lifeSeconds
    do {
      let token = try vault.token(
        AccessToken(identity: identity.id, expiresSeconds: expires), purpose: identity.kind.rawValue)
      return KMSAnswer([
        .init("token_type", .string("Bearer")), .init("expires_in", .integer(AccessToken.lifeSeconds - 1)),
        .init("ext_expires_in", .integer(AccessToken.lifeSeconds - 1)), .init("access_token", .string(token)),
      ])
    } catch { throw failed(error, .entra) }
  }

  /// What Microsoft's libraries look up before they ask for a token (OpenID Connect Discovery 1.0, section 4).
  private func discovery(_ request: KMSRequest, _ tenant: String) -> KMSAnswer {
    let base = "\(request.base)/\(Identity.tenant(configuration))"
    if request.path.hasSuffix("/discovery/instance") {
      return KMSAnswer([.init("tenant_discovery_endpoint", .string("\(base)/v2.0/.well-known/openid-configuration"))])
    }
    return KMSAnswer([
      .init("issuer", .string("\(base)/v2.0")), .init("token_endpoint", .string("\(base)/oauth2/v2.0/token")),
      .init("authorization_endpoint", .string("\(base)/oauth2/v2.0/authorize")),
      .init("token_endpoint_auth_methods_supported", .array([.string("client_secret_post")])),
    ])
  }
}
