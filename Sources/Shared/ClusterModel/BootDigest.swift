// SPDX-License-Identifier: GPL-3.0-or-later
internal import Sealing

/// By what a process is known again to those who need not be able to pass for it: the SHA-256 digest of its boot id
/// behind a label. A boot id is 122 random bits, which nobody finds by trying.
public struct BootDigest: Hashable, Sendable, Codable, CustomStringConvertible {
  private static let label = "keyfold boot id v1\n"

  /// 64 hexadecimal digits in lower case.
  public let text: String

  /// Makes the digest of a boot id; nil if OpenSSL has no memory for it.
  public init?(of boot: BootID) {
    guard let digest = try? MessageAuthentication.sha256(Array((Self.label + boot.text).utf8)) else { return nil }
    text = Hexadecimal.text(of: digest)
  }

  /// Checks a digest's text; throws `ModelError` if it is none.
  public init(_ text: String) throws(ModelError) {
    guard let bytes = Hexadecimal.bytes(of: text), bytes.count == MessageAuthentication.digestBytes else {
      throw ModelError(.invalidIdentifier, "a boot id's digest has to be 64 hexadecimal digits")
    }
    self.text = Hexadecimal.text(of: bytes)
  }

  /// The text.
  public var description: String { text }

  /// Whether it is this process's; takes the same time wherever it differs.
  public func matches(_ boot: BootID) -> Bool {
    guard let other = BootDigest(of: boot) else { return false }
    return MessageAuthentication.isEqual(Array(text.utf8), Array(other.text.utf8))
  }

  /// Decodes and checks a digest.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    do { try self.init(container.decode(String.self)) } catch let error as ModelError {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
    }
  }

  /// Encodes the digest as its text.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}
