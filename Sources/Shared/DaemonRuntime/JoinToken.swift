// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
public import Secrets

/// A one-time token as it is handed from an operator to a node's machine: one line.
///
/// It holds the node's name, where the coordinator listens, the coordinator's public key and the secret half of a CURVE
/// key pair whose public half the coordinator knows. So it proves the coordinator to the node as well as the reverse,
/// and its secret is never sent to anybody. No part has a comma: names and addresses know none, nor does Z85.
public struct JoinToken: Sendable {
  /// The longest line, in bytes.
  public static let maximumBytes = 1024
  private static let mark = "keyfold-join-1"

  /// The node that may be enrolled.
  public let node: NodeName
  /// Where the coordinator listens, `host:port`.
  public let coordinator: String
  /// The coordinator's CURVE public key in Z85.
  public let coordinatorKey: String
  /// The token's CURVE secret key in Z85, without a line end.
  public let secretKey: Secret

  /// Makes a token of its parts.
  public init(node: NodeName, coordinator: String, coordinatorKey: String, secretKey: Secret) {
    self.node = node
    self.coordinator = coordinator
    self.coordinatorKey = coordinatorKey
    self.secretKey = secretKey
  }

  /// Reads a token's line; throws `notJSON` of `ConfigurationError` if it is none or not whole. Its secret part passes
  /// through no `String`.
  public init(line: borrowing SecretBytes) throws(ConfigurationError) {
    var bytes = line.unprotectedCopy()
    defer { SecretBytes.wipe(&bytes) }
    var secret: [UInt8] = []
    defer { SecretBytes.wipe(&secret) }
    if let comma = bytes.lastIndex(of: UInt8(ascii: ",")) {
      secret = Array(bytes[(comma + 1)...])
      bytes.removeSubrange(comma...)
    }
    let parts = String(decoding: bytes, as: UTF8.self).split(separator: ",", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == Self.mark, let node = try? NodeName(String(parts[1])), !secret.isEmpty,
      let held = try? SecretBytes(copying: secret)
    else {
      throw ConfigurationError(
        .notJSON, "this is no token, or not all of one: take the whole line that keyfold node token create wrote")
    }
    self.init(
      node: node, coordinator: String(parts[2]), coordinatorKey: String(parts[3]), secretKey: Secret(held))
  }

  /// The token's line, without a line end; throws if there is no locked memory for it.
  public func line() throws(SecretsError) -> SecretBytes {
    let open = "\(Self.mark),\(node),\(coordinator),\(coordinatorKey),"
    return try SecretBytes(capacity: open.utf8.count + secretKey.count) { (span) throws(SecretsError) in
      for byte in open.utf8 { span.append(byte) }
      secretKey.withBytes { secret in
        unsafe secret.withUnsafeBytes { unsafe $0.forEach { span.append($0) } }
      }
    }
  }
}
