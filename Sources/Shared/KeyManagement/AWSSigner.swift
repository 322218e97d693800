// SPDX-License-Identifier: GPL-3.0-or-later

internal import NIOCore
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

/// Signs POST requests to the root of an AWS service at this moment.
struct AWSSigner {
  let service: String
  let region: String
  let credentials: AWSCredentials
  let clock: WallClock

  /// All headers of a request: those given, the host, the time, the session token and the signature over them.
  func headers(_ endpoint: HTTPEndpoint, _ own: [(name: String, value: String)], body: ByteBuffer) throws(SecretsError)
    -> [(name: String, value: String)]
  {
    let time = CivilTime(seconds: clock.nowSeconds)
    var headers =
      [(name: "Host", value: endpoint.authority)] + own + [(name: "X-Amz-Date", value: time.basic)]
    if let token = credentials.sessionToken {
      headers.append((name: "X-Amz-Security-Token", value: BearerText.text(token)))
    }
    let request = SignableRequest(
      method: "POST", path: "/", headers: headers,
      payloadHash: Hexadecimal.text(SigningHash.sha256(body.readableBytesSpan)))
    let scope = SignatureScope(date: time.basicDate, region: region, service: service)
    let signature = try AWSSignature.sign(request, time: time, scope: scope, secret: credentials.secretKey)
    let authorization = AWSSignature.authorization(
      accessKeyID: credentials.accessKeyID, scope: scope, signedHeaders: request.signedHeaders, signature: signature)
    return headers + [(name: "Authorization", value: authorization)] + PlainHeaders.all
  }
}

/// What every request to a KMS says of itself.
enum PlainHeaders {
  static let all = [(name: "User-Agent", value: "keyfold"), (name: "Accept-Encoding", value: "identity")]
}

/// A token as a header's text; the HTTP library takes nothing else, and its copies are beyond us.
enum BearerText {
  static func text(_ token: Secret) -> String {
    token.withSecret { secret in
      var bytes = secret.unprotectedCopy()
      defer { SecretBytes.wipe(&bytes) }
      return String(decoding: bytes, as: UTF8.self)
    }
  }
}
