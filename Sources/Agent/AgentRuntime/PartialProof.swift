// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Sealing
internal import Secrets
internal import Transport

/// Vouches for the keys of a copy that was interrupted.
///
/// A node opens no keystore but the one it has told the coordinator of, because whoever writes to its disk could put
/// one there whose master key he knows. Of a generation that is only being filled the coordinator knows nothing yet. So
/// the node itself authenticates its wrapped master key, by a key that is not in the data directory: the secret of its
/// identity. What carries no such code is not gone on with but made anew.
struct PartialProof: Sendable {
  private static let label = "keyfold interrupted copy 1"
  private let key: Secret

  init(_ identity: CurveIdentity) throws { key = Secret(try identity.secretKeyText()) }

  /// What stands in the mark of a generation that is being filled: what for, and the code (HMAC-SHA256, hexadecimal).
  func mark(_ id: GenerationID, purpose: String, master: WrappedMasterKey?) throws -> String {
    let blob = try master.map { try MessageAuthentication.sha256($0.blob) } ?? []
    let text = [Self.label, id.text, purpose, Self.hexadecimal(blob)].joined(separator: "\n")
    let code = try key.withSecret { try MessageAuthentication.hmacSHA256(key: $0, Array(text.utf8)) }
    return purpose + "\n" + Self.hexadecimal(code)
  }

  /// Whether a mark is the one that this node made for these keys.
  func isSound(_ mark: String?, _ id: GenerationID, purpose: String, master: WrappedMasterKey?) throws -> Bool {
    guard let mark else { return false }
    let expected = try self.mark(id, purpose: purpose, master: master)
    return MessageAuthentication.isEqual(Array(mark.utf8), Array(expected.utf8))
  }

  /// What a mark says its generation is for.
  static func purpose(of mark: String) -> String { String(mark.prefix { $0 != "\n" }) }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }
}
