// SPDX-License-Identifier: GPL-3.0-or-later

/// The Castagnoli checksum (RFC 3720, appendix B.4), with which Google's clients check what they sent and got.
enum CRC32C {
  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
  }

  /// The checksum of bytes.
  static func checksum(_ bytes: [UInt8]) -> UInt32 { unsafe checksum(bytes.span.bytes) }

  /// The checksum of borrowed bytes.
  static func checksum(_ bytes: RawSpan) -> UInt32 {
    var value = UInt32.max
    for offset in bytes.byteOffsets {
      let byte = unsafe bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
      value = value >> 8 ^ table[Int((value ^ UInt32(byte)) & 0xFF)]
    }
    return ~value
  }
}
