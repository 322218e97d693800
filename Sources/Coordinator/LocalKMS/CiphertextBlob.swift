// SPDX-License-Identifier: GPL-3.0-or-later

/// A ciphertext of the local KMS: `KFL1`, the key's UUID in 16 bytes, then what XAES-256-GCM sealed.
///
/// Magic, key id and encryption context are authenticated with it.
struct CiphertextBlob: Equatable {
  private static let magic = Array("KFL1".utf8)
  private static let headerBytes = 20

  let keyID: String
  let sealed: [UInt8]

  init(keyID: String, sealed: [UInt8]) {
    self.keyID = keyID
    self.sealed = sealed
  }

  /// Takes a blob apart; nil if it is none of ours.
  init?(_ bytes: [UInt8]) {
    guard bytes.count > Self.headerBytes, bytes.starts(with: Self.magic) else { return nil }
    keyID = KeyIdentifier.text(Array(bytes[4..<Self.headerBytes]))
    sealed = Array(bytes[Self.headerBytes...])
  }

  /// The blob; nil if the key id is no UUID.
  var bytes: [UInt8]? { KeyIdentifier.bytes(keyID).map { Self.magic + $0 + sealed } }

  /// What is authenticated with a ciphertext: the header and each pair, sorted, with its lengths before it.
  static func associatedData(keyID: String, context: [String: String]) -> [UInt8] {
    var data = magic + Array(keyID.utf8)
    for (name, value) in context.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
      for text in [name, value] {
        let bytes = Array(text.utf8)
        for shift in [24, 16, 8, 0] { data.append(UInt8(truncatingIfNeeded: bytes.count >> shift)) }
        data += bytes
      }
    }
    return data
  }
}
