// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import EncryptedStore
import ReplicationCore
import Synchronization
import Testing

@testable import Replication

/// A clock that stands still until a test moves it.
private final class TestClock: Sendable {
  private let time = Mutex<Int64>(1_700_000_000_000)
  var options: @Sendable () -> Int64 { { [self] in time.withLock { $0 } } }
  func advance(hours: Int64) { time.withLock { $0 += hours * 3_600_000 } }
}

extension ReplicaMember {
  /// Writes documents whose oplog entries have about `kilobytes` each.
  fileprivate func fill(_ numbers: ClosedRange<Int>, kilobytes: Int = 64) async throws {
    for number in numbers {
      try await write { view in
        let id =
          try view.collection(database: "shop", name: "bulk")
          ?? view.createCollection(try DatabaseName("shop"), name: "bulk")
        let document = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: kilobytes << 10)
        try view.put(id, key: BigEndian.bytes(UInt64(number)), document: document)
      }
    }
  }

  /// How many documents of `fill` it holds.
  nonisolated fileprivate func filled() async throws -> Int {
    try await readers.read { view in
      try view.collection(database: "shop", name: "bulk").map { try view.count($0) } ?? 0
    }
  }
}

extension MemberTables {
  /// The indexes of the rows of the oplog.
  fileprivate func indexes() throws -> [UInt64] {
    var found: [UInt64] = []
    try unsafe log.scan(Self.oplog) { key, _ in
      found.append(unsafe BigEndian.value(key) ?? 0)
      return true
    }
    return found
  }
}

private func options(megabytes: UInt64, hours: Int64 = 0, ceiling: UInt64? = nil, _ clock: TestClock = TestClock())
  -> OplogOptions
{
  OplogOptions(
    retention: OplogRetention(
      bytes: megabytes << 20, minimumMilliseconds: hours * 3_600_000, ceilingBytes: ceiling.map { $0 << 20 }),
    wallClock: clock.options)
}

@Suite("An oplog", .serialized) struct OplogTests {
  @Test("is trimmed to its size after a checkpoint, not before, and a start finds it so", arguments: [false, true])
  func trims(encrypted: Bool) async throws {
    try await Shard.with(1, encrypted: encrypted, oplog: options(megabytes: 2)) { shard in
      let (name, node, member) = try await shard.primary()
      try await member.fill(1...100)
      #expect(member.status.oplog.firstIndex == 1 && member.status.oplog.bytes > 6 << 20)
      await member.checkpoint()
      let report = member.status.oplog
      #expect(report.firstIndex > 50 && report.bytes <= 2 << 20 && report.bytes > 512 << 10)
      // As a power failure would leave it: the removal or nothing, with the base that belongs to it.
      try await member.fill(101...101)
      let image = try node.crashImage("-image", in: shard.folder)
      try await shard.stop(name)
      try await shard.start(image, try image.open())
      let again = try await shard.primary().member
      #expect(again.status.oplog.firstIndex == report.firstIndex)
      #expect(try await again.filled() == 101)
      let rows = try await again.oplogIndexes()
      #expect(rows.first == report.firstIndex && rows == Array(report.firstIndex...again.status.lastIndex))
      try await again.fill(102...103)
      #expect(try await again.filled() == 103)
      #expect(shard.failures.all.isEmpty)
    }
  }

  @Test("keeps what is young, until the ceiling is reached; then it goes all the same")
  func ages() async throws {
    let clock = TestClock()
    try await Shard.with(1, oplog: options(megabytes: 1, hours: 24, ceiling: 6, clock)) { shard in
      let member = try await shard.primary().member
      try await member.fill(1...48)
      clock.advance(hours: 20)
      try await member.fill(49...64)
      await member.checkpoint()
      #expect(member.status.oplog.firstIndex == 1)
      #expect(member.status.oplog.windowSeconds == 20 * 3600)
      clock.advance(hours: 5)
      await member.checkpoint()
      let aged = member.status.oplog
      #expect(aged.firstIndex > 40 && aged.firstIndex <= 50)
      try await member.fill(65...200)
      await member.checkpoint()
      let full = member.status.oplog
      #expect(full.bytes <= 6 << 20 && full.bytes > 4 << 20 && full.firstIndex > aged.firstIndex)
      #expect(full.windowSeconds == 0)
    }
  }

