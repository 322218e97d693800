// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import ReplicationCore
import Testing

@testable import Replication

@Suite("Rows of a copy") struct CopyRowsTests {
  private static func packed(_ rows: [(key: [UInt8], document: [UInt8])]) -> [UInt8] {
    var bytes: [UInt8] = []
    for row in rows {
      unsafe row.key.withUnsafeBytes { unsafe CopyRows.append($0, to: &bytes) }
      unsafe row.document.withUnsafeBytes { unsafe CopyRows.append($0, to: &bytes) }
    }
    return bytes
  }

  private static func unpacked(_ bytes: [UInt8]) throws -> [[UInt8]] {
    var values: [[UInt8]] = []
    try unsafe CopyRows.forEach(in: bytes) { key, document in
      values.append(unsafe [UInt8](key))
      values.append(unsafe [UInt8](document))
    }
    return values
  }

  @Test("come back as they were, empty and large ones too")
  func roundTrip() throws {
    let rows: [(key: [UInt8], document: [UInt8])] = [
      ([1], []), ([], [2]), ([3, 4], [UInt8](repeating: 5, count: 70_000)),
    ]
    #expect(try Self.unpacked(Self.packed(rows)) == rows.flatMap { [$0.key, $0.document] })
    #expect(try Self.unpacked([]).isEmpty)
  }

  @Test("cut off anywhere but between two rows, or with lengths that can't be, are refused")
  func hostile() throws {
    let one = Self.packed([([1, 2, 3], [4, 5])])
    let whole = one + one
    for count in 1..<whole.count where count != one.count {
      #expect(throws: MemberError.self) { try Self.unpacked(Array(whole[..<count])) }
    }
    for length: [UInt8] in [[255, 255, 255, 255], [127, 255, 255, 255], [0, 0, 0, 9]] {
      #expect(throws: MemberError.self) { try Self.unpacked(length + [1, 2, 3]) }
      #expect(throws: MemberError.self) { try Self.unpacked([0, 0, 0, 1, 7] + length) }
    }
  }
}

@Suite("Key names for the engine") struct EngineKeyNameTests {
  @Test("carry any database's name, back and forth, in letters and digits")
  func roundTrip() throws {
    for name in ["shop", "it's", "a,b(c)", "日本", "{", String(repeating: "z", count: 63)] {
      let id = KeyID.random(for: .database(try DatabaseName(name)))
      let text = EngineKeyName.name(of: id)
      #expect(
        text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) } && text.utf8.count < 256)
      #expect(EngineKeyName.keyID(of: text) == id)
    }
  }

  @Test("that are none are no keys", arguments: ["", "k", "k0", "kzz", "x6162", "k00", "k\u{FF}", "k6162", "kff"])
  func hostile(name: String) { #expect(EngineKeyName.keyID(of: name) == nil) }
}

