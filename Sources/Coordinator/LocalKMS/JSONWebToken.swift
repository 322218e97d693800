// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement

/// A signed token of a service account (RFC 7519, RFC 7515, RS256), read and checked.
struct JSONWebToken {
  /// The longest life Google accepts, in seconds, and how far clocks may be apart.
  static let maximumLifeSeconds: Int64 = 3600
  static let maximumSkewSeconds: Int64 = 300
  /// The longest token read, in bytes.
  static let maximumBytes = 8192

  private let signed: [UInt8]
  private let signature: [UInt8]
  private let payload: [UInt8]
  private let claims: JSONItem

  /// Takes a token apart; nil if it is none with RS256. It proves nothing yet.
  init?(_ text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard text.utf8.count <= Self.maximumBytes, parts.count == 3, let header = Base64URL.bytes(parts[0]),
      let payload = Base64URL.bytes(parts[1]), let signature = Base64URL.bytes(parts[2]),
      let head = try? JSONReader.read(header.span), head.member("alg")?.text(in: header.span) == "RS256",
      let claims = try? JSONReader.read(payload.span), case .object = claims
    else { return nil }
    signed = Array("\(parts[0]).\(parts[1])".utf8)
    self.signature = signature
    self.payload = payload
    self.claims = claims
  }

  /// A text among the claims.
  func text(_ name: String) -> String? { claims.member(name)?.text(in: payload.span) }

  /// Whether the holder of a public key (SubjectPublicKeyInfo, base64) signed it.
  func isSigned(by publicKey: String?) -> Bool {
    guard let key = publicKey.flatMap({ Base64.bytes($0) }) else { return false }
    return RSAKey.isSigned(signed, signature, by: key)
  }

  /// What is wrong with its times; nil if nothing is.
  func fault(nowSeconds: Int64) -> String? {
    guard let issued = seconds("iat"), let expires = seconds("exp") else {
      return "Invalid JWT: iat and exp must be there."
    }
    let isInWindow = issued <= nowSeconds + Self.maximumSkewSeconds && expires > nowSeconds - Self.maximumSkewSeconds
    guard isInWindow, expires > issued, expires - issued <= Self.maximumLifeSeconds + Self.maximumSkewSeconds else {
      return "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
        + "Check your iat and exp values in the JWT claim."
    }
    return nil
  }

  private func seconds(_ name: String) -> Int64? {
    claims.member(name)?.number(in: payload.span).flatMap { abs($0) < 1e12 ? Int64($0) : nil }
  }
}
