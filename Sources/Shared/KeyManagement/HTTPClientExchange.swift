// SPDX-License-Identifier: GPL-3.0-or-later

internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL

/// HTTPS with async-http-client: TLS 1.2 or newer, one attempt, a bounded answer, bounded time.
struct HTTPClientExchange: HTTPExchange {
  /// The largest answer accepted; the largest of KMS is a few kilobytes.
  static let maximumAnswerBytes = 256 * 1024

  let client: HTTPClient
  let tls: TLSConfiguration
  let localAddress: String?

  /// The settings of the one client that all services share.
  static var clientConfiguration: HTTPClient.Configuration {
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow,
      timeout: .init(connect: .seconds(5), read: .seconds(10)),
      decompression: .disabled)
    configuration.httpVersion = .http1Only
    configuration.connectionPool.retryConnectionEstablishment = false  // repeating is the caller's, within its deadline
    configuration.connectionPool.idleTimeout = .seconds(20)
    return configuration
  }

  /// TLS that trusts the given PEM certificates, or the system's; throws with what is wrong with the PEM.
  static func tlsConfiguration(authorityPEM: String?) throws(HTTPFailure) -> TLSConfiguration {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.minimumTLSVersion = .tlsv12
    tls.certificateVerification = .fullVerification
    guard let authorityPEM else { return tls }
    let certificates = (try? NIOSSLCertificate.fromPEMBytes(Array(authorityPEM.utf8))) ?? []
    guard !certificates.isEmpty else {
      throw HTTPFailure(.tls, "the certificate authority is no PEM certificate; give the KMS's own ca.pem")
    }
    tls.trustRoots = .certificates(certificates)
    return tls
  }

  func send(_ question: HTTPQuestion, timeout: Duration) async throws(HTTPFailure) -> HTTPAnswer {
    var outgoing = HTTPClientRequest(url: question.url)
    outgoing.method = HTTPMethod(rawValue: question.method.rawValue)
    for header in question.headers { outgoing.headers.add(name: header.name, value: header.value) }
    outgoing.body = question.body.map { .bytes($0) }
    outgoing.tlsConfiguration = tls
    outgoing.localAddress = localAddress
    let prepared = outgoing
    let place = ConnectionTrouble(url: question.url).place
    // The client's own deadline ends with the answer's head; a body that drips has to end as well.
    let result = await withTaskGroup(of: Result<HTTPAnswer, HTTPFailure>.self) { group in
      group.addTask { await self.exchange(prepared, timeout: timeout) }
      group.addTask {
        try? await Task.sleep(for: timeout)
        return .failure(
          Task.isCancelled
            ? ConnectionTrouble.cancelled : HTTPFailure(.timeout, "\(place) did not answer within \(timeout)"))
      }
      defer { group.cancelAll() }
      return await group.next() ?? .failure(ConnectionTrouble.cancelled)
    }
    return try result.get()
  }

  private func exchange(_ request: HTTPClientRequest, timeout: Duration) async -> Result<HTTPAnswer, HTTPFailure> {
    do {
      let (seconds, attoseconds) = timeout.components
      let amount = TimeAmount.seconds(min(seconds, 3600)) + .nanoseconds(attoseconds / 1_000_000_000)
      let response = try await client.execute(request, timeout: amount)
      let body = try await response.body.collect(upTo: Self.maximumAnswerBytes)
      let headers = response.headers.map { (name: $0.name, value: $0.value) }
      return .success(HTTPAnswer(status: Int(response.status.code), headers: headers, body: body))
    } catch {
      return .failure(ConnectionTrouble(url: request.url).failure(of: error))
    }
  }
}
