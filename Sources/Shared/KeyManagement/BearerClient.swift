// SPDX-License-Identifier: GPL-3.0-or-later

internal import NIOCore
internal import Secrets

/// Who gives bearer tokens for a KMS.
protocol TokenIssuer: Sendable {
  /// Fetches a token; its error is one of the call it was for.
  func issue(for call: KMSCall, timeout: Duration) async throws(KMSError) -> CredentialCache<Secret>.Issued
}

/// Calls of a JSON service that takes bearer tokens: Azure Key Vault, Google Cloud KMS.
struct BearerClient: Sendable {
  let transport: KMSTransport
  let endpoint: HTTPEndpoint
  let issuer: any TokenIssuer
  let tokens: CredentialCache<Secret>
  /// The answer's headers that may hold the provider's id of the request, best first.
  let requestIDHeaders: [String]
  /// Makes an error of an answer that is not a success.
  let refusal: @Sendable (HTTPAnswer, KMSCall) -> KMSError
  /// Whether every call fetches the token it is made with.
  var renewsTokens = false

  /// Sends a request until there is an answer, a failure that repeating cannot mend, or no time left.
  func perform(
    _ call: KMSCall, _ method: HTTPQuestion.Method, _ path: String, body: ByteBuffer?, deadline: Duration
  ) async throws(KMSError) -> HTTPAnswer {
    var renews = renewsTokens
    return try await transport.repeating(call, deadline: deadline) { (timeout) throws(KMSError) in
      let start = ContinuousClock.now
      var asked = call
      asked.renewsCredentials = renews
      let (held, isFresh) = try await token(asked, timeout)
      // Once for the call: its repetitions are made with the same.
      renews = false
      do throws(KMSError) {
        return try await ask(call, method, path, body, held, timeout - start.duration(to: .now))
      } catch {
        guard error.kind == .credentialsRefused || error.kind == .credentialsExpired else { throw error }
        tokens.drop("")
        if isFresh { throw error }
      }
      // The token was kept; a new one may be taken where the old one is not any more.
      let (renewed, _) = try await token(call, timeout - start.duration(to: .now))
      return try await ask(call, method, path, body, renewed, timeout - start.duration(to: .now))
    }
  }

  /// The same client with tokens that are fetched for each call.
  func renewing() -> BearerClient {
    var client = self
    client.renewsTokens = true
    return client
  }

  private func token(_ call: KMSCall, _ timeout: Duration) async throws(KMSError) -> (Secret, isFresh: Bool) {
    try await tokens.current("", for: call) { () throws(KMSError) in
      try await issuer.issue(for: call, timeout: timeout)
    }
  }

  private func ask(
    _ call: KMSCall, _ method: HTTPQuestion.Method, _ path: String, _ body: ByteBuffer?, _ token: Secret,
    _ timeout: Duration
  ) async throws(KMSError) -> HTTPAnswer {
    var headers = [(name: "Host", value: endpoint.authority)]
    if body != nil { headers.append((name: "Content-Type", value: "application/json")) }
    headers.append((name: "Authorization", value: "Bearer \(BearerText.text(token))"))
    let question = HTTPQuestion(method, endpoint.url + path, headers: headers + PlainHeaders.all, body: body)
    return try await transport.ask(call, question, timeout: timeout, requestID: { requestID($0) }) {
      (answer) throws(KMSError) in
      guard answer.status == 200 else { throw refusal(answer, call) }
      return answer
    }
  }

  private func requestID(_ answer: HTTPAnswer) -> String {
    requestIDHeaders.lazy.compactMap { answer.header($0) }.first ?? ""
  }
}

/// The answer of a token endpoint (RFC 6749, section 5.1).
enum TokenAnswer {
  /// The token and how long it holds; throws `malformedAnswer` for anything else.
  static func read(_ answer: HTTPAnswer, _ call: KMSCall) throws(KMSError) -> CredentialCache<Secret>.Issued {
    let bytes = answer.body.readableBytesUInt8Span
    guard let item = try? JSONReader.read(bytes),
      case .string(let range, escaped: false)? = item.member("access_token"), isToken(bytes, range),
      item.member("token_type")?.text(in: bytes).map({ $0.lowercased() == "bearer" }) ?? true,
      let lifetime = lifetime(item.member("expires_in"), bytes)
    else { throw call.error(.malformedAnswer, "HTTP status 200 with a body that holds no token") }
    do {
      return .init(value: try AnswerSecret.copy(range, of: bytes), lifetimeSeconds: lifetime)
    } catch { throw call.error(.localFailure, error.description) }
  }

  /// Azure's metadata service writes the number as a text.
  private static func lifetime(_ item: JSONItem?, _ bytes: Span<UInt8>) -> Int64? {
    guard let seconds = item?.number(in: bytes) ?? item?.text(in: bytes).flatMap({ Double($0) }), seconds.isFinite,
      seconds > 0
    else { return nil }
    return Int64(min(seconds, Double(CredentialCache<Secret>.maximumLifetime)))
  }

  /// What may stand in a header without ending it.
  private static func isToken(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    guard !range.isEmpty, range.count <= AnswerSecret.maximumBytes else { return false }
    for index in range where !(0x21..<0x7F).contains(bytes[index]) { return false }
    return true
  }
}

/// A token endpoint's refusal (RFC 6749, section 5.2), with what Entra and Google add to it.
struct TokenRefusal {
  let code: String
  let requestID: String
  private let status: Int
  private let message: String
  private let numbers: [Int]
  private let clock: AnswerClock
  private let retryAfter: Duration?

  init(_ answer: HTTPAnswer, nowSeconds: Int64) {
    let bytes = answer.body.readableBytesUInt8Span
    let item = try? JSONReader.read(bytes)
    code = AnswerText.code(item?.member("error")?.text(in: bytes))
    message = AnswerText.cleaned(
      item?.member("error_description")?.text(in: bytes) ?? "", limit: RefusalRules.maximumMessageLength)
    if case .array(let codes)? = item?.member("error_codes") {
      numbers = codes.compactMap { $0.number(in: bytes).flatMap { Int(exactly: $0) } }
    } else {
      numbers = []
    }
    requestID = AnswerText.cleaned(
      answer.header("x-ms-request-id") ?? item?.member("trace_id")?.text(in: bytes) ?? "", limit: 80)
    status = answer.status
    clock = AnswerClock(answer, nowSeconds: nowSeconds)
    retryAfter = RetryAfter.read(answer, nowSeconds: nowSeconds)
  }

  /// The error of a call that got no token; `table` knows the issuer's numbers, `words` its codes.
  func error(
    _ call: KMSCall, issuer: String, numbers table: [Int: KMSError.Kind] = [:], words: [String: KMSError.Kind]
  ) -> KMSError {
    let number = numbers.first { table[$0] != nil }
    let kind = number.flatMap { table[$0] } ?? words[code] ?? .unlisted
    // A wrong clock makes a refused assertion too: without the issuer's time such an answer proves nothing.
    let (settled, detail) = RefusalRules.classified(
      status: status, code: code, kind: kind, clock: clock, dependsOnClock: kind == .credentialsRefused,
      message: message)
    let shown = number.map { "\(code) \($0)" } ?? code
    var error = call.error(settled, code: shown, requestID: requestID, "\(issuer) gives no token: \(detail)")
    error.retryAfter = retryAfter
    return error
  }
}
