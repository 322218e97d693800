// SPDX-License-Identifier: GPL-3.0-or-later

package import NIOCore

/// One HTTP request and its answer; what a provider's client needs of the network, so that a test can script it.
package protocol HTTPExchange: Sendable {
  /// Sends one request and collects its answer; never repeats it, never follows a redirection.
  func send(_ question: HTTPQuestion, timeout: Duration) async throws(HTTPFailure) -> HTTPAnswer
}

/// One request.
package struct HTTPQuestion: Sendable {
  /// The methods in use.
  package enum Method: String, Sendable { case get = "GET", post = "POST", put = "PUT" }

  /// The method.
  package var method: Method
  /// The whole URL.
  package var url: String
  /// The headers, in order.
  package var headers: [(name: String, value: String)]
  /// The body, nil for none.
  package var body: ByteBuffer?

  /// Makes a request of its parts.
  package init(_ method: Method, _ url: String, headers: [(name: String, value: String)], body: ByteBuffer? = nil) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
  }
}

/// The answer to one request.
package struct HTTPAnswer: Sendable {
  /// The HTTP status.
  package var status: Int
  /// The headers, in order.
  package var headers: [(name: String, value: String)]
  /// The body.
  package var body: ByteBuffer

  /// Makes an answer of its parts.
  package init(status: Int, headers: [(name: String, value: String)], body: ByteBuffer) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// The first value of a header; names compare without case.
  package func header(_ name: String) -> String? {
    headers.first { $0.name.lowercased() == name.lowercased() }?.value
  }
}

/// Why there is no answer: the kind of outage and a sentence.
package struct HTTPFailure: Error, Sendable, Equatable {
  /// One of `network`, `tls`, `timeout`, `malformedAnswer`.
  package let kind: KMSError.Kind
  /// What happened.
  package let detail: String

  /// Makes a failure of its parts.
  package init(_ kind: KMSError.Kind, _ detail: String) {
    self.kind = kind
    self.detail = detail
  }
}
