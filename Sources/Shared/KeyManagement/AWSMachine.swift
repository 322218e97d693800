// SPDX-License-Identifier: GPL-3.0-or-later

internal import NIOCore
internal import Secrets

/// The role of the EC2 instance this process runs on, from instance metadata version 2 (EC2 user guide, IMDSv2).
struct AWSMachine: Sendable {
  /// How long the metadata service's own session holds, in seconds; a few requests are all it is for.
  static let sessionSeconds = "60"

  let endpoint: HTTPEndpoint
  let transport: KMSTransport
  let cache: CredentialCache<AWSCredentials>

  init(endpoint: HTTPEndpoint, transport: KMSTransport) {
    self.endpoint = endpoint
    self.transport = transport
    cache = CredentialCache(clock: transport.clock)
  }

  /// The machine's own credentials; `isFresh` if they were fetched for this call.
  func credentials(for call: KMSCall, timeout: Duration) async throws(KMSError) -> (own: AWSCredentials, isFresh: Bool)
  {
    let (own, isFresh) = try await cache.current("", for: call) { () throws(KMSError) in try await fetch(call, timeout)
    }
    return (own, isFresh)
  }

  private func fetch(_ call: KMSCall, _ timeout: Duration) async throws(KMSError)
    -> CredentialCache<AWSCredentials>.Issued
  {
    let start = ContinuousClock.now
    var left: Duration { timeout - start.duration(to: .now) }
    let ttl = (name: "X-aws-ec2-metadata-token-ttl-seconds", value: Self.sessionSeconds)
    let token = try await text(call, .put, "latest/api/token", ttl, left)
    let session = (name: "X-aws-ec2-metadata-token", value: token)
    let folder = "latest/meta-data/iam/security-credentials/"
    let role = try await text(call, .get, folder, session, left)
    guard Self.isRoleName(role) else {
      throw call.error(.malformedAnswer, "the metadata service does not name a role of this machine")
    }
    var answer = try await ask(call, .get, folder + PercentEncoding.text(role), session, left)
    defer { SecretWiping.wipe(&answer.body) }
    return try credentials(in: answer, call)
  }

  /// Whether a text is a role's name (IAM API reference, CreateRole, `RoleName`).
  private static func isRoleName(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"):
          true
        default: "_+=,.@-".utf8.contains(byte)
        }
      }
  }

  private func text(
    _ call: KMSCall, _ method: HTTPQuestion.Method, _ path: String, _ header: (name: String, value: String),
    _ timeout: Duration
  ) async throws(KMSError) -> String {
    let answer = try await ask(call, method, path, header, timeout)
    let text = String(buffer: answer.body).split(separator: "\n").first.map(String.init) ?? ""
    guard (1...1024).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21..<0x7F).contains($0) }) else {
      throw call.error(.malformedAnswer, "the metadata service's answer to \(path) is none")
    }
    return text
  }

  private func ask(
    _ call: KMSCall, _ method: HTTPQuestion.Method, _ path: String, _ header: (name: String, value: String),
    _ timeout: Duration
  ) async throws(KMSError) -> HTTPAnswer {
    let question = HTTPQuestion(method, endpoint.url + path, headers: [header] + PlainHeaders.all)
    let answer = try await transport.send(call, question, timeout: timeout)
    guard answer.status == 200 else {
      throw MetadataRefusal.error(call, answer.status, "has this machine an instance role?")
    }
    return answer
  }

  private func credentials(in answer: HTTPAnswer, _ call: KMSCall) throws(KMSError)
    -> CredentialCache<AWSCredentials>.Issued
  {
    let bytes = answer.body.readableBytesUInt8Span
    guard let item = try? JSONReader.read(bytes), item.member("Code")?.text(in: bytes) == "Success",
      let id = item.member("AccessKeyId")?.text(in: bytes), !AnswerText.code(id).isEmpty,
      case .string(let secret, escaped: false)? = item.member("SecretAccessKey"), !secret.isEmpty,
      case .string(let token, escaped: false)? = item.member("Token"), !token.isEmpty,
      let end = item.member("Expiration")?.text(in: bytes).flatMap({ CivilTime(extended: $0) })
    else { throw call.error(.malformedAnswer, "the metadata service's answer holds no credentials") }
    do {
      let credentials = AWSCredentials(
        accessKeyID: id, secretKey: try AnswerSecret.copy(secret, of: bytes),
        sessionToken: try AnswerSecret.copy(token, of: bytes))
      return .init(value: credentials, lifetimeSeconds: end.seconds - transport.clock.nowSeconds)
    } catch { throw call.error(.localFailure, error.description) }
  }
}

/// A metadata service that gives nothing: a fact of this machine, which says nothing of the key.
enum MetadataRefusal {
  static func error(_ call: KMSCall, _ status: Int, _ question: String) -> KMSError {
    switch status {
    case 429: call.error(.throttled, "the machine's metadata service asks for fewer calls")
    case 500...: call.error(.service, "the machine's metadata service answered with HTTP status \(status)")
    default:
      call.error(
        .unlisted, "the machine's metadata service gives no credentials (HTTP status \(status)); \(question)")
    }
  }
}