  @Test("keeps what a copy still needs, and tells the copy when the ceiling took it")
  func holds() async throws {
    try await Shard.with(1, oplog: options(megabytes: 1, ceiling: 8)) { shard in
      let member = try await shard.primary().member
      try await member.fill(1...40)
      let copy = try await member.openCopy()
      let beginning = try await copy.begin()
      let base = beginning.base
      let collection = try #require(beginning.collections.first)
      _ = try await copy.open(collection.id, after: nil, from: base.index)
      try await member.fill(41...80)
      await member.checkpoint()
      #expect(member.status.oplog.firstIndex <= base.index + 1)
      #expect(try await copy.next() != nil)
      try await member.fill(81...240)
      await member.checkpoint()
      #expect(member.status.oplog.firstIndex > base.index + 1)
      await expect(.syncFailed) { while try await copy.next() != nil {} }
      await copy.close()
    }
  }

  @Test("that was trimmed makes a member that was away too long say that it needs an initial sync")
  func leavesBehind() async throws {
    try await Shard.with(3, settings: .steady, oplog: options(megabytes: 1)) { shard in
      let primary = try await shard.insert(1...1)
      let away = try #require(shard.members.first { $0.name != primary.name })
      try await shard.agree(on: [1])
      try await shard.stop(away.name)
      let (_, _, leader) = try await shard.primary()
      try await leader.fill(1...100)
      await leader.checkpoint()
      #expect(leader.status.oplog.firstIndex > 50)
      try await shard.start(away.node, try away.node.open())
      let back = try shard.member(away.name.text)
      try await eventually("the word that it needs an initial sync") { back.status.needsInitialSync }
      #expect(back.status.report.needsInitialSync)
      #expect(try await back.numbers() == [1])
      // While it copies, and until it has caught up, the primary keeps what it will ask for.
      let copy = try await leader.openCopy()
      let fresh = try away.node.make(encrypted: false)
      async let resynced: Void = back.resync(into: fresh, from: CopySources(copy)) { _ in }
      try await leader.fill(101...200)
      await leader.checkpoint()
      try await resynced
      await copy.close()
      await leader.checkpoint()
      try await eventually("all documents") { try await back.filled() == 200 }
      try await eventually("its place in the shard") { !back.status.needsInitialSync }
      try await shard.insert(2...2)
      try await shard.agree(on: [1, 2])
      #expect(shard.failures.all.isEmpty)
    }
  }

  @Test("in a new generation starts where the copy does, and a re-sync under a small limit loses nothing")
  func carriesTail() async throws {
    try await Shard.with(1, encrypted: true, oplog: options(megabytes: 1)) { shard in
      let (name, node, member) = try await shard.primary()
      try await member.fill(1...60)
      let before = await member.lastIndex
      try await member.resync(into: try node.make(encrypted: true), from: try await member.openCopy()) { _ in }
      #expect(member.status.oplog.firstIndex == before + 1)
      try await member.fill(61...120)
      await member.checkpoint()
      #expect(member.status.oplog.firstIndex > before + 1)
      try await shard.stop(name)
      try await shard.start(node, try node.open())
      #expect(try await shard.primary().member.filled() == 120)
      #expect(shard.failures.all.isEmpty)
    }
  }
}

extension ReplicaMember {
  fileprivate func oplogIndexes() throws -> [UInt64] { try tables.indexes() }
}

@Suite("An oplog's outline", .serialized) struct OplogOutlineTests {
  let folder: TemporaryFolder
  let node: TestNode
  let generation: OpenGeneration

  init() throws {
    folder = try TemporaryFolder()
    node = try TestNode(in: folder)
    generation = try node.found(voters: [node.name], encrypted: false)
  }

  private func entries(_ indexes: ClosedRange<UInt64>, term: UInt64) -> [LogEntry] {
    indexes.map { index in
      LogEntry(
        position: LogPosition(term: term, index: index), kind: .data, payload: [UInt8(truncatingIfNeeded: index)],
        time: Int64(index))
    }
  }

  /// What the tables know once they have read everything anew.
  private func reread() throws -> (RestoredState, OplogIndex?) {
    let tables = try MemberTables(generation)
    defer { tables.close() }
    let state = try tables.restoredState()
    return (state, tables.oplogIndex)
  }

