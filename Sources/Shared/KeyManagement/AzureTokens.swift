// SPDX-License-Identifier: GPL-3.0-or-later

internal import NIOCore
internal import Secrets

/// Tokens of Microsoft Entra for an application with a client secret (OAuth 2.0 client credentials, v2.0 endpoint).
struct EntraTokens: TokenIssuer {
  let tenant: String
  let clientID: String
  let secret: Secret
  let audience: String
  let endpoint: HTTPEndpoint
  let transport: KMSTransport

  func issue(for call: KMSCall, timeout: Duration) async throws(KMSError) -> CredentialCache<Secret>.Issued {
    var form = form()
    defer { SecretWiping.wipe(&form) }
    var answer = try await ask(call, form, timeout)
    defer { SecretWiping.wipe(&answer.body) }
    guard answer.status == 200 else {
      throw TokenRefusal(answer, nowSeconds: transport.clock.nowSeconds).error(
        call, issuer: "Microsoft Entra", numbers: AzureErrorTable.entraNumbers, words: AzureErrorTable.entraWords)
    }
    return try TokenAnswer.read(answer, call)
  }

  /// In a function of its own, so that nothing but the caller holds the form when it is wiped.
  private func ask(_ call: KMSCall, _ form: ByteBuffer, _ timeout: Duration) async throws(KMSError) -> HTTPAnswer {
    let question = HTTPQuestion(
      .post, "\(endpoint.url)\(PercentEncoding.text(tenant))/oauth2/v2.0/token",
      headers: [
        (name: "Host", value: endpoint.authority),
        (name: "Content-Type", value: "application/x-www-form-urlencoded"), (name: "Accept", value: "application/json"),
      ] + PlainHeaders.all, body: form)
    return try await transport.send(call, question, timeout: timeout)
  }

  private func form() -> ByteBuffer {
    let plain =
      "grant_type=client_credentials&client_id=\(PercentEncoding.text(clientID))"
      + "&scope=\(PercentEncoding.text(audience + "/.default"))&client_secret="
    var encoded: [UInt8] = []
    encoded.reserveCapacity(secret.count * 3)  // never moved: one wipe reaches all of it
    defer { SecretBytes.wipe(&encoded) }
    secret.withBytes { bytes in
      for offset in bytes.byteOffsets {
        PercentEncoding.append(unsafe bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self), to: &encoded)
      }
    }
    var body = ByteBuffer()
    body.reserveCapacity(plain.utf8.count + encoded.count)
    body.writeString(plain)
    body.writeBytes(encoded)
    return body
  }
}

/// Tokens of the Azure machine's managed identity (instance metadata service, "Get a token using HTTP").
struct ManagedIdentityTokens: TokenIssuer {
  let clientID: String?
  let audience: String
  let endpoint: HTTPEndpoint
  let transport: KMSTransport

  func issue(for call: KMSCall, timeout: Duration) async throws(KMSError) -> CredentialCache<Secret>.Issued {
    var url =
      "\(endpoint.url)metadata/identity/oauth2/token?api-version=2018-02-01&resource=\(PercentEncoding.text(audience))"
    if let clientID { url += "&client_id=\(PercentEncoding.text(clientID))" }
    let question = HTTPQuestion(.get, url, headers: [(name: "Metadata", value: "true")] + PlainHeaders.all)
    var answer = try await transport.send(call, question, timeout: timeout)
    defer { SecretWiping.wipe(&answer.body) }
    guard answer.status == 200 else {
      throw MetadataRefusal.error(call, answer.status, "has this machine this managed identity?")
    }
    return try TokenAnswer.read(answer, call)
  }
}
