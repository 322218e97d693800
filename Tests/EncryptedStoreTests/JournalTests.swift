// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Testing

@testable import EncryptedStore

@Suite("A journal that is broken before its end is told from one that a crash cut off")
struct JournalTests {
  private func bytes(of word: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }

  /// A journal file of records with these sizes of contents, followed by zeros.
  private func file(_ sizes: [Int], zeros: Int = 4096) -> [UInt8] {
    var bytes: [UInt8] = []
    for size in sizes {
      let length = UInt32(16 + size)
      var record = self.bytes(of: length) + [0, 0, 0, 0]
      record += [0, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0x5a, count: size)
      var sum = CRC32C()
      sum.add(record)
      record.replaceSubrange(4..<8, with: self.bytes(of: sum.value))
      bytes += record + [UInt8](repeating: 0, count: (128 - record.count % 128) % 128)
    }
    return bytes + [UInt8](repeating: 0, count: zeros)
  }

  @Test("computes the checksum of RFC 3720")
  func checksum() {
    var sum = CRC32C()
    sum.add(Array("123456789".utf8))
    #expect(sum.value == 0xe306_9283)
  }

  @Test("finds nothing in whole, empty and cut off files", arguments: [0, 1, 15, 16, 127, 128, 300, 700, 1000, 1400])
  func harmless(size: Int) {
    let bytes = file([112, 50, 300, 500])
    #expect(JournalFile.firstDamaged([JournalFile(bytes)]) == nil)
    #expect(JournalFile.firstDamaged([JournalFile(Array(bytes.prefix(size)))]) == nil)
    // Zeros instead of what did not reach the disk.
    let zeroed = bytes.prefix(size) + [UInt8](repeating: 0, count: bytes.count - size)
    #expect(JournalFile.firstDamaged([JournalFile(Array(zeroed))]) == nil)
  }

  @Test("finds a record whose length was changed, wherever it reaches", arguments: [1, 2, 3], [128, 256, 640])
  func changedLength(byte: Int, offset: Int) {
    var bytes = file([112, 50, 300, 500, 40])
    bytes[offset + byte] ^= 0x08
    #expect(JournalFile.firstDamaged([JournalFile(file([112, 50, 10])), JournalFile(bytes)]) == 1)
  }

  @Test("finds a cut in a file that others follow")
  func cutBefore() {
    let cut = JournalFile(Array(file([112, 50, 300]).prefix(400)))
    #expect(cut.isCutOff)
    #expect(JournalFile.firstDamaged([cut, JournalFile(file([112, 50]))]) == nil)
    #expect(JournalFile.firstDamaged([cut, JournalFile(file([112, 50, 10]))]) == 0)
  }
}

@Suite("WiredTiger's messages name the file")
struct MessageTextTests {
  @Test(
    "finds the file's name",
    arguments: [
      ("[1:2][3:0x7f], file:a-b.wt, WT_CURSOR.next: a-b.wt: read checksum error for 4096B", "a-b.wt"),
      (
        "[1:2][3:0x7f], txn-recover: log file /x/y/WiredTigerLog.0000000001 corrupted, truncated",
        "WiredTigerLog.0000000001"
      ),
      ("[1:2][3:0x7f], connection: WiredTiger.turtle: fatal read error", "WiredTiger.turtle"),
      ("a.wt", "a.wt"), (".wt", nil), ("", nil), ("[", nil), ("nothing here", nil),
    ] as [(String, String?)])
  func file(message: String, file: String?) {
    #expect(MessageText.file(in: message) == file)
  }

  @Test(
    "drops time and thread",
    arguments: [
      ("[1:2][3:0x7f], a: b", "a: b"), ("a], b", "a], b"), ("[", "["), ("", ""), ("[x], ", ""),
    ])
  func body(message: String, body: String) {
    #expect(MessageText.body(of: message) == body)
  }
}
