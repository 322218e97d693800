// SPDX-License-Identifier: GPL-3.0-or-later

/// Looks for one kind of damage in journal files that WiredTiger's recovery takes for the journal's end without a word.
///
/// If the length of a record is changed so that the record would reach into the zeros behind the journal's end or past
/// the file, WiredTiger (3.2.1, `__wt_log_scan`) sees a write that a crash cut off, and drops all that follows. It is a
/// cut-off write only if nothing valid follows. All other damage WiredTiger reports by a message.
///
/// A file is a row of records at multiples of 128 bytes: length (4 bytes, little-endian, with this header), CRC-32C
/// over the record with this field zero, flags, 6 bytes more, contents. The first two of a file are its description and
/// the end of the file before.
struct JournalFile: Sendable, Equatable {
  private static let alignment = 128
  private static let headerBytes = 16
  /// Records that each file begins with, whether anything was logged or not.
  private static let ownRecords = 2

  /// Whether anything was logged into the file.
  let hasContents: Bool
  /// Whether the last record is broken, as a crash can leave it.
  let isCutOff: Bool
  /// Whether a record follows the one that seems to be cut off.
  let hasRecordsBehindTheEnd: Bool

  /// Reads a file.
  init(_ bytes: [UInt8]) {
    var records = 0
    var last: Int?
    var offset = 0
    while offset <= bytes.count - Self.headerBytes {
      let length = Int(Self.word(bytes, at: offset))
      if length == 0 { break }
      records += 1
      last = offset
      if length > bytes.count - offset { break }
      offset += (length + Self.alignment - 1) / Self.alignment * Self.alignment
    }
    hasContents = records > Self.ownRecords
    guard let last, !Self.isValid(bytes, at: last) else {
      (isCutOff, hasRecordsBehindTheEnd) = (false, false)
      return
    }
    isCutOff = true
    hasRecordsBehindTheEnd = stride(from: last + Self.alignment, to: bytes.count, by: Self.alignment)
      .contains { Self.isValid(bytes, at: $0) }
  }

  /// The first of a journal's files, in order, that is cut off although more follows, by its index.
  static func firstDamaged(_ files: [JournalFile]) -> Int? {
    files.indices.first { index in
      let file = files[index]
      return file.isCutOff && (file.hasRecordsBehindTheEnd || files[(index + 1)...].contains(where: \.hasContents))
    }
  }

  private static func word(_ bytes: [UInt8], at offset: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
  }

  private static func isValid(_ bytes: [UInt8], at offset: Int) -> Bool {
    guard offset <= bytes.count - headerBytes else { return false }
    let length = Int(word(bytes, at: offset))
    guard length >= headerBytes, length <= bytes.count - offset else { return false }
    var sum = CRC32C()
    sum.add(bytes[offset..<offset + 4])
    sum.add([0, 0, 0, 0])
    sum.add(bytes[offset + 8..<offset + length])
    return sum.value == word(bytes, at: offset + 4)
  }
}

/// The checksum of iSCSI (RFC 3720, appendix B.4), which WiredTiger uses.
struct CRC32C {
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0x82f6_3b78 : value >> 1 }
  }

  private var state = UInt32.max

  var value: UInt32 { ~state }

  mutating func add(_ bytes: some Sequence<UInt8>) {
    let table = Self.table
    var state = state
    for byte in bytes { state = state >> 8 ^ table[Int((state ^ UInt32(byte)) & 0xff)] }
    self.state = state
  }
}