@Suite("A mailbox") struct MailboxTests {
  @Test("keeps order, and no more than it has room for")
  func order() async throws {
    let box = Mailbox<Int>(capacity: 3)
    #expect([1, 2, 3, 4].map { box.put($0) } == [true, true, true, false])
    for number in 1...3 { #expect(try await box.next() == number) }
    #expect(box.put(5))
    box.finish()
    #expect(!box.put(6))
    #expect(try await box.next() == 5)
    #expect(try await box.next() == nil)
  }

  @Test("takes no more bytes than it has room for, but one value however large")
  func bytes() async throws {
    let box = Mailbox<Int>(capacity: 10, byteCapacity: 100)
    #expect(box.put(1, bytes: 500))
    #expect(!box.put(2, bytes: 1))
    #expect(box.load.bytes == 500 && box.load.values == 1 && box.load.refused == 1)
    #expect(try await box.next() == 1)
    #expect([60, 40, 1].map { box.put($0, bytes: $0) } == [true, true, false])
    #expect(try await box.next() == 60)
    #expect(box.put(3, bytes: 60))
    #expect(box.load.bytes == 100 && box.load.refused == 2)
  }

  @Test("wakes the task that waits, once, with a value, an end or an error")
  func waits() async throws {
    let box = Mailbox<Int>(capacity: 1)
    async let first = box.next()
    box.put(1)
    #expect(try await first == 1)
    async let second = box.next()
    box.finish(MemberError(.syncFailed, "gone"))
    box.finish()
    let outcome: Result<Int?, any Error>
    do { outcome = .success(try await second) } catch { outcome = .failure(error) }
    #expect(throws: MemberError.self) { try outcome.get() }
    await expect(.syncFailed) { _ = try await box.next() }
  }
}

@Suite("The credit of a copy") struct CopySessionTests {
  @Test("lets as many bytes go as were granted, one chunk over at most, whatever is granted at once")
  func credit() async {
    let session = CopySession(budget: 200_000)
    #expect(await session.take(150_000))
    #expect(await session.take(150_000))
    async let third = session.take(70_000)
    session.grant(150_000)
    #expect(await third)
    for _ in 0..<10 { session.grant(.max) }
    let chunk = CopyLimits.sourceBudgetBytes / 8
    for _ in 0..<8 { #expect(await session.take(chunk)) }
    async let last = session.take(1)
    session.end()
    #expect(await !last)
    #expect(await !session.take(1))
  }

  @Test("a budget of nothing, or of everything, is brought to reason; a chunk of any size can go")
  func budget() async {
    #expect(await CopySession(budget: 0).take(1))
    let session = CopySession(budget: .max)
    #expect(await session.take(.max))
    async let waits = session.take(1)
    session.end()
    #expect(await !waits)
    #expect(CopyLimits.charge([]) == CopyLimits.minimumCharge)
  }
}

@Suite("Whether the oplog lasts for a copy") struct CopyWindowTests {
  @Test("says so when no source's oplog lasts as long as the copy takes")
  func warning() throws {
    var window = CopyWindow(sources: 2)
    #expect(window.warning(secondsLeft: 1e9) == nil, "nobody said anything yet")
    window.note(lasts: 80, of: 0)
    #expect(window.warning(secondsLeft: 79) == nil && window.seconds == 80)
    #expect(window.warning(secondsLeft: 81)?.contains("about 80 s") == true)
    window.note(lasts: 500, of: 1)
    #expect(window.warning(secondsLeft: 81) == nil, "another source's oplog lasts")
    window.note(lasts: 70, of: 1)
    #expect(window.warning(secondsLeft: 81)?.contains("about 80 s") == true, "the best of them counts")
    window.note(lasts: 0, of: 1)
    #expect(window.warning(secondsLeft: 1e9) == nil && window.seconds == nil, "nothing is written there")
  }

  @Test("is over for good only when no source's oplog reaches back")
  func outrun() {
    var window = CopyWindow(sources: 2)
    let answers = [0, 0, 1].map { window.isOutrun(by: $0) }
    #expect(answers == [false, false, true])
  }
}

@Suite("Rows of the catalog") struct CatalogRowTests {
  @Test("positions sort as they are ordered; what is none is none")
  func positions() {
    let position = LogPosition(term: 3, index: .max / 8)
    #expect(BigEndian.position(BigEndian.bytes(position)) == position)
    for count in [0, 1, 8, 15, 17] { #expect(BigEndian.position([UInt8](repeating: 1, count: count)) == nil) }
    #expect(BigEndian.value([1, 2, 3]) == nil)
  }

  @Test("names of a database are found by their prefix, and by no other database's")
  func names() {
    let row = CatalogRow.name("shop", "a.b")
    #expect(row.starts(with: CatalogRow.names(in: "shop")) && row.starts(with: CatalogRow.allNames))
    #expect(!row.starts(with: CatalogRow.names(in: "sho")) && !row.starts(with: CatalogRow.names(in: "shop2")))
    #expect(CatalogRow.split(CatalogRow.value("shop", "a.b"))?.collection == "a.b")
    #expect(CatalogRow.split([1, 2]) == nil)
    #expect(throws: MemberError.self) { try CatalogRow.collection([0xFF, 0]) }
  }
}
