// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore
internal import Secrets

/// The metadata services of EC2 (version 2 only), Azure and Google Compute Engine.
extension EngineCall {
  /// A session with EC2's service (EC2 user guide, IMDSv2).
  private struct MetadataSession: Codable { let expiresSeconds: Int64 }

  private static let sessionSeconds: ClosedRange<Int64> = 1...21_600
  private static let credentialsPath = "/latest/meta-data/iam/security-credentials/"
  private static let plain = "text/plain"

  mutating func performMetadata(_ request: KMSRequest, _ vault: borrowing LocalKMSVault) throws(KMSFault) -> KMSAnswer {
    entry.action = "Metadata"
    if request.path.hasPrefix("/metadata/") { return try azureMetadata(request, vault) }
    if request.path.hasPrefix("/latest/") { return try machineMetadata(request, vault) }
    if request.path == "/" || request.path.hasPrefix("/computeMetadata/") { return try googleMetadata(request, vault) }
    throw KMSFault("not_found", "The local KMS's metadata service has nothing here.", status: 404)
  }

  private mutating func machineMetadata(_ request: KMSRequest, _ vault: borrowing LocalKMSVault) throws(KMSFault)
    -> KMSAnswer
  {
    if request.path == "/latest/api/token" { return try metadataToken(request, vault) }
    guard request.method == "GET" else { throw KMSFault("method_not_allowed", "Only GET.", status: 405) }
    let session = request.value("x-aws-ec2-metadata-token").flatMap {
      vault.contents(of: $0, purpose: "metadata", as: MetadataSession.self)
    }
    guard let session, session.expiresSeconds > clockSeconds else {
      throw KMSFault("unauthorized", "A token of PUT /latest/api/token is missing or too old.", status: 401)
    }
    switch request.path {
    case "/latest/meta-data/placement/region": return text(configuration.region)
    case "/latest/meta-data/placement/availability-zone": return text(configuration.region + "a")
    default: break
    }
    guard let name = vault.state.machine?.role, let role = vault.state.roles[name],
      request.path.hasPrefix(Self.credentialsPath) || request.path + "/" == Self.credentialsPath
    else { throw KMSFault("not_found", "This machine has no role.", status: 404) }
    if request.path.count <= Self.credentialsPath.count { return text(name) }
    guard request.path == Self.credentialsPath + name else {
      throw KMSFault("not_found", "This machine has another role.", status: 404)
    }
    entry.accessKeyID = role.denialID
    let issued = try newSession(role, name: "i-local", seconds: 3600, policy: nil, vault)
    let members: [JSONValue.Member] = [
      .init("Code", .string("Success")), .init("Type", .string("AWS-HMAC")),
      .init("LastUpdated", .string(CivilTime(seconds: clockSeconds).extended)),
      .init("AccessKeyId", .string(issued.accessKeyID)), .init("Token", .string(issued.token)),
      .init("Expiration", .string(CivilTime(seconds: issued.expiresSeconds).extended)),
    ]
    return KMSAnswer(issued.secret.withBytes { AWSRequestBody.secretText("SecretAccessKey", $0, members) })
  }

  private func metadataToken(_ request: KMSRequest, _ vault: borrowing LocalKMSVault) throws(KMSFault) -> KMSAnswer {
    guard request.method == "PUT" else { throw KMSFault("method_not_allowed", "Only PUT.", status: 405) }
    guard request.values("x-forwarded-for").isEmpty else {
      throw KMSFault("forbidden", "The request came through a proxy.", status: 403)
    }
    let name = "x-aws-ec2-metadata-token-ttl-seconds"
    guard let seconds = request.value(name).flatMap({ Int64($0) }), Self.sessionSeconds.contains(seconds) else {
      throw KMSFault("bad_request", "The header \(name) must be between 1 and 21600.")
    }
    do {
      let token = try vault.token(MetadataSession(expiresSeconds: clockSeconds + seconds), purpose: "metadata")
      return KMSAnswer(
        ByteBuffer(string: token), contentType: Self.plain,
        headers: ["X-Aws-Ec2-Metadata-Token-Ttl-Seconds": String(seconds)])
    } catch { throw failed(error, .metadata) }
  }

