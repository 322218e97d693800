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
    role.sessions.drop(role.scope(call))
    return true
  }
}

/// A role that is assumed (STS API reference, AssumeRole), each session narrowed to one encryption context.
///
/// The narrowing is a session policy: a session that leaks unwraps one node's key and no other. Who holds the access
/// key itself could ask for a wider one: the coordinator, which signs what its nodes send; they hold sessions only.
struct AWSRole: Sendable {
  /// How long a session holds, in seconds: the shortest STS grants: a role taken away is seen soon.
  static let sessionSeconds: Int64 = 900

  /// Who assumes the role.
  enum Source: Sendable {
    case accessKey(AWSCredentials)
    case machine(AWSMachine)
    case signer(any RoleSigner)
  }

  let role: AssumedRole
  let source: Source
  let transport: KMSTransport
  let sessions: CredentialCache<AWSCredentials>

  init(role: AssumedRole, source: Source, transport: KMSTransport) {
    self.role = role
    self.source = source
    self.transport = transport
    sessions = CredentialCache(clock: transport.clock)
  }

  /// Calls with the same encryption context share a session; all calls of a node do, whose signer knows one context.
  func scope(_ call: KMSCall) -> String {
    if case .signer = source { return "" }
    return String(decoding: JSONValue.texts(call.context?.pairs ?? [:]).encoded(), as: UTF8.self)
  }

  func session(for call: KMSCall, timeout: Duration) async throws(KMSError) -> (AWSCredentials, isFresh: Bool) {
    let start = ContinuousClock.now
    let (credentials, isFresh) = try await sessions.current(scope(call), for: call) {
      () throws(KMSError) in
      var left: Duration { timeout - start.duration(to: .now) }
      switch source {
      case .accessKey(let own): return try await assume(call, own, timeout: left)
      case .signer(let signer): return try await assume(call, signer, within: left)
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
    let body = ByteBuffer(string: role.form(call.context, seconds: Self.sessionSeconds))
    let headers: [(name: String, value: String)]
    do { headers = try role.headers(body, signedWith: own, clock: transport.clock) } catch {
      throw call.error(.localFailure, error.description)
    }
    return try await ask(call, headers, body, signedAt: nil, timeout: timeout)
  }

  /// Sends, from this machine, what somebody else has signed.
  private func assume(_ call: KMSCall, _ signer: any RoleSigner, within timeout: Duration) async throws(KMSError)
    -> CredentialCache<AWSCredentials>.Issued
  {
    let start = ContinuousClock.now
    let signed: SignedRoleRequest
    do throws(RoleSignerFailure) {
      signed = try await signer.signedRequest(region: role.key.region, within: timeout)
    } catch { throw Self.failure(error, of: call) }
    return try await ask(
      call, role.headers(signed), ByteBuffer(string: signed.form), signedAt: signed.signedAtSeconds,
      timeout: timeout - start.duration(to: .now))
  }

  /// Whoever signs says nothing of the role or the key: only the role's issuer does.
  private static func failure(_ failure: RoleSignerFailure, of call: KMSCall) -> KMSError {
    switch failure {
    case .unreachable(let detail): return call.error(.network, detail)
    case .declined(let detail): return call.error(.localFailure, detail)
    case .busy(let wait):
      var error = call.error(.throttled, "the coordinator signs for others first")
      error.retryAfter = wait
      return error
    }
  }

  private func ask(
    _ call: KMSCall, _ headers: [(name: String, value: String)], _ body: ByteBuffer, signedAt: Int64?,
    timeout: Duration
  ) async throws(KMSError) -> CredentialCache<AWSCredentials>.Issued {
    var answer = try await transport.send(
      call, HTTPQuestion(.post, role.endpoint.url, headers: headers, body: body), timeout: timeout)
    defer { SecretWiping.wipe(&answer.body) }
    guard answer.status == 200 else {
      let refusal = AWSRefusal(answer)
      var (kind, detail) = refusal.classified(nowSeconds: transport.clock.nowSeconds)
      if let signedAt, let skew = AnswerClock(dateSeconds: refusal.dateSeconds, nowSeconds: signedAt).skew {
        (kind, detail) = (.clockSkew, "as of the time it was signed, by the coordinator, \(skew)")
      }
      var error = call.error(
        kind, code: refusal.code, requestID: refusal.requestID, "the role \(role.arn) cannot be assumed: \(detail)")
      error.retryAfter = RetryAfter.read(answer, nowSeconds: transport.clock.nowSeconds)
      throw error
    }
    return try session(in: answer, call)
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
