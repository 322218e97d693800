// SPDX-License-Identifier: GPL-3.0-or-later

/// Builds a binary format: numbers in network order, strings and blobs behind their length.
package struct ByteWriter: Sendable {
  package private(set) var bytes: [UInt8] = []

  package init(reserving capacity: Int = 0) { bytes.reserveCapacity(capacity) }

  package mutating func write(_ raw: [UInt8]) { bytes += raw }

  package mutating func write(_ number: some FixedWidthInteger) {
    for shift in stride(from: number.bitWidth - 8, through: 0, by: -8) {
      bytes.append(UInt8(truncatingIfNeeded: number >> shift))
    }
  }

  /// Bytes behind their length of type `Length`; whoever calls has checked that it fits.
  package mutating func write<Length: FixedWidthInteger>(_ raw: [UInt8], behind: Length.Type) {
    precondition(Length(exactly: raw.count) != nil, "a length field is too small for what was checked to fit")
    write(Length(truncatingIfNeeded: raw.count))
    bytes += raw
  }
}
