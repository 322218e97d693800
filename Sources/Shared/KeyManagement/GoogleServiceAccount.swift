// SPDX-License-Identifier: GPL-3.0-or-later

internal import CCrypto
internal import Secrets

/// A service account's key file (Google Cloud IAM, "Create and delete service account keys"), taken apart.
///
/// The file's own `token_uri` is not used: where the signed assertion goes, the settings alone say.
struct GoogleServiceAccount: Sendable {
  /// The account's mail address.
  let email: String
  /// The id of the key.
  let keyID: String
  /// The private key in PEM.
  let privateKey: Secret

  /// Takes the file's JSON apart; throws a sentence of what is wrong with it.
  init(_ file: Secret) throws(HTTPFailure) {
    var found: (email: String, keyID: String, key: Secret)?
    do {
      try file.withBytes { (bytes) throws(SecretsError) in
        // The reader takes bytes, not raw memory; the copy is wiped.
        var copy = unsafe bytes.withUnsafeBytes { unsafe [UInt8]($0) }
        defer { SecretBytes.wipe(&copy) }
        found = try Self.parts(copy.span)
      }
    } catch { throw HTTPFailure(.localFailure, error.description) }
    guard let found else {
      throw HTTPFailure(
        .invalidSettings,
        "the secret is no service account key file: JSON with type service_account, client_email and private_key")
    }
    guard
      found.key.withBytes({ bytes in unsafe bytes.withUnsafeBytes { unsafe kf_rs256_size($0.baseAddress, $0.count) } })
        > 0
    else {
      throw HTTPFailure(.invalidSettings, "the service account's private_key is no RSA key of at least 2048 bits")
    }
    (email, keyID, privateKey) = (found.email, found.keyID, found.key)
  }

  private static func parts(_ bytes: Span<UInt8>) throws(SecretsError) -> (email: String, keyID: String, key: Secret)? {
    guard let item = try? JSONReader.read(bytes), item.member("type")?.text(in: bytes) == "service_account",
      let email = item.member("client_email")?.text(in: bytes), (1...320).contains(email.utf8.count),
      email.utf8.allSatisfy({ (0x21..<0x7F).contains($0) }),
      case .string(let range, _)? = item.member("private_key"), let key = try unescaped(range, of: bytes)
    else { return nil }
    return (email, AnswerText.code(item.member("private_key_id")?.text(in: bytes)), key)
  }

  /// PEM is ASCII and has no characters that JSON has to escape but line ends; some escape a slash or others as well.
  private static func unescaped(_ range: Range<Int>, of bytes: Span<UInt8>) throws(SecretsError) -> Secret? {
    guard range.count <= AnswerSecret.maximumBytes else { return nil }
    var isSound = true
    let secret = try SecretBytes(capacity: max(1, range.count)) { (span) throws(SecretsError) in
      var index = range.lowerBound
      while index < range.upperBound, isSound {
        if bytes[index] != UInt8(ascii: "\\") {
          span.append(bytes[index])
        } else {
          index += 1
          switch index < range.upperBound ? bytes[index] : 0 {
          case UInt8(ascii: "n"): span.append(UInt8(ascii: "\n"))
          case UInt8(ascii: "r"): span.append(UInt8(ascii: "\r"))
          case UInt8(ascii: "/"): span.append(UInt8(ascii: "/"))
          case UInt8(ascii: "u"):
            if let code = hexadecimal(index + 1..<range.upperBound, of: bytes), code < 0x80 {
              span.append(UInt8(code))
              index += 4
            } else {
              isSound = false
            }
          default: isSound = false
          }
        }
        index += 1
      }
    }
    return isSound ? Secret(secret) : nil
  }

  /// What the first four bytes of a range say as hexadecimal digits, nil if they are none.
  private static func hexadecimal(_ range: Range<Int>, of bytes: Span<UInt8>) -> Int? {
    guard range.count >= 4 else { return nil }
    var value = 0
    for index in range.prefix(4) {
      guard let digit = Character(UnicodeScalar(bytes[index])).hexDigitValue else { return nil }
      value = value << 4 | digit
    }
    return value
  }

  /// A signed JWT that asks for a token (RFC 7523; "Using OAuth 2.0 for server to server applications").
  func assertion(audience: String, nowSeconds: Int64) throws(SecretsError) -> String {
    let header = JSONValue.object([
      .init("alg", .string("RS256")), .init("typ", .string("JWT")), .init("kid", .string(keyID)),
    ])
    let claims = JSONValue.object([
      .init("iss", .string(email)), .init("scope", .string("https://www.googleapis.com/auth/cloudkms")),
      .init("aud", .string(audience)), .init("iat", .integer(nowSeconds)), .init("exp", .integer(nowSeconds + 3600)),
    ])
    let text = "\(Base64URL.text(header.encoded())).\(Base64URL.text(claims.encoded()))"
    let message = Array(text.utf8)
    let signature: [UInt8]? = privateKey.withBytes { pem in
      unsafe pem.withUnsafeBytes { pem in
        let size = unsafe kf_rs256_size(pem.baseAddress, pem.count)
        var signature = [UInt8](repeating: 0, count: size)
        let isDone = unsafe kf_rs256_sign(pem.baseAddress, pem.count, message, message.count, &signature, size)
        return isDone == 1 ? signature : nil
      }
    }
    guard let signature else { throw SecretsError(.heapExhausted, "OpenSSL could not sign the token's assertion") }
    return "\(text).\(Base64URL.text(signature))"
  }
}
