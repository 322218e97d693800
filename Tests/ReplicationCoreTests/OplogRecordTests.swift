// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import ReplicationCore
import Testing

@Suite("Records of the oplog")
struct OplogRecordTests {
  static let id = CollectionID(checked: "0123abcd-4567-89ef-0123-456789abcdef")
  static let other = CollectionID(checked: "ffffffff-0000-4000-8000-000000000001")
  static let shop = DatabaseName(checked: "shop")
  static let operations: [OplogOperation] = [
    .createCollection(shop, name: "orders.ä", id), .put(id, key: [1, 2], document: [3, 4, 5]),
    .put(id, key: [], document: []), .put(other, key: [9], document: Array(repeating: 7, count: 300)),
    .remove(id, key: [1, 2]), .dropCollection(id), .dropDatabase(shop),
  ]

  @Test("come back as they were encoded")
  func roundTrip() throws {
    let bytes = try OplogRecord(Self.operations).encoded()
    #expect(try OplogRecord(decoding: bytes).operations == Self.operations)
    #expect(try OplogRecord(decoding: OplogRecord([]).encoded()).operations.isEmpty)
  }

  @Test("have a fixed layout")
  func layout() throws {
    let bytes = try OplogRecord([.remove(Self.id, key: [0xAA, 0xBB])]).encoded()
    let id: [UInt8] = [0x01, 0x23, 0xAB, 0xCD, 0x45, 0x67, 0x89, 0xEF, 0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF]
    #expect(bytes == [1, 1, 0, 0, 0, 5] + id + [2, 0, 0, 0, 0xAA, 0xBB])
  }

  @Test("the builder counts bytes and operations as it goes")
  func builder() throws {
    var builder = OplogRecordBuilder(reservingBytes: 1 << 20)
    #expect(builder.isEmpty && builder.byteCount == 5)
    try builder.put(Self.id, key: [1], document: [2, 3])
    #expect(builder.count == 1 && builder.byteCount == 5 + 1 + 16 + 4 + 1 + 4 + 2)
    let count = builder.byteCount
    #expect(builder.finish().count == count)
  }

  @Test("refuse what is too large or no name, and stay as they were")
  func limits() throws {
    var builder = OplogRecordBuilder()
    let tooLarge = [UInt8](repeating: 0, count: OplogRecord.maximumValueBytes + 1)
    #expect(throws: ReplicationError.self) { try builder.put(Self.id, key: [], document: tooLarge) }
    #expect(throws: ReplicationError.self) { try builder.remove(Self.id, key: tooLarge) }
    for name in ["", "a\0b", String(repeating: "x", count: 256)] {
      #expect(throws: ReplicationError.self) { try builder.createCollection(Self.shop, name: name, Self.id) }
    }
    #expect(throws: ReplicationError.self) { try builder.dropCollection(CollectionID(checked: "no uuid")) }
    #expect(builder.isEmpty && builder.byteCount == 5)
    let document = [UInt8](repeating: 1, count: 16 << 20)
    for _ in 0..<3 { try builder.put(Self.id, key: [], document: document) }
    let before = builder.byteCount
    #expect(throws: ReplicationError.self) { try builder.put(Self.id, key: [], document: document) }
    #expect(builder.byteCount == before && builder.count == 3)
  }

  @Test("are refused at any length but their own")
  func truncated() throws {
    let bytes = try OplogRecord(Self.operations).encoded()
    for end in 0..<bytes.count {
      #expect(throws: ReplicationError.self) { try OplogRecord(decoding: Array(bytes[..<end])) }
    }
    #expect(throws: ReplicationError.self) { try OplogRecord(decoding: bytes + [0]) }
    #expect(throws: ReplicationError.self) { try OplogRecord(decoding: [1, 0xFF, 0xFF, 0xFF, 0xFF, 1]) }
    #expect(throws: ReplicationError.self) { try OplogRecord(decoding: [2, 0, 0, 0, 0]) }
  }

  @Test("garbled bytes give an error or another valid record, never a crash", arguments: 0..<50)
  func fuzz(_ seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let bytes = try OplogRecord(Self.operations).encoded()
    for _ in 0..<200 {
      var garbled = random.next() % 4 == 0 ? Array(bytes.prefix(Int(random.next() % 60))) : bytes
      for _ in 0...(random.next() % 3) where !garbled.isEmpty {
        garbled[Int(random.next() % UInt64(garbled.count))] = UInt8(truncatingIfNeeded: random.next())
      }
      guard let record = try? OplogRecord(decoding: garbled) else { continue }
      #expect(try record.encoded() == garbled)
    }
  }
}
