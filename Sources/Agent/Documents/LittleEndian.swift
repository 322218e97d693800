// SPDX-License-Identifier: GPL-3.0-or-later

/// BSON's byte order.
enum LittleEndian {
  /// The number at `offset`; the caller has checked that four bytes are there.
  static func uint32(_ bytes: [UInt8], at offset: Int) -> UInt32 {
    UInt32(bytes[offset]) | UInt32(bytes[offset + 1]) << 8 | UInt32(bytes[offset + 2]) << 16
      | UInt32(bytes[offset + 3]) << 24
  }

  static func append(_ value: some FixedWidthInteger, to bytes: inout [UInt8]) {
    var value = value
    for _ in 0..<(value.bitWidth / 8) {
      bytes.append(UInt8(truncatingIfNeeded: value))
      value >>= 8
    }
  }
}
