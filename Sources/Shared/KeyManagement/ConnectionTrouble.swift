// SPDX-License-Identifier: GPL-3.0-or-later

internal import AsyncHTTPClient
internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

/// Says in words why there is no answer of a KMS, with its host and port; none of it says anything of a key.
struct ConnectionTrouble {
  /// `host:port` of the KMS.
  let place: String

  init(place: String) { self.place = place }

  /// Takes host and port out of a URL; the scheme's own port without one.
  init(url: String) {
    let rest = url.firstRange(of: "://").map { url[$0.upperBound...] } ?? url[...]
    let authority = String(rest.prefix { $0 != "/" && $0 != "?" })
    let hasPort = authority.last != "]" && authority.split(separator: "]").last?.contains(":") == true
    place = hasPort ? authority : authority + (url.hasPrefix("http://") ? ":80" : ":443")
  }

  /// The kind of outage behind an error of the HTTP and TLS libraries, and its cause.
  func failure(of error: any Error) -> HTTPFailure {
    switch error {
    case is CancellationError: Self.cancelled
    case let error as HTTPClientError: failure(of: error)
    case let error as NIOSSLError: HTTPFailure(.tls, "\(place): \(Self.cause(of: error))")
    case let error as BoringSSLError: HTTPFailure(.tls, "\(place): \(Self.cause(of: error))")
    case let error as NIOSSLExtraError: HTTPFailure(.tls, "\(place): \(Self.cause(of: error))")
    case let error as NIOConnectionError: failure(of: error)
    case is NIOTooManyBytesError:
      HTTPFailure(
        .malformedAnswer, "the answer of \(place) is larger than \(HTTPClientExchange.maximumAnswerBytes) bytes")
    case is HTTPParserError: HTTPFailure(.malformedAnswer, "the answer of \(place) is not HTTP: \(error)")
    case let error as IOError: HTTPFailure(.network, "\(place): \(Self.cause(of: error))")
    default: HTTPFailure(.network, "the connection to \(place) failed: \(type(of: error))")
    }
  }

  static let cancelled = HTTPFailure(.timeout, "the call was given up by its caller")

  private func failure(of error: HTTPClientError) -> HTTPFailure {
    switch error {
    case .connectTimeout: HTTPFailure(.timeout, "\(place) does not take a connection in time")
    case .readTimeout, .writeTimeout, .deadlineExceeded, .getConnectionFromPoolTimeout:
      HTTPFailure(.timeout, "\(place) did not answer in time")
    case .tlsHandshakeTimeout: HTTPFailure(.timeout, "the TLS handshake with \(place) did not end in time")
    case .cancelled: Self.cancelled
    case .invalidLocalAddress: HTTPFailure(.invalidSettings, "the local address to connect from is no IP address")
    case .uncleanShutdown, .remoteConnectionClosed:
      HTTPFailure(.network, "\(place) closed the connection before the answer was complete")
    case .contentLengthMissing: HTTPFailure(.malformedAnswer, "the answer of \(place) is not complete HTTP")
    default: HTTPFailure(.network, "the request to \(place) could not be sent: \(error.shortDescription)")
    }
  }

  private func failure(of error: NIOConnectionError) -> HTTPFailure {
    let place = "\(error.host):\(error.port)"
    guard !error.connectionErrors.isEmpty else {
      return HTTPFailure(.network, "the name \(error.host) has no address that DNS knows, so \(place) can't be reached")
    }
    let causes = error.connectionErrors.map { attempt in
      let address = attempt.target.ipAddress.map { $0 == error.host ? "" : " (\($0))" } ?? ""
      return Self.cause(of: attempt.error) + address
    }
    let distinct = causes.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    return HTTPFailure(.network, "\(place): \(distinct.joined(separator: "; "))")
  }

  private static func cause(of error: any Error) -> String {
    switch error {
    case let error as IOError: cause(of: error)
    case is ChannelError: "no connection in time"
    default: "\(type(of: error))"
    }
  }

  private static func cause(of error: IOError) -> String {
    switch error.errnoCode {
    case ECONNREFUSED: "connection refused; nothing listens there"
    case ETIMEDOUT: "no connection in time"
    case ECONNRESET, EPIPE: "the connection was reset by the other side"
    case EHOSTUNREACH, ENETUNREACH: "there is no way to this address; see routes and firewalls"
    case EADDRNOTAVAIL: "this machine does not have the address to connect from"
    case EACCES, EPERM: "this machine's own rules forbid the connection"
    default: unsafe String(cString: strerror(error.errnoCode))
    }
  }

  private static func cause(of error: NIOSSLError) -> String {
    switch error {
    case .handshakeFailed(let inner), .shutdownFailed(let inner): cause(of: inner)
    case .noCertificateToValidate: "the KMS shows no TLS certificate"
    case .unableToValidateCertificate: "the TLS certificate is for another name or address"
    case .uncleanShutdown: "the TLS connection was cut off"
    default: "TLS failed: \(error)"
    }
  }

  private static func cause(of error: NIOSSLExtraError) -> String {
    error == .failedToValidateHostname || error == .serverHostnameImpossibleToMatch
      ? "the TLS certificate is for another name or address" : "TLS failed: \(error)"
  }

  /// BoringSSL's reasons are names that do not change between its versions.
  private static func cause(of error: BoringSSLError) -> String {
    let text = "\(error)"
    if text.contains("CERTIFICATE_VERIFY_FAILED") {
      return "the TLS certificate is of an unknown issuer, or has expired; give the KMS's certificate authority"
    }
    if text.contains("WRONG_VERSION_NUMBER") { return "the other side does not speak TLS" }
    if text.contains("UNSUPPORTED_PROTOCOL") || text.contains("PROTOCOL_VERSION") {
      return "the other side speaks only TLS versions older than 1.2"
    }
    return "the TLS handshake failed: \(text.prefix(200))"
  }
}
