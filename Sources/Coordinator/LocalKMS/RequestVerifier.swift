// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore
internal import Secrets

/// Checks AWS Signature Version 4 on the server's side; pure.
struct RequestVerifier: Sendable {
  /// How far a request's time may be from ours, in seconds.
  static let maximumSkewSeconds: Int64 = 300

  let region: String
  /// Other regions that are served.
  var regions: Set<String> = []
  var service = "kms"
  let nowSeconds: Int64

  init(region: String, regions: Set<String> = [], service: String = "kms", nowSeconds: Int64) {
    self.region = region
    self.regions = regions
    self.service = service
    self.nowSeconds = nowSeconds
  }

  /// What an `Authorization` header claims.
  struct Claim: Equatable {
    let accessKeyID: String
    let scope: SignatureScope
    let signedHeaders: [String]
    let signature: String
  }

  /// Reads the claim of a request; it proves nothing yet.
  static func claim(of request: KMSRequest) throws(KMSFault) -> Claim {
    let values = request.values("authorization")
    guard let value = values.first, values.count == 1 else {
      throw KMSFault("MissingAuthenticationTokenException", "Missing Authentication Token")
    }
    guard value.hasPrefix(AWSSignature.algorithm + " ") else {
      throw incomplete("the Authorization header does not begin with \(AWSSignature.algorithm)")
    }
    var parts: [String: String] = [:]
    for part in value.dropFirst(AWSSignature.algorithm.count).split(separator: ",") {
      let pair = part.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
      guard pair.count == 2, parts.updateValue(String(pair[1]), forKey: String(pair[0])) == nil else {
        throw incomplete("a part of the Authorization header is not NAME=VALUE or stands twice")
      }
    }
    guard parts.count == 3, let credential = parts["Credential"], let headers = parts["SignedHeaders"],
      let signature = parts["Signature"]
    else { throw incomplete("the Authorization header needs Credential, SignedHeaders and Signature") }
    let words = credential.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard words.count == 5, words[4] == "aws4_request" else {
      throw incomplete("the Credential is not KEY/DATE/REGION/SERVICE/aws4_request")
    }
    return Claim(
      accessKeyID: words[0], scope: SignatureScope(date: words[1], region: words[2], service: words[3]),
      signedHeaders: headers.split(separator: ";").map(String.init), signature: signature)
  }

  /// Checks everything about a claim that does not need the secret; answers the signed time.
  func time(of request: KMSRequest, _ claim: Claim) throws(KMSFault) -> CivilTime {
    guard claim.scope.region == region || regions.contains(claim.scope.region), claim.scope.service == service else {
      throw Self.invalid("Credential should be scoped to region '\(region)' and service '\(service)'.")
    }
    guard let text = request.value("x-amz-date"), let time = CivilTime(basic: text) else {
      throw Self.incomplete("the request needs one X-Amz-Date header of the form YYYYMMDDTHHMMSSZ")
    }
    guard claim.scope.date == time.basicDate else { throw Self.invalid("Credential's date is not the request's.") }
    let signed = Set(claim.signedHeaders)
    let missing = request.headers.map { $0.name.lowercased() }
      .filter { $0 == "host" || $0.hasPrefix("x-amz-") }
      .filter { !signed.contains($0) }
    guard signed.contains("host"), missing.isEmpty else {
      throw Self.invalid("Host and all X-Amz- headers must be signed.")
    }
    let skew = time.seconds - nowSeconds
    guard abs(skew) <= Self.maximumSkewSeconds else {
      let now = CivilTime(seconds: nowSeconds).basic
      throw Self.invalid(
        skew < 0
          ? "Signature expired: \(time.basic) is now earlier than \(now) - 5 min."
          : "Signature not yet current: \(time.basic) is still later than \(now) + 5 min.")
    }
    return time
  }

  /// Checks the signature with the secret of the claimed access key.
  func verify(_ request: KMSRequest, _ claim: Claim, time: CivilTime, secret: Secret) throws(KMSFault) {
    let payloadHash = Hexadecimal.text(SigningHash.sha256(request.body.readableBytesSpan))
    if let claimed = request.value("x-amz-content-sha256"), claimed != payloadHash {
      throw Self.invalid("The body's hash is not the one in X-Amz-Content-Sha256.")
    }
    var headers: [(name: String, value: String)] = []
    for name in claim.signedHeaders {
      let values = request.values(name)
      guard !values.isEmpty else { throw Self.invalid("A signed header is missing.") }
      headers += values.map { (name: name, value: $0) }
    }
    let parts = request.target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let signable = SignableRequest(
      method: request.method, path: String(parts.first ?? "/"), query: parts.count > 1 ? String(parts[1]) : "",
      headers: headers, payloadHash: payloadHash)
    let expected: String
    do { expected = try AWSSignature.sign(signable, time: time, scope: claim.scope, secret: secret) } catch {
      throw .internal
    }
    guard Self.isEqual(expected, claim.signature) else {
      throw Self.invalid(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
          + "Key and signing method. Consult the service documentation for details.")
    }
  }

  /// Compares in a time that does not depend on where the texts differ.
  private static func isEqual(_ left: String, _ right: String) -> Bool {
    let (left, right) = (Array(left.utf8), Array(right.utf8))
    guard left.count == right.count else { return false }
    return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
  }

  private static func invalid(_ message: String) -> KMSFault { KMSFault("InvalidSignatureException", message) }

  private static func incomplete(_ message: String) -> KMSFault { KMSFault("IncompleteSignatureException", message) }
}
