// SPDX-License-Identifier: GPL-3.0-or-later

import Foundation
import LocalKMS
import Testing

@Suite("Every dialect answers hostile requests in its own words")
struct HostileDialectTests {
  /// A request, and what its answer has to hold.
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let line: String
    var headers = ""
    var body = ""
    let status: String
    let words: [String]
    var testDescription: String { name }

    var text: String {
      "\(line) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n"
        + body
    }
  }

  private static let form = "Content-Type: application/x-www-form-urlencoded\r\n"
  private static let tenant = "00000000-0000-4000-8000-000000000000"

  static let cases: [Case] = [
    Case(
      name: "azure, no token", line: "GET /keys/cmk?api-version=7.4", status: "401",
      words: [
        #"{"error":{"code":"Unauthorized","message":"AKV10000: Request is missing a Bearer or PoP token."}}"#,
        "WWW-Authenticate: Bearer authorization=\"https://localhost/\(tenant)\", resource=\"https://vault.azure.net\"",
      ]),
    Case(
      name: "azure, garbage for a token", line: "POST /keys/cmk/create?api-version=7.4",
      headers: "Authorization: Bearer ..\r\n", body: "{", status: "401",
      words: [#""code":"Unauthorized""#, "error=\"invalid_token\""]),
    Case(
      name: "entra, no form", line: "POST /\(tenant)/oauth2/v2.0/token", body: "{}", status: "400",
      words: [#""error":"invalid_request""#, #""error_codes":[900144]"#]),
    Case(
      name: "entra, bad escapes", line: "POST /\(tenant)/oauth2/v2.0/token", headers: form, body: "a=%zz",
      status: "400", words: [#""error":"invalid_request""#]),
    Case(
      name: "entra, other tenant", line: "POST /common/oauth2/v2.0/token", headers: form,
      body: "grant_type=client_credentials", status: "400", words: ["AADSTS90002"]),
    Case(
      name: "entra, other grant", line: "POST /\(tenant)/oauth2/v2.0/token", headers: form, body: "grant_type=password",
      status: "400", words: [#""error":"unsupported_grant_type""#]),
    Case(
      name: "sts, unsigned", line: "POST /", headers: form, body: "Action=AssumeRole", status: "403",
      words: ["<Code>MissingAuthenticationToken</Code>", "text/xml"]),
    Case(
      name: "sts, bad signature", line: "POST /",
      headers: form
        + "Authorization: AWS4-HMAC-SHA256 Credential=a/b/us-east-1/sts/x, SignedHeaders=b, Signature=c\r\n",
      body: "Action=<&>", status: "400", words: ["<Code>IncompleteSignature</Code>"]),
    Case(
      name: "google, no token", line: "DELETE /v1/projects/%00", status: "401",
      words: [#""status":"UNAUTHENTICATED""#, #""code":401"#, #""@type":"type.googleapis.com/google.rpc.ErrorInfo""#]),
    Case(
      name: "google token, no assertion", line: "POST /token", headers: form,
      body: "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer", status: "400",
      words: [#""error":"invalid_grant""#]),
    Case(
      name: "google token, get", line: "GET /token", status: "400", words: [#""error":"invalid_request""#]),
  ]

  @Test("before anybody is known", arguments: cases)
  func unknownCaller(_ one: Case) async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let answer = try await HostileClientTests().exchange(kms, Array(one.text.utf8))
      #expect(answer.hasPrefix("HTTP/1.1 \(one.status) "), "\(answer)")
      for word in one.words { #expect(answer.lowercased().contains(word.lowercased()), "\(answer)") }
    }
  }

  @Test(
    "a body that is too large is refused in the dialect's shape without being read",
    arguments: [
      ("POST /", "\"__type\":\"SerializationException\""),
      ("POST /keys/cmk/unwrapkey", "{\"error\":{\"code\":\"BadParameter\""),
      ("POST /t/oauth2/v2.0/token", "\"error\":\"invalid_request\""),
      ("POST /v1/projects/p", "\"status\":\"INVALID_ARGUMENT\""),
      ("POST /token", "\"error\":\"invalid_request\""),
    ])
  func largeBody(line: String, words: String) async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let head = "\(line) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\nConnection: close\r\n\r\n"
      let answer = try await HostileClientTests().exchange(kms, Array(head.utf8))
      #expect(answer.hasPrefix("HTTP/1.1 413 "), "\(answer)")
      #expect(answer.contains(words), "\(answer)")
    }
  }

  static let metadataCases: [Case] = [
    Case(name: "ec2, version 1", line: "GET /latest/meta-data/iam/security-credentials/", status: "401", words: []),
    Case(
      name: "ec2, other token", line: "GET /latest/meta-data/iam/security-credentials/",
      headers: "X-aws-ec2-metadata-token: x\r\n", status: "401", words: []),
    Case(name: "ec2, token without ttl", line: "PUT /latest/api/token", status: "400", words: ["ttl-seconds"]),
    Case(
      name: "ec2, ttl too long", line: "PUT /latest/api/token",
      headers: "X-aws-ec2-metadata-token-ttl-seconds: 21601\r\n", status: "400", words: []),
    Case(
      name: "ec2, through a proxy", line: "PUT /latest/api/token",
      headers: "X-aws-ec2-metadata-token-ttl-seconds: 60\r\nX-Forwarded-For: 192.0.2.1\r\n", status: "403", words: []),
    Case(
      name: "azure, no header", line: "GET /metadata/identity/oauth2/token?api-version=2018-02-01", status: "400",
      words: ["Required metadata header not specified"]),
    Case(
      name: "azure, no identity",
      line: "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net",
      headers: "Metadata: true\r\n", status: "400", words: [#""error":"invalid_request""#, "Identity not found"]),
    Case(
      name: "google, no header", line: "GET /computeMetadata/v1/instance/service-accounts/default/token", status: "403",
      words: ["Metadata-Flavor: Google"]),
    Case(
      name: "google, no identity", line: "GET /computeMetadata/v1/instance/service-accounts/default/token",
      headers: "Metadata-Flavor: Google\r\n", status: "404", words: []),
    Case(name: "a dialect", line: "GET /keys?api-version=7.4", status: "404", words: []),
  ]

  @Test("and so do the metadata services", arguments: metadataCases)
  func metadata(_ one: Case) async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path, configure: { $0.metadataPort = 0 }) { kms in
      let port = Int(try #require(kms.ready.metadataEndpoint?.split(separator: ":").last))
      let answer = try await HostileClientTests().exchange(kms, Array(one.text.utf8), tls: false, port: port)
      #expect(answer.hasPrefix("HTTP/1.1 \(one.status) "), "\(answer)")
      for word in one.words { #expect(answer.contains(word), "\(answer)") }
    }
  }

  /// Asks for a token of a fresh administrator of Azure's dialect.
  func vaultToken(_ kms: RunningKMS) async throws -> String {
    let file = "\(kms.directory)/client.json"
    _ = try await kms.admin.createIdentity(kind: "azure", isAdministrator: true, writingTo: file)
    let values = try JSONDecoder().decode([String: String].self, from: Data(contentsOf: URL(fileURLWithPath: file)))
    let secret = (values["clientSecret"] ?? "").replacing("+", with: "%2B").replacing("/", with: "%2F")
    let body =
      "grant_type=client_credentials&client_id=\(values["clientId"] ?? "")&client_secret=\(secret)"
      + "&scope=https%3A%2F%2Fvault.azure.net%2F.default"
    let request =
      "POST /\(values["tenantId"] ?? "")/oauth2/v2.0/token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
      + Self.form + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    let answer = try await HostileClientTests().exchange(kms, Array(request.utf8))
    let token = answer.split(separator: "\"access_token\":\"").last?.prefix { $0 != "\"" }
    return String(try #require(token))
  }

  @Test("Key Vault's dialect, with a token")
  func vault() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let token = try await vaultToken(kms)
      let kid = try await kms.admin.createVaultKey("cmk")
      #expect(kid.hasPrefix("\(kms.ready.endpoint)/keys/cmk/"))
      let deep = String(repeating: "[", count: 40)
      let cases: [(line: String, body: String, status: Int, code: String)] = [
        ("GET /keys/cmk", "", 400, "BadParameter"),
        ("PUT /keys/cmk?api-version=7.4", "", 405, "MethodNotAllowed"),
        ("GET /keys/cm%20k?api-version=7.4", "", 400, "BadParameter"),
        ("POST /keys/cmk/create?api-version=7.4", "{\"kty\":\"RSA\",\"x\":1}", 400, "BadParameter"),
        ("POST /keys/cmk/create?api-version=7.4", "{\"kty\":\"RSA\",\"key_size\":512}", 400, "BadParameter"),
        ("POST /keys/cmk/create?api-version=7.4", deep, 400, "BadParameter"),
        ("POST /keys/cmk/unwrapkey?api-version=7.4", "{\"alg\":\"RSA-OAEP-256\"}", 400, "BadParameter"),
        (
          "POST /keys/cmk/unwrapkey?api-version=7.4", "{\"alg\":\"RSA-OAEP-256\",\"value\":\"*\"}", 400, "BadParameter"
        ),
        ("POST /keys/cmk/unwrapkey?api-version=7.4", "{\"alg\":\"RSA1_5\",\"value\":\"aaaa\"}", 400, "BadParameter"),
        ("POST /keys/cmk/wrapkey?api-version=7.4", "{\"alg\":1,\"value\":\"aaaa\"}", 400, "BadParameter"),
        ("POST /keys/none/wrapkey?api-version=7.4", "{\"alg\":\"RSA-OAEP\",\"value\":\"aaaa\"}", 404, "KeyNotFound"),
      ]
      for one in cases {
        let request =
          "\(one.line) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer \(token)\r\n"
          + "Content-Length: \(one.body.utf8.count)\r\n\r\n\(one.body)"
        let answer = try await HostileClientTests().exchange(kms, Array(request.utf8))
        #expect(answer.hasPrefix("HTTP/1.1 \(one.status) "), "\(one.line): \(answer)")
        #expect(answer.contains(#"{"error":{"code":"\#(one.code)","message":""#), "\(one.line): \(answer)")
      }
      let identity = try #require(try await kms.admin.identities().first)
      try await kms.admin.deleteIdentity(identity.id)
      let late =
        "GET /keys/cmk?api-version=7.4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer \(token)"
      #expect(
        try await HostileClientTests().exchange(kms, Array("\(late)\r\n\r\n".utf8)).hasPrefix("HTTP/1.1 401 "))
    }
  }
}
