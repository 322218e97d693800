// SPDX-License-Identifier: GPL-3.0-or-later

package import Secrets

/// AWS Signature Version 4 (AWS IAM user guide, "Signature Version 4 signing process"): made here, and checked here by
/// a server of the same API.
package enum AWSSignature {
  /// The name of the algorithm, first word of an `Authorization` header.
  package static let algorithm = "AWS4-HMAC-SHA256"

  /// The signature of `request`, lower-case hexadecimal; throws if secret memory is used up.
  package static func sign(_ request: SignableRequest, time: CivilTime, scope: SignatureScope, secret: Secret)
    throws(SecretsError) -> String
  {
    let stringToSign = request.stringToSign(time: time, scope: scope)
    let key = try signingKey(scope: scope, secret: secret)
    let signature = try SigningHash.hmac(key: key, stringToSign)
    return Hexadecimal.text(signature.unprotectedCopy())  // a signature is no secret
  }

  /// The key of one day, region and service ("Derive a signing key").
  private static func signingKey(scope: SignatureScope, secret: Secret) throws(SecretsError) -> SecretBytes {
    let prefixed = try SecretBytes(capacity: 4 + secret.count) { (span) throws(SecretsError) in
      for byte in "AWS4".utf8 { span.append(byte) }
      secret.withBytes { bytes in
        for offset in bytes.byteOffsets {
          span.append(unsafe bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
        }
      }
    }
    let day = try SigningHash.hmac(key: prefixed, scope.date)
    let region = try SigningHash.hmac(key: day, scope.region)
    let service = try SigningHash.hmac(key: region, scope.service)
    return try SigningHash.hmac(key: service, "aws4_request")
  }

  /// The value of the `Authorization` header.
  package static func authorization(
    accessKeyID: String, scope: SignatureScope, signedHeaders: String, signature: String
  )
    -> String
  {
    "\(algorithm) Credential=\(accessKeyID)/\(scope.text), SignedHeaders=\(signedHeaders), Signature=\(signature)"
  }
}
