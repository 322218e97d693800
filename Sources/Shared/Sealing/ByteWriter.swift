// SPDX-License-Identifier: GPL-3.0-or-later

/// Builds a binary format: numbers in network order, strings and blobs behind their length.
package struct ByteWriter: Sendable {
  package private(set) var bytes: [UInt8] = []

  package init(reserving capacity: Int = 0) { bytes.reserveCapacity(capacity) }

  package mutating func write(_ raw: [UInt8]) { bytes += raw }

  package mutating func write(_ number: some FixedWidthInteger) {
    append(UInt64(truncatingIfNeeded: number), bits: number.bitWidth)
  }

  /// Bytes behind their length of type `Length`; whoever calls has checked that it fits.
  package mutating func write<Length: FixedWidthInteger>(_ raw: [UInt8], behind: Length.Type) {
    let count = UInt64(raw.count)
    precondition(count >> Length.bitWidth == 0, "a length field is too small for what was checked to fit")
    append(count, bits: Length.bitWidth)
    bytes += raw
  }

  private mutating func append(_ number: UInt64, bits: Int) {
    for shift in stride(from: bits - 8, through: 0, by: -8) {
      bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(shift)))
    }
  }
}
