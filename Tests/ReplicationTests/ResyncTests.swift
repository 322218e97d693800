// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import EncryptedStore
import KeyHierarchy
import ReplicationCore
import Synchronization
import Testing

@testable import Replication

/// A copy that is held up, or fails, after some chunks.
private actor TroubledSource: CopySource {
  enum Trouble { case fails, endsEarly, sendsRubbish, none }

  private let source: any CopySource
  private let trouble: Trouble
  private var left: Int
  private(set) var isClosed = false

  init(_ source: any CopySource, _ trouble: Trouble, after chunks: Int) {
    self.source = source
    self.trouble = trouble
    left = chunks
  }

  func begin() async throws -> CopyBeginning { try await source.begin() }

  func open(_ collection: CollectionID, after key: [UInt8]?, from index: UInt64) async throws -> CopyOpening {
    try await source.open(collection, after: key, from: index)
  }

  func next() async throws -> CopyChunk? {
    left -= 1
    if left < 0 {
      switch trouble {
      case .fails: throw TestFailure(description: "the source is gone")
      case .endsEarly: return nil
      case .sendsRubbish:
        var chunk = try await source.next()
        chunk?.rows.removeLast()
        return chunk
      case .none: break
      }
    }
    return try await source.next()
  }

  func close() async {
    isClosed = true
    await source.close()
  }
}

/// Writers and readers that go on until they are stopped.
private final class Load: Sendable {
  private let state = Mutex<(acknowledged: Set<Int>, isStopping: Bool)>(([], false))

  var acknowledged: Set<Int> { state.withLock { $0.acknowledged } }
  private var isStopping: Bool { state.withLock { $0.isStopping } }

  func stop() { state.withLock { $0.isStopping = true } }

  func write(to member: ReplicaMember, from first: Int) async throws {
    var number = first
    while !isStopping, !Task.isCancelled {
      number += 1
      try await member.insert(number)
      _ = state.withLock { $0.acknowledged.insert(number) }
    }
  }

  /// Reads have to see what was acknowledged before they began.
  func check(_ member: ReplicaMember) async throws {
    while !isStopping, !Task.isCancelled {
      let before = acknowledged
      let seen = try await member.numbers()
      #expect(before.isSubset(of: seen), "a read lost what was acknowledged before it")
    }
  }

  func progress(by count: Int) async throws {
    let target = acknowledged.count + count
    try await eventually("\(count) more writes") { self.acknowledged.count >= target }
  }
}

private final class Counter: Sendable {
  private let count = Atomic<Int>(0)
  var value: Int { count.load(ordering: .relaxed) }
  func increment() { count.add(1, ordering: .relaxed) }
}