  @Test("says after a start what it said before, over terms, memberships, truncations and trims")
  func comesBack() throws {
    let tables = try MemberTables(generation)
    defer { tables.close() }
    let grown = try Membership(voters: [node.name], learners: [MemberID("n2")])
    try tables.append(entries(1...1500, term: 1))
    try tables.append([LogEntry(position: .init(term: 2, index: 1501), kind: .membership, payload: grown.encoded())])
    try tables.append(entries(1502...3000, term: 2))
    try tables.append(entries(3001...3300, term: 5))
    #expect(try reread().1?.outline == tables.oplogIndex?.outline)
    #expect(try reread().0.log.runs.map(\.firstIndex) == [1, 1501, 3001])
    try tables.truncateLog(after: 2500)
    let (state, index) = try reread()
    #expect(index?.outline == tables.oplogIndex?.outline && index?.last == LogPosition(term: 2, index: 2500))
    #expect(state.memberships.current == grown && state.log.lastIndex == 2500)
    try tables.append(entries(2501...2600, term: 9))
    try MemberTables.trim(tables.data, to: LogPosition(term: 2, index: 2048), membership: grown)
    try tables.data.put(MemberTables.catalog, CatalogRow.applied, BigEndian.bytes(LogPosition(term: 2, index: 2048)))
    tables.oplogIndex?.outline.trim(to: 2048)
    let (trimmed, rest) = try reread()
    #expect(rest?.outline == tables.oplogIndex?.outline)
    #expect(trimmed.log.base == LogPosition(term: 2, index: 2048) && trimmed.log.lastIndex == 2600)
    #expect(trimmed.log.runs.map(\.term) == [2, 9] && trimmed.memberships.current == grown)
    #expect(try tables.indexes() == Array(2049...2600))
    #expect(try tables.entries(after: 2500, upTo: 2501, budget: 1 << 20).map(\.time) == [2501])
  }

  @Test("spares a start the reading of what it speaks of")
  func readsOnlyTheEnd() throws {
    let tables = try MemberTables(generation)
    defer { tables.close() }
    try tables.append(entries(1...5000, term: 1))
    // Nobody could do that but damage; a start that read the whole oplog would fall over it.
    try tables.log.remove(MemberTables.oplog, BigEndian.bytes(UInt64(2_000)))
    #expect(try reread().0.log.lastIndex == 5000)
    try tables.log.remove(MemberTables.oplog, BigEndian.bytes(UInt64(4_999)))
    #expect(throws: MemberError.self) { try reread() }
  }

  @Test("an oplog that ends before what its outline knows of is damage, one without its first entry too")
  func noticesDamage() throws {
    let tables = try MemberTables(generation)
    defer { tables.close() }
    try tables.append(entries(1...3000, term: 1))
    let first = try tables.log.get(MemberTables.oplog, BigEndian.bytes(1))
    try tables.log.remove(MemberTables.oplog, BigEndian.bytes(1))
    #expect(throws: MemberError.self) { try reread() }
    try tables.log.put(MemberTables.oplog, BigEndian.bytes(1), first ?? [])
    #expect(try reread().0.log.lastIndex == 3000)
    for index in 2000...3000 as ClosedRange<UInt64> {
      try tables.log.remove(MemberTables.oplog, BigEndian.bytes(index))
    }
    #expect(throws: MemberError.self) { try reread() }
  }

  @Test("is made once for an oplog of an earlier version, whose rows have no time")
  func readsOldRows() throws {
    let tables = try MemberTables(generation)
    defer { tables.close() }
    for index in 1...2100 as ClosedRange<UInt64> {
      let term: UInt64 = index < 1000 ? 1 : 3
      try tables.log.put(MemberTables.oplog, BigEndian.bytes(index), BigEndian.bytes(term) + [1, 42])
    }
    let (state, index) = try reread()
    #expect(state.log.runs.map(\.firstIndex) == [1, 1000] && state.log.lastIndex == 2100)
    #expect(index?.outline.segments.map(\.lastIndex) == [1024, 2048] && index?.outline.bytes == 2100 * 18)
    #expect(index?.outline.firstTime == nil)
    let read = try tables.entries(after: 0, upTo: 1, budget: 1)
    #expect(read == [LogEntry(position: .init(term: 1, index: 1), kind: .data, payload: [42])])
    try tables.append(entries(2101...2102, term: 3))
    #expect(try reread().1?.outline.lastTime == 2102)
  }
}
