// SPDX-License-Identifier: GPL-3.0-or-later

package import NIOCore
package import Secrets

/// The credentials of one AWS principal.
package struct AWSCredentials: Sendable {
  /// The public part.
  package let accessKeyID: String
  /// The secret access key.
  package let secretKey: Secret
  /// The session token of temporary credentials.
  package let sessionToken: Secret?

  /// Makes credentials of their parts.
  package init(accessKeyID: String, secretKey: Secret, sessionToken: Secret? = nil) {
    self.accessKeyID = accessKeyID
    self.secretKey = secretKey
    self.sessionToken = sessionToken
  }
}

/// Calls of AWS's KMS JSON protocol: signs, sends, repeats what may be repeated, classifies what was refused.
package struct AWSClient: Sendable {
  /// What is called, for the error.
  package struct Call: Sendable {
    /// The `X-Amz-Target`: `TrentService.Decrypt`.
    package let target: String
    /// What it means to us.
    package let operation: KMSError.Operation
    /// The key it is about, empty if none.
    package let keyID: String

    /// Names a call.
    package init(target: String, operation: KMSError.Operation, keyID: String) {
      self.target = target
      self.operation = operation
      self.keyID = keyID
    }

    /// An error of this call.
    package func error(_ kind: KMSError.Kind, code: String = "", requestID: String = "", _ detail: String) -> KMSError {
      KMSError(
        kind, providerCode: code, operation: operation, keyID: keyID, requestID: requestID, detail: detail)
    }
  }

  let exchange: any HTTPExchange
  let endpoint: AWSEndpoint
  let region: String
  let credentials: AWSCredentials
  let clock: WallClock

  /// Makes a client of its parts.
  package init(
    exchange: any HTTPExchange, endpoint: AWSEndpoint, region: String, credentials: AWSCredentials, clock: WallClock
  ) {
    self.exchange = exchange
    self.endpoint = endpoint
    self.region = region
    self.credentials = credentials
    self.clock = clock
  }

  /// Sends `body` until there is an answer, a failure that repeating cannot mend, or no time left.
  package func perform(_ call: Call, body: ByteBuffer, deadline: Duration) async throws(KMSError) -> HTTPAnswer {
    let start = ContinuousClock.now
    var attempt = 1
    var last: KMSError?
    while true {
      let remaining = deadline - start.duration(to: .now)
      guard remaining > .zero else { throw last ?? call.error(.timeout, "no time was left for the call") }
      do {
        return try await once(call, body: body, timeout: min(remaining, RetrySchedule.longestAttempt))
      } catch {
        last = error
        let left = deadline - start.duration(to: .now)
        guard error.isRetryable, !Task.isCancelled,
          let pause = RetrySchedule.pause(after: attempt, remaining: left, random: Double.random(in: 0..<1))
        else { throw error }
        attempt += 1
        try? await Task.sleep(for: pause)
      }
    }
  }

  private func once(_ call: Call, body: ByteBuffer, timeout: Duration) async throws(KMSError) -> HTTPAnswer {
    let request: HTTPPost
    do { request = try signed(call, body: body) } catch { throw call.error(.localFailure, error.description) }
    let answer: HTTPAnswer
    do { answer = try await exchange.post(request, timeout: timeout) } catch {
      throw call.error(error.kind, error.detail)
    }
    guard answer.status != 200 else { return answer }
    let refusal = AWSRefusal(
      status: answer.status, header: { answer.header($0) }, body: answer.body.readableBytesUInt8Span)
    let (kind, detail) = refusal.classified(nowSeconds: clock.nowSeconds)
    throw call.error(kind, code: refusal.code, requestID: refusal.requestID, detail)
  }

  /// The request of a call, signed at this moment.
  func signed(_ call: Call, body: ByteBuffer) throws(SecretsError) -> HTTPPost {
    let time = CivilTime(seconds: clock.nowSeconds)
    var headers = [
      (name: "Host", value: endpoint.authority),
      (name: "Content-Type", value: "application/x-amz-json-1.1"),
      (name: "X-Amz-Date", value: time.basic),
      (name: "X-Amz-Target", value: call.target),
    ]
    if let token = credentials.sessionToken {
      let text = token.withSecret { String(decoding: $0.unprotectedCopy(), as: UTF8.self) }
      headers.append((name: "X-Amz-Security-Token", value: text))
    }
    let request = SignableRequest(
      method: "POST", path: "/", headers: headers,
      payloadHash: Hexadecimal.text(SigningHash.sha256(body.readableBytesSpan)))
    let scope = SignatureScope(date: time.basicDate, region: region, service: "kms")
    let signature = try AWSSignature.sign(request, time: time, scope: scope, secret: credentials.secretKey)
    headers.append(
      (
        name: "Authorization",
        value: AWSSignature.authorization(
          accessKeyID: credentials.accessKeyID, scope: scope, signedHeaders: request.signedHeaders,
          signature: signature)
      ))
    headers.append((name: "User-Agent", value: "keyfold"))
    headers.append((name: "Accept-Encoding", value: "identity"))
    return HTTPPost(url: endpoint.url, headers: headers, body: body)
  }
}
