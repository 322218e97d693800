// SPDX-License-Identifier: GPL-3.0-or-later

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4), bit by bit: without a table no memory access depends on a secret.
package enum CRC32C {
  /// The checksum of borrowed bytes.
  package static func of(_ bytes: RawSpan) -> UInt32 {
    var crc = UInt32.max
    for offset in bytes.byteOffsets {
      crc ^= UInt32(unsafe bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
      for _ in 0..<8 { crc = (crc >> 1) ^ (0x82F6_3B78 & (0 &- (crc & 1))) }
    }
    return ~crc
  }

  /// The checksum of bytes.
  package static func of(_ bytes: [UInt8]) -> UInt32 { unsafe of(bytes.span.bytes) }
}