@Suite("A re-sync", .serialized) struct ResyncTests {
  @Test("under load, from its own snapshot, loses no acknowledged write and leaves no plaintext")
  func alone() async throws {
    try await Shard.with(1) { shard in
      let (_, node, member) = try await shard.primary()
      for number in 1...200 { try await member.insert(number) }
      try await member.insert(1, database: "other")
      let old = await member.liveGeneration
      let load = Load()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 1...3 {
          group.addTask { try await load.write(to: member, from: writer * 100_000) }
          group.addTask { try await load.check(member) }
        }
        try await load.progress(by: 30)
        let fresh = try node.make(encrypted: true)
        try await member.resync(into: fresh, from: try await member.openCopy()) { _ in }
        try await load.progress(by: 30)
        load.stop()
        try await group.waitForAll()
      }
      let live = await member.liveGeneration
      #expect(live.id != old.id && live.keys.keystore != nil)
      #expect(try node.directory.current() == live.id)
      #expect(try node.directory.superseded(by: live.id).isEmpty)
      #expect(Set(try await member.numbers()) == load.acknowledged.union(1...200))
      await member.checkpoint()
      #expect(try node.files(containing: ReplicaMember.marker) == 0)
      let count = try await member.numbers().count
      try await shard.stop(node.name)
      try await shard.start(node, try node.open())
      #expect(try await shard.primary().member.numbers().count == count)
      #expect(shard.failures.all.isEmpty)
    }
  }

  @Test("from another member, while the primary takes writes, then the primary itself after a hand-over")
  func rolling() async throws {
    try await Shard.with(3) { shard in
      let first = try await shard.insert(1...100)
      var number = 100
      for (name, node, member) in shard.members where name != first.name {
        let source = try #require(shard.members.first { $0.name != name })
        async let resync: Void = member.resync(
          into: try node.make(encrypted: true), from: try await source.member.openCopy()
        ) { _ in }
        for _ in 0..<20 {
          number += 1
          try await shard.insert(number...number)
        }
        try await resync
        #expect(await member.liveGeneration.keys.keystore != nil)
      }
      if try await shard.primary().name == first.name { _ = try await shard.handOver() }
      let source = try #require(shard.members.first { $0.name != first.name })
      try await first.member.resync(
        into: try first.node.make(encrypted: true), from: try await source.member.openCopy()
      ) { _ in }
      try await shard.agree(on: Array(1...number))
      for (_, node, member) in shard.members {
        await member.checkpoint()
        #expect(try node.files(containing: ReplicaMember.marker) == 0)
      }
      #expect(shard.failures.all.isEmpty)
    }
  }

  @Test("that fails leaves the old generation whole, and can be tried again")
  func fails() async throws {
    try await Shard.with(1) { shard in
      let (_, node, member) = try await shard.primary()
      try await member.insert(1)
      try await member.insert(1, database: "other")
      let old = await member.liveGeneration
      for (trouble, chunks) in [
        (TroubledSource.Trouble.fails, 0), (.fails, 1), (.endsEarly, 0), (.endsEarly, 1), (.sendsRubbish, 1),
      ] {
        let fresh = try node.make(encrypted: true)
        let source = TroubledSource(try await member.openCopy(), trouble, after: chunks)
        await expect(.syncFailed) { try await member.resync(into: fresh, from: source) { _ in } }
        #expect(await source.isClosed)
        try fresh.close()
        try node.directory.destroy(fresh.id)
        try await member.insert(2)
      }
      #expect(await member.liveGeneration === old)
      #expect(try node.directory.current() == old.id)
      try await member.resync(into: try node.make(encrypted: true), from: try await member.openCopy()) { _ in }
      #expect(try await member.numbers() == [1, 2])
    }
  }

  @Test("makes new keys each time")
  func newKeys() async throws {
    try await Shard.with(1, encrypted: true) { shard in
      let (_, node, member) = try await shard.primary()
      try await member.insert(1)
      var seen: Set<KeyID> = []
      for turn in 1...3 {
        seen.formUnion((await member.liveGeneration.keys.keystore?.keys ?? []).map(\.id))
        #expect(seen.count == 3 * turn)
        try await member.resync(into: try node.make(encrypted: true), from: try await member.openCopy()) { _ in }
      }
      #expect(try await member.numbers() == [1])
    }
  }

  @Test("carries over collections dropped, made and filled while it copies")
  func catalogChanges() async throws {
    try await Shard.with(1) { shard in
      let (_, node, member) = try await shard.primary()
      for database in ["stays", "goes", "again"] { try await member.insert(1, database: database) }
      let source = try await member.openCopy()
      let gate = GatedSource(source)
      async let resync: Void = member.resync(into: try node.make(encrypted: true), from: gate) { _ in }
      await gate.waitUntilBegun()
      try await member.drop("goes")
      try await member.drop("again")
      try await member.insert(2, database: "again")
      try await member.insert(3, database: "new")
      await member.checkpoint()
      await gate.open()
      try await resync
      await member.checkpoint()
      let names = try await member.readers.read { try $0.collections().map(\.database) }
      #expect(names == ["again", "new", "stays"])
      #expect(try await member.numbers(database: "again") == [2])
      #expect(await member.tableCount == 3)
      try await shard.stop(node.name)
      try await shard.start(node, try node.open())
      #expect(try await shard.primary().member.numbers(database: "new") == [3])
    }
  }

  @Test("that is overtaken by the node's end, at any moment, leaves one whole generation and no session")
  func closesMeanwhile() async throws {
    for round in 0..<12 {
      try await Shard.with(1, encrypted: true) { shard in
        let (name, node, member) = try await shard.primary()
        for number in 1...40 { try await member.insert(number) }
        let fresh = try node.make(encrypted: true)
        let stages = Counter()
        async let outcome: Void = member.resync(into: fresh, from: try await member.openCopy()) { _ in
          stages.increment()
        }
        if round % 2 == 0 { try await eventually("stage") { stages.value > round / 4 } }
        // tidy:allow sleep ends the node at another moment in each round; every moment has to do
        try await Task.sleep(for: .milliseconds(2 * round))
        try await shard.stop(name)
        _ = try? await outcome
        if await member.liveGeneration !== fresh { try fresh.close() }
        #expect(await member.liveGeneration.store.openSessionCount == 0)
        for old in try node.directory.superseded(by: try node.directory.current()) { try node.directory.destroy(old) }
        try await shard.start(node, try node.open())
        #expect(try await shard.primary().member.numbers() == Array(1...40))
      }
    }
  }
}

/// A copy that stops after its snapshot was taken, until it is let go on.
private actor GatedSource: CopySource {
  private let source: any CopySource
  private let begun = AsyncStream.makeStream(of: Void.self)
  private let gate = AsyncStream.makeStream(of: Void.self)

  init(_ source: any CopySource) { self.source = source }

  func begin() async throws -> CopyBeginning {
    defer { begun.continuation.finish() }
    return try await source.begin()
  }

  func open(_ collection: CollectionID, after key: [UInt8]?, from index: UInt64) async throws -> CopyOpening {
    for await _ in gate.stream {}
    return try await source.open(collection, after: key, from: index)
  }

  func next() async throws -> CopyChunk? { try await source.next() }

  func close() async { await source.close() }
  func waitUntilBegun() async { for await _ in begun.stream {} }
  func open() { gate.continuation.finish() }
}
