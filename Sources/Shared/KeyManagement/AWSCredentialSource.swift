// SPDX-License-Identifier: GPL-3.0-or-later

internal import ClusterModel
internal import NIOCore
internal import Secrets

/// Where a client has its credentials from.
enum AWSCredentialSource: Sendable {
  case fixed(AWSCredentials)
  case role(AWSRole)

  /// The credentials for a call; `isFresh` if they were fetched for it.
  func current(for call: KMSCall, timeout: Duration) async throws(KMSError) -> (AWSCredentials, isFresh: Bool) {
    switch self {
    case .fixed(let credentials): return (credentials, true)
    case .role(let role): return try await role.session(for: call, timeout: timeout)
    }
  }

  /// Forgets credentials that were refused; false if there are no others to be had.
  func drop(_ call: KMSCall) -> Bool {
    guard case .role(let role) = self else { return false }
    role.sessions.drop(AWSRole.scope(call))
    return true
  }
}

/// A role that is assumed (STS API reference, AssumeRole), each session narrowed to one encryption context.
///
/// The narrowing is a session policy: a session that leaks unwraps one node's key and no other. It does not bind who
/// holds the access key itself, who could ask for a wider session; with the machine's own role nobody holds one.
struct AWSRole: Sendable {
  /// How long a session holds, in seconds: the shortest STS grants: a role taken away is seen soon.
  static let sessionSeconds: Int64 = 900

  /// Who assumes the role.
  enum Source: Sendable {
    case accessKey(AWSCredentials)
    case machine(AWSMachine)
  }

  let arn: String
  let externalID: String?
  let source: Source
  let key: KeyARN
  let endpoint: HTTPEndpoint
  let transport: KMSTransport
  let sessions: CredentialCache<AWSCredentials>

  init(
    arn: String, externalID: String?, source: Source, key: KeyARN, endpoint: HTTPEndpoint, transport: KMSTransport
  ) {
    self.arn = arn
    self.externalID = externalID
    self.source = source
    self.key = key
    self.endpoint = endpoint
    self.transport = transport
    sessions = CredentialCache(clock: transport.clock)
  }

  /// Calls with the same encryption context share a session.
  static func scope(_ call: KMSCall) -> String {
    String(decoding: JSONValue.texts(call.context?.pairs ?? [:]).encoded(), as: UTF8.self)
  }

  func session(for call: KMSCall, timeout: Duration) async throws(KMSError) -> (AWSCredentials, isFresh: Bool) {
    let start = ContinuousClock.now
    let (credentials, isFresh) = try await sessions.current(Self.scope(call), for: call) {
      () throws(KMSError) in
      var left: Duration { timeout - start.duration(to: .now) }
      switch source {
      case .accessKey(let own): return try await assume(call, own, timeout: left)
      case .machine(let machine):
        let (held, isFresh) = try await machine.credentials(for: call, timeout: left)
        do throws(KMSError) { return try await assume(call, held, timeout: left) } catch {
          guard error.kind == .credentialsRefused || error.kind == .credentialsExpired else { throw error }
          machine.cache.drop("")
          if isFresh { throw error }
        }
        // The machine's credentials were kept; it may have been given others meanwhile.
        return try await assume(call, try await machine.credentials(for: call, timeout: left).own, timeout: left)
      }
    }
    return (credentials, isFresh)
  }

  private func assume(_ call: KMSCall, _ own: AWSCredentials, timeout: Duration) async throws(KMSError)
    -> CredentialCache<AWSCredentials>.Issued
  {
    let body = ByteBuffer(string: form(call))
    let signer = AWSSigner(service: "sts", region: key.region, credentials: own, clock: transport.clock)
    let headers: [(name: String, value: String)]
    do {
      headers = try signer.headers(
        endpoint, [(name: "Content-Type", value: "application/x-www-form-urlencoded; charset=utf-8")], body: body)
    } catch { throw call.error(.localFailure, error.description) }
    var answer = try await transport.send(
      call, HTTPQuestion(.post, endpoint.url, headers: headers, body: body), timeout: timeout)
    defer { SecretWiping.wipe(&answer.body) }
    guard answer.status == 200 else {
      let refusal = AWSRefusal(answer)
      let (kind, detail) = refusal.classified(nowSeconds: transport.clock.nowSeconds)
      var error = call.error(
        kind, code: refusal.code, requestID: refusal.requestID, "the role \(arn) cannot be assumed: \(detail)")
      error.retryAfter = RetryAfter.read(answer, nowSeconds: transport.clock.nowSeconds)
      throw error
    }
    return try session(in: answer, call)
  }

  /// The parameters of AssumeRole.
  private func form(_ call: KMSCall) -> String {
    let who = call.context.map { $0.node?.text ?? "coordinator" } ?? "describe"
    var fields = [
      ("Action", "AssumeRole"), ("Version", "2011-06-15"), ("RoleArn", arn),
      ("RoleSessionName", String("keyfold-\(who)".prefix(64))), ("DurationSeconds", String(Self.sessionSeconds)),
      ("Policy", policy(call.context)),
    ]
    if let externalID { fields.append(("ExternalId", externalID)) }
    return fields.map { "\($0.0)=\(PercentEncoding.text($0.1))" }.joined(separator: "&")
  }

  /// What a session may do: describe this key, and use it with exactly this context.
  func policy(_ context: KeyContext?) -> String {
    let resource =
      key.isMultiRegion ? "arn:\(key.partition):kms:*:\(key.account):key/\(key.id)" : key.description
    func statement(_ actions: [String], _ condition: [JSONValue.Member]) -> JSONValue {
      .object(
        [
          .init("Effect", .string("Allow")), .init("Action", .array(actions.map { .string($0) })),
          .init("Resource", .string(resource)),
        ] + condition)
    }
    var statements = [statement(["kms:DescribeKey"], [])]
    if let context {
      let pairs = Dictionary(uniqueKeysWithValues: context.pairs.map { ("kms:EncryptionContext:\($0.key)", $0.value) })
      statements.append(
        statement(
          ["kms:Encrypt", "kms:Decrypt"], [.init("Condition", .object([.init("StringEquals", .texts(pairs))]))]))
    }
    let policy = JSONValue.object([.init("Version", .string("2012-10-17")), .init("Statement", .array(statements))])
    return String(decoding: policy.encoded(), as: UTF8.self)
  }

  private func session(in answer: HTTPAnswer, _ call: KMSCall) throws(KMSError)
    -> CredentialCache<AWSCredentials>.Issued
  {
    let bytes = answer.body.readableBytesUInt8Span
    guard let id = AnswerText.element("AccessKeyId", in: bytes), !AnswerText.code(id).isEmpty,
      let secret = AnswerText.elementRange("SecretAccessKey", in: bytes), !secret.isEmpty,
      let token = AnswerText.elementRange("SessionToken", in: bytes), !token.isEmpty,
      let end = AnswerText.element("Expiration", in: bytes).flatMap({ CivilTime(extended: $0) })
    else { throw call.error(.malformedAnswer, "HTTP status 200 with a body that is no answer to AssumeRole") }
    do {
      let credentials = AWSCredentials(
        accessKeyID: id, secretKey: try AnswerSecret.copy(secret, of: bytes),
        sessionToken: try AnswerSecret.copy(token, of: bytes))
      return .init(value: credentials, lifetimeSeconds: end.seconds - transport.clock.nowSeconds)
    } catch { throw call.error(.localFailure, error.description) }
  }
}
