// SPDX-License-Identifier: GPL-3.0-or-later

package import ClusterModel
package import NIOCore
internal import Secrets

/// Calls of AWS's KMS JSON protocol: signs, sends, repeats what may be repeated, classifies what was refused.
package struct AWSClient: Sendable {
  /// What is called, for the error.
  package struct Call: Sendable {
    /// The `X-Amz-Target`: `TrentService.Decrypt`.
    package let target: String
    /// What it means to us, and the key it is about.
    package let kms: KMSCall

    /// Names a call.
    package init(target: String, operation: KMSError.Operation, keyID: String, context: KeyContext? = nil) {
      self.target = target
      kms = KMSCall(.aws, operation, keyID: keyID, context: context)
    }

    /// An error of this call.
    package func error(_ kind: KMSError.Kind, code: String = "", requestID: String = "", _ detail: String) -> KMSError {
      kms.error(kind, code: code, requestID: requestID, detail)
    }
  }

  let transport: KMSTransport
  let endpoint: HTTPEndpoint
  let region: String
  let credentials: AWSCredentialSource
  /// Whether every call fetches the credentials it is made with.
  var renewsCredentials = false

  init(transport: KMSTransport, endpoint: HTTPEndpoint, region: String, credentials: AWSCredentialSource) {
    self.transport = transport
    self.endpoint = endpoint
    self.region = region
    self.credentials = credentials
  }

  /// Makes a client of its parts, with an access key.
  package init(
    exchange: any HTTPExchange, endpoint: HTTPEndpoint, region: String, credentials: AWSCredentials, clock: WallClock
  ) {
    self.init(
      transport: KMSTransport(exchange: exchange, clock: clock), endpoint: endpoint, region: region,
      credentials: .fixed(credentials))
  }

  /// Sends `body` until there is an answer, a failure that repeating cannot mend, or no time left.
  package func perform(_ call: Call, body: ByteBuffer, deadline: Duration) async throws(KMSError) -> HTTPAnswer {
    var renews = renewsCredentials
    return try await transport.repeating(call.kms, deadline: deadline) { (timeout) throws(KMSError) in
      try await once(call, body: body, timeout: timeout, renews: &renews)
    }
  }

  /// One request; a second one if credentials that were kept turn out to be refused, because new ones may not be.
  private func once(
    _ call: Call, body: ByteBuffer, timeout: Duration, renews: inout Bool
  ) async throws(KMSError) -> HTTPAnswer {
    let start = ContinuousClock.now
    var asked = call.kms
    asked.renewsCredentials = renews
    let (held, isFresh) = try await credentials.current(for: asked, timeout: timeout)
    // Once for the call: its repetitions are made with the same.
    renews = false
    do throws(KMSError) { return try await ask(call, body, held, timeout - start.duration(to: .now)) } catch {
      guard error.kind == .credentialsExpired || error.kind == .credentialsRefused, credentials.drop(call.kms), !isFresh
      else { throw error }
    }
    let (renewed, _) = try await credentials.current(for: call.kms, timeout: timeout - start.duration(to: .now))
    return try await ask(call, body, renewed, timeout - start.duration(to: .now))
  }

  private func ask(_ call: Call, _ body: ByteBuffer, _ credentials: AWSCredentials, _ timeout: Duration)
    async throws(KMSError) -> HTTPAnswer
  {
    let request: HTTPQuestion
    do { request = try signed(call, body: body, credentials) } catch {
      throw call.error(.localFailure, error.description)
    }
    let now = transport.clock.nowSeconds
    return try await transport.ask(call.kms, request, timeout: timeout, requestID: { AWSRefusal.requestID($0) }) {
      (answer) throws(KMSError) in
      guard answer.status != 200 else { return answer }
      let refusal = AWSRefusal(answer)
      let (kind, detail) = refusal.classified(
        nowSeconds: now, isAdministrative: call.kms.operation == .administer)
      throw call.error(kind, code: refusal.code, requestID: refusal.requestID, detail)
    }
  }

  /// The request of a call, signed at this moment.
  func signed(_ call: Call, body: ByteBuffer, _ credentials: AWSCredentials) throws(SecretsError) -> HTTPQuestion {
    let signer = AWSSigner(service: "kms", region: region, credentials: credentials, clock: transport.clock)
    let headers = try signer.headers(
      endpoint,
      [
        (name: "Content-Type", value: "application/x-amz-json-1.1"), (name: "X-Amz-Target", value: call.target),
      ], body: body)
    return HTTPQuestion(.post, endpoint.url, headers: headers, body: body)
  }
}
