// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation
import Secrets
import Sealing

@testable import DocumentServer

/// The client's side of SCRAM-SHA-256, straight from RFC 5802's formulas.
struct ScramClient {
  var user: String
  var password: String
  var nonce = "fyko+d2lbbFgONRv9qkxdawL"

  var bare: String { "n=\(user),r=\(nonce)" }
  var first: [UInt8] { Array("n,,\(bare)".utf8) }

  /// The final message, and the signature the server has to answer with.
  func final(answering message: [UInt8]) throws -> (message: [UInt8], signature: [UInt8]) {
    let text = String(decoding: message, as: UTF8.self)
    let fields = text.split(separator: ",").map { $0.dropFirst(2) }
    let salt = Array(Data(base64Encoded: String(fields[1])) ?? Data())
    let withoutProof = "c=biws,r=\(fields[0])"
    let signed = Array("\(bare),\(text),\(withoutProof)".utf8)
    let salted = try Self.stretch(Array(password.utf8), salt, Int(fields[2]) ?? 0)
    let clientKey = try Self.hmac(salted, "Client Key")
    let signature = try MessageAuthentication.hmacSHA256(
      key: try MessageAuthentication.sha256(clientKey), signed)
    let proof = zip(clientKey, signature).map { $0 ^ $1 }
    return (
      Array("\(withoutProof),p=\(Data(proof).base64EncodedString())".utf8),
      try MessageAuthentication.hmacSHA256(key: try Self.hmac(salted, "Server Key"), signed)
    )
  }

  /// RFC 5802's Hi, one HMAC after the other.
  private static func stretch(_ password: [UInt8], _ salt: [UInt8], _ iterations: Int) throws -> [UInt8] {
    var last = try MessageAuthentication.hmacSHA256(key: password, salt + [0, 0, 0, 1])
    var result = last
    for _ in 1..<max(iterations, 1) {
      last = try MessageAuthentication.hmacSHA256(key: password, last)
      for place in result.indices { result[place] ^= last[place] }
    }
    return result
  }

  private static func hmac(_ key: [UInt8], _ text: String) throws -> [UInt8] {
    try MessageAuthentication.hmacSHA256(key: key, Array(text.utf8))
  }

  static func credential(_ password: String, iterations: Int = ScramCredential.iterations) throws -> ScramCredential {
    try ScramCredential(
      password: SecretBytes(copying: Array(password.utf8)), salt: [UInt8](repeating: 9, count: 28),
      iterations: iterations)
  }
}
