// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
public import Secrets

/// An access key of a local KMS, as its credentials file keeps it.
public struct LocalKMSCredentials: Sendable {
  /// The public part.
  public let accessKeyID: String
  /// The secret access key.
  public let secretKey: Secret
  /// The session token of a temporary access key.
  public let sessionToken: Secret?

  /// Reads a credentials file: `{"accessKeyId": …, "secretAccessKey": …}` and, for temporary ones, `sessionToken`.
  public init(file: String) throws(LocalKMSError) {
    guard var bytes = try StateDirectory.read(file) else {
      throw LocalKMSError(.settings, "there is no credentials file \(file)")
    }
    defer { SecretBytes.wipe(&bytes) }
    guard let item = try? JSONReader.read(bytes.span),
      let id = item.member("accessKeyId")?.text(in: bytes.span),
      let secret = try Self.secret(item.member("secretAccessKey"), in: bytes.span)
    else {
      throw LocalKMSError(.settings, "\(file) is no credentials file with accessKeyId and secretAccessKey")
    }
    accessKeyID = id
    secretKey = secret
    sessionToken = try Self.secret(item.member("sessionToken"), in: bytes.span)
  }

  /// The text of a JSON string as a secret; nil if it is none.
  static func secret(_ item: JSONItem?, in bytes: Span<UInt8>) throws(LocalKMSError) -> Secret? {
    guard case .string(let range, escaped: false)? = item, !range.isEmpty else { return nil }
    do {
      return Secret(
        try SecretBytes(capacity: range.count) { (span) throws(SecretsError) in
          for index in range { span.append(bytes[index]) }
        })
    } catch {
      throw LocalKMSError(.cryptography, "there is no secret memory for an access key", underlying: error)
    }
  }

  /// Writes a credentials file, readable by its owner only.
  static func write(_ file: String, accessKeyID: String, secretKey: Secret, sessionToken: Secret? = nil)
    throws(LocalKMSError)
  {
    var bytes = Array("{\"accessKeyId\":\"\(accessKeyID)\",\"secretAccessKey\":\"".utf8)
    bytes.reserveCapacity(1024)
    defer { SecretBytes.wipe(&bytes) }
    append(secretKey, to: &bytes)
    if let sessionToken {
      bytes += Array("\",\"sessionToken\":\"".utf8)
      append(sessionToken, to: &bytes)
    }
    bytes += Array("\"}\n".utf8)
    try StateDirectory.replace(file, with: bytes)
  }

  private static func append(_ secret: Secret, to bytes: inout [UInt8]) {
    var text = secret.withSecret { $0.unprotectedCopy() }
    bytes += text
    SecretBytes.wipe(&text)
  }
}
