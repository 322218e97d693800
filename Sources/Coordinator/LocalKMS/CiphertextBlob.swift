// SPDX-License-Identifier: GPL-3.0-or-later

/// A ciphertext of AWS's dialect.
///
/// `KFL1`, the key's UUID in 16 bytes, then what XAES-256-GCM sealed; or `KFL2`, the 16 bytes of the id, one byte that
/// is 1 for a multi-Region key, the number of the key's rotation in 4 bytes, then the same. Magic, key id, rotation and
/// encryption context are authenticated with it.
struct CiphertextBlob: Equatable {
  private static let plainMagic = Array("KFL1".utf8)
  private static let magic = Array("KFL2".utf8)
  private static let plainHeaderBytes = 20
  private static let headerBytes = 25

  /// The key's id without its region.
  let keyID: String
  /// Which of the key's materials, 0 for the first.
  let rotation: Int
  let sealed: [UInt8]

  init(keyID: String, rotation: Int, sealed: [UInt8]) {
    self.keyID = keyID
    self.rotation = rotation
    self.sealed = sealed
  }

  /// Takes a blob apart; nil if it is none of ours.
  init?(_ bytes: [UInt8]) {
    if bytes.count > Self.plainHeaderBytes, bytes.starts(with: Self.plainMagic) {
      keyID = KeyIdentifier.text(Array(bytes[4..<20]))
      rotation = 0
      sealed = Array(bytes[Self.plainHeaderBytes...])
    } else if bytes.count > Self.headerBytes, bytes.starts(with: Self.magic), bytes[20] <= 1 {
      let id = Array(bytes[4..<20])
      keyID = bytes[20] == 1 ? KeyIdentifier.multiRegionText(id) : KeyIdentifier.text(id)
      rotation = bytes[21..<25].reduce(0) { $0 << 8 | Int($1) }
      sealed = Array(bytes[Self.headerBytes...])
    } else {
      return nil
    }
  }

  /// The blob; nil if the key id is none.
  var bytes: [UInt8]? {
    guard let id = KeyIdentifier.bytes(keyID) else { return nil }
    let isMultiRegion = KeyIdentifier.isMultiRegion(keyID)
    if rotation == 0, !isMultiRegion { return Self.plainMagic + id + sealed }
    let number = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: rotation >> $0) }
    return Self.magic + id + [isMultiRegion ? 1 : 0] + number + sealed
  }

  /// What is authenticated with a ciphertext: the header and each pair, sorted, with its lengths before it.
  static func associatedData(keyID: String, rotation: Int, context: [String: String]) -> [UInt8] {
    var data = plainMagic + Array(keyID.utf8)
    if rotation > 0 { data += Array("#\(rotation)".utf8) }
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