  private mutating func azureMetadata(_ request: KMSRequest, _ vault: borrowing LocalKMSVault) throws(KMSFault)
    -> KMSAnswer
  {
    guard request.value("metadata")?.lowercased() == "true" else {
      throw KMSFault("invalid_request", "Required metadata header not specified")
    }
    guard request.method == "GET", request.path == "/metadata/identity/oauth2/token" else {
      throw KMSFault("not_found", "The local KMS's metadata service has nothing here.", status: 404)
    }
    let query = request.query
    guard !(query["api-version"] ?? "").isEmpty else {
      throw KMSFault("invalid_request", "Required query variable 'api-version' is missing")
    }
    guard let resource = query["resource"], resource.hasPrefix("https://vault.azure.net") else {
      throw KMSFault("invalid_resource", "AADSTS500011: The resource principal was not found in the tenant.")
    }
    guard let id = vault.state.machine?.client, let identity = vault.state.identities[id],
      query["client_id"] == nil || query["client_id"] == id
    else { throw KMSFault("invalid_request", "Identity not found") }
    entry.accessKeyID = id
    let expires = clockSeconds + AccessToken.lifeSeconds
    do {
      let token = try vault.token(AccessToken(identity: id, expiresSeconds: expires), purpose: identity.kind.rawValue)
      return KMSAnswer([
        .init("access_token", .string(token)), .init("client_id", .string(id)),
        .init("expires_in", .string(String(AccessToken.lifeSeconds - 1))),
        .init("expires_on", .string(String(expires))),
        .init("not_before", .string(String(clockSeconds))), .init("resource", .string(resource)),
        .init("token_type", .string("Bearer")),
      ])
    } catch { throw failed(error, .metadata) }
  }

  private mutating func googleMetadata(_ request: KMSRequest, _ vault: borrowing LocalKMSVault) throws(KMSFault)
    -> KMSAnswer
  {
    let flavor = ["Metadata-Flavor": "Google"]
    guard request.method == "GET" else { throw KMSFault("method_not_allowed", "Only GET.", status: 405) }
    if request.path == "/" {
      return KMSAnswer(ByteBuffer(string: "computeMetadata/\n"), contentType: Self.plain, headers: flavor)
    }
    guard request.value("metadata-flavor") == "Google" else {
      var fault = KMSFault("forbidden", "Missing Metadata-Flavor:Google header.", status: 403)
      fault.headers = flavor
      throw fault
    }
    func text(_ text: String) -> KMSAnswer {
      KMSAnswer(ByteBuffer(string: text), contentType: Self.plain, headers: flavor)
    }
    if request.path == "/computeMetadata/v1/project/project-id" {
      return text(Identity.project(configuration.accountID))
    }
    guard let id = vault.state.machine?.serviceAccount, let identity = vault.state.identities[id] else {
      throw KMSFault("not_found", "This machine has no service account.", status: 404)
    }
    let accounts = "/computeMetadata/v1/instance/service-accounts/"
    guard let name = ["default", id].first(where: { request.path.hasPrefix("\(accounts)\($0)/") }) else {
      throw KMSFault("not_found", "This machine has another service account.", status: 404)
    }
    entry.accessKeyID = id
    let scope = "https://www.googleapis.com/auth/cloud-platform"
    switch request.path.dropFirst("\(accounts)\(name)/".count) {
    case "":
      var answer = KMSAnswer([
        .init("aliases", .array([.string("default")])), .init("email", .string(id)),
        .init("scopes", .array([.string(scope)])),
      ])
      answer.headers = flavor
      return answer
    case "token":
      var answer = try googleToken(for: identity, vault)
      answer.headers = flavor
      return answer
    case "email": return text(id)
    case "scopes": return text(scope + "\n")
    default: throw KMSFault("not_found", "The local KMS's metadata service has nothing here.", status: 404)
    }
  }

  private func text(_ text: String) -> KMSAnswer { KMSAnswer(ByteBuffer(string: text), contentType: Self.plain) }
}
