// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import EncryptedStore
import Foundation
import ReplicationCore
import Synchronization
import Testing

@testable import Replication

/// A source with a hook before each chunk, which may change the chunk or end everything.
actor HookedSource: CopySource {
  private let source: any CopySource
  private let hook: @Sendable (inout CopyChunk) async throws -> Void
  private let beginning: @Sendable (inout CopyBeginning) -> Void
  private let opening: @Sendable (inout CopyOpening) -> Void

  init(
    _ source: any CopySource, beginning: @escaping @Sendable (inout CopyBeginning) -> Void = { _ in },
    opening: @escaping @Sendable (inout CopyOpening) -> Void = { _ in },
    _ hook: @escaping @Sendable (inout CopyChunk) async throws -> Void
  ) {
    self.source = source
    self.hook = hook
    self.beginning = beginning
    self.opening = opening
  }

  func begin() async throws -> CopyBeginning {
    var begun = try await source.begin()
    beginning(&begun)
    return begun
  }

  func open(_ collection: CollectionID, after key: [UInt8]?, from index: UInt64) async throws -> CopyOpening {
    var opened = try await source.open(collection, after: key, from: index)
    opening(&opened)
    return opened
  }

  func next() async throws -> CopyChunk? {
    guard var chunk = try await source.next() else { return nil }
    try await hook(&chunk)
    return chunk
  }

  func close() async { await source.close() }
}

private final class Tally: Sendable {
  private let count = Mutex(0)
  var value: Int { count.withLock { $0 } }
  @discardableResult func add() -> Int {
    count.withLock {
      $0 += 1
      return $0
    }
  }
}

extension ReplicaMember {
  /// Writes a document of 300 KB, so that a few make a chunk; `version` tells one content from the next.
  fileprivate func putLarge(_ number: Int, in collection: String, version: UInt8 = 1) async throws {
    try await write { view in
      let id =
        try view.collection(database: "large", name: collection)
        ?? view.createCollection(try DatabaseName("large"), name: collection)
      try view.put(
        id, key: BigEndian.bytes(UInt64(number)), document: [UInt8](repeating: version, count: 300_000))
    }
  }

  fileprivate func removeLarge(_ number: Int, in collection: String) async throws {
    try await write { view in
      guard let id = try view.collection(database: "large", name: collection) else { return }
      try view.remove(id, key: BigEndian.bytes(UInt64(number)))
    }
  }

  /// Every collection's documents as number and version.
  fileprivate nonisolated func content() async throws -> [String: [String]] {
    try await readers.read { view in
      var content: [String: [String]] = [:]
      for row in try view.collections(in: "large") {
        var documents: [String] = []
        try view.scan(row.id, after: nil) { key, document in
          documents.append("\(BigEndian.value(key) ?? 0)v\(document.first ?? 0)x\(document.count)")
          return true
        }
        content[row.name] = documents
      }
      return content
    }
  }

  /// Forgets the oplog up to the applied entry.
  fileprivate func trimLog() throws {
    let base = try #require(core.log.position(at: core.appliedIndex))
    try core.onLogTruncatedBefore(base: base)
  }
}

@Suite("A copy", .serialized) struct CopyRunTests {
  private static let everyChunk = CopyPace(checkpointBytes: 0, segmentBytes: 1)

  private func fill(_ member: ReplicaMember) async throws {
    for number in 1...12 { try await member.putLarge(number, in: "a") }
    for number in 1...6 { try await member.putLarge(number, in: "b") }
    try await member.putLarge(1, in: "dropped")
  }

  /// What may happen between two attempts: everything a snapshot of later shows otherwise.
  private func change(_ member: ReplicaMember) async throws {
    try await member.putLarge(1, in: "a", version: 2)
    try await member.removeLarge(2, in: "a")
    try await member.putLarge(11, in: "a", version: 2)
    try await member.removeLarge(12, in: "a")
    try await member.putLarge(20, in: "b")
    try await member.write { view in
      if let id = try view.collection(database: "large", name: "dropped") { try view.dropCollection(id) }
    }
    try await member.putLarge(7, in: "dropped", version: 3)
    try await member.putLarge(1, in: "new")
  }

  @Test("goes on after a crash at each of its chunks, from another source that has gone on meanwhile")
  func crashes() async throws {
    try await Shard.with(2, encrypted: true) { shard in
      let first = try await shard.onPrimary { try await fill($0) }
      let other = try #require(shard.members.first { $0.name != first.name })
      let source = first.member
      for crashAt in 1...8 {
        let node = try TestNode("n9-\(crashAt)", in: shard.folder)
        let fresh = try node.make(encrypted: true)
        let before = Tally()
        let image = Mutex<TestNode?>(nil)
        var cutOff = CopySources(["first"]) { _ in
          HookedSource(try await source.openCopy()) { _ in
            guard before.add() >= crashAt else { return }
            if before.value == crashAt {
              let crashed = try node.crashImage("-crashed", in: shard.folder)
              image.withLock { $0 = crashed }
            }
            throw TestFailure(description: "the source died")
          }
        }
        // An image of files is only one moment's while nobody else writes.
        cutOff.streams = 1
        cutOff.readsAhead = false
        let broken = cutOff
        await expect(.storage) {
          try await GenerationRebuild.run(
            into: fresh, from: broken, lostTerm: 1, pace: Self.everyChunk, isCancelled: { false }
          ) { _ in }
        }
        let primary = try await shard.onPrimary { try await change($0) }
        let expected = try await primary.member.content()
        try await eventually("both have it") { try await other.member.content() == expected }

        let crashed = try #require(image.withLock { $0 })
        let keystore = try crashed.vault.openKeystore(
          at: crashed.directory.keystorePath(of: fresh.id), for: fresh.id)
        let opened = try OpenGeneration.open(
          fresh.id, in: crashed.directory, keys: GenerationKeys(keystore: keystore), cacheBytes: 32 << 20,
          events: .init())
        let after = Tally()
        let rows = Mutex<UInt64>(0)
        let last = Mutex(CopyProgress(stage: ""))
        try await GenerationRebuild.run(
          into: opened,
          from: CopySources(["second"]) { _ in
            HookedSource(try await other.member.openCopy()) { chunk in
              after.add()
              rows.withLock { $0 += UInt64(chunk.documents) }
            }
          }, lostTerm: 1, pace: Self.everyChunk, isCancelled: { false }
        ) { progress in
          last.withLock { $0 = progress }
        }
        let shown = last.withLock { $0 }
        #expect(shown.documents == shown.documentsBefore + rows.withLock { $0 } && shown.documents > 0)
        #expect((shown.documentsBefore > 0) == (crashAt > 1), "crash at \(crashAt): \(shown)")
        #expect(shown.documentsTotal == shown.documents && shown.bytesTotal == shown.bytes)
        let all = expected.values.reduce(0) { $0 + ($1.count + 2) / 3 }
        #expect(after.value <= all - (crashAt - 1) + 1, "crash at \(crashAt): began anew, \(after.value) of \(all)")
        try await catchUp(crashed, from: primary.member, expected)
        try await shard.onPrimary { for number in [1, 2, 11, 12] { try await $0.putLarge(number, in: "a") } }
      }
    }
  }

  /// Applies the primary's oplog from the copy's base on, as the member would, and compares everything.
  private func catchUp(_ node: TestNode, from primary: ReplicaMember, _ expected: [String: [String]]) async throws {
    let generation = try node.open()
    let (target, start) = try await Copied(generation).state()
    #expect(start.log.lastIndex == start.appliedIndex && start.electableFrom >= start.appliedIndex)
    try await target.apply(try await primary.entriesForTest(after: start.appliedIndex))
    #expect(try await target.content() == expected)
    await target.close()
    try generation.close()
  }

  @Test("goes over to the next source behind the last key it has, and takes nothing of one that is older")
  func switches() async throws {
    try await Shard.with(1) { shard in
      let (_, _, member) = try await shard.primary()
      try await fill(member)
      let node = try TestNode("n9", in: shard.folder)
      let fresh = try node.make(encrypted: false)
      let (rows, old) = (Tally(), Tally())
      let sources = CopySources(["older", "dying", "good"]) { index in
        let source = try await member.openCopy()
        switch index {
        case 0: return HookedSource(source, opening: { $0.base = .origin }) { _ in old.add() }
        case 1:
          let own = Tally()
          return HookedSource(source) { _ in
            if own.add() > 2 { throw TestFailure(description: "killed") }
            rows.add()
          }
        default: return HookedSource(source) { _ in rows.add() }
        }
      }
      let remarks = Mutex<Set<String>>([])
      // Two streams, and a checkpoint after each chunk, also while the other one bulk-loads.
      try await GenerationRebuild.run(
        into: fresh, from: sources, lostTerm: 1, pace: Self.everyChunk, isCancelled: { false }
      ) { progress in
        remarks.withLock { _ = $0.insert(progress.remark) }
      }
      #expect(old.value == 0, "rows of a source that is older than the copy's start")
      #expect(rows.value <= 8, "a collection was begun anew: \(rows.value) chunks")
      #expect(remarks.withLock { $0.contains { $0.contains("dying") } })
      let generation = try node.open()
      let (target, _) = try await Copied(generation).state()
      #expect(try await target.content() == member.content())
      await target.close()
      try generation.close()
    }
  }

  @Test("copies nothing again over what an earlier attempt had caught up, and begins that one's oplog anew")
  func caughtUpBefore() async throws {
    try await Shard.with(1) { shard in
      let (_, node, member) = try await shard.primary()
      let fresh = try node.make(encrypted: false)
      let source = try await member.openCopy()
      let builder = try await GenerationBuilder(fresh, measures: MemberMeasures())
      let job = try await builder.begin(try await source.begin())
      #expect(job.missing.isEmpty && !job.isResumed)
      try await fill(member)
      // The first attempt ends here: it has caught up, but did not go over.
      try await builder.writeBase(job.base, membership: job.membership, hardState: .initial)
      let entries = try await member.entriesForTest(after: job.base.index)
      try await builder.append(entries)
      let caughtUp = try #require(entries.last).position.index
      try await builder.apply(upTo: caughtUp)
      try await builder.checkpoint()
      await builder.close()
      await source.close()
      try fresh.close()
      try await change(member)
      let opened = try OpenGeneration.open(
        fresh.id, in: node.directory, keys: GenerationKeys(keystore: nil), cacheBytes: 32 << 20, events: .init())
      let chunks = Tally()
      let expected = try await member.content()
      try await member.resync(
        into: opened, from: HookedSource(try await member.openCopy()) { _ in chunks.add() }
      ) { _ in }
      #expect(chunks.value == 0, "collections that the oplog made were copied over it")
      #expect(await member.liveGeneration.id == fresh.id)
      #expect(try await member.content() == expected)
      #expect(member.status.oplog.firstIndex == caughtUp + 1)
      try await member.putLarge(9, in: "a")
      #expect(shard.failures.all.isEmpty)
    }
  }

  @Test("says before its first row that the oplog will not last for data of this size")
  func warnsAtOnce() async throws {
    try await Shard.with(1) { shard in
      let (_, _, member) = try await shard.primary()
      try await fill(member)
      let fresh = try TestNode("n9", in: shard.folder).make(encrypted: false)
      let source = HookedSource(
        try await member.openCopy(),
        beginning: {
          $0.oplogSeconds = 5
          $0.fileBytes = 1 << 40
        }
      ) { _ in }
      let shown = Mutex<[CopyProgress]>([])
      try await GenerationRebuild.run(into: fresh, from: CopySources(source), lostTerm: 1, isCancelled: { false }) {
        progress in
        shown.withLock { $0.append(progress) }
      }
      let first = try #require(shown.withLock { $0.first })
      #expect(first.documents == 0 && first.oplogSeconds == 5)
      #expect(first.remark.contains("the oplog will probably not last"))
    }
  }

  @Test("is given up with a clear error once no oplog reaches back to its start")
  func outrun() async throws {
    try await Shard.with(1) { shard in
      let (_, _, member) = try await shard.primary()
      try await fill(member)
      let fresh = try TestNode("n9", in: shard.folder).make(encrypted: false)
      let source = HookedSource(try await member.openCopy()) { $0.logBase = 1_000_000 }
      await expect(.syncOutrun) {
        try await GenerationRebuild.run(
          into: fresh, from: CopySources(source), lostTerm: 1, isCancelled: { false }
        ) { _ in }
      }
    }
  }

  @Test("is stopped before it fills the disk of the node that serves, which goes on")
  func noRoom() async throws {
    try await Shard.with(1) { shard in
      let (_, node, member) = try await shard.primary()
      try await fill(member)
      let fresh = try node.make(encrypted: false)
      var pace = CopyPace()
      pace.reserveBytes = .max
      await expect(.noRoom) {
        try await member.resync(into: fresh, from: CopySources(try await member.openCopy()), pace: pace) { _ in }
      }
      try fresh.close()
      try await member.putLarge(1, in: "after")
    }
  }

  @Test("brings a member back that the primary's oplog no longer reaches, with its term and vote")
  func tooFarBehind() async throws {
    try await Shard.with(3) { shard in
      let primary = try await shard.insert(1...20)
      let behind = try #require(shard.members.first { $0.name != primary.name })
      let other = try #require(shard.members.first { $0.name != primary.name && $0.name != behind.name })
      try await shard.stop(behind.name)
      try await shard.insert(21...60)
      try await shard.agree(on: Array(1...60))
      for member in [primary.member, other.member] { try await member.trimLog() }
      try await shard.start(behind.node, try behind.node.open())
      let member = try shard.member(behind.name.text)
      try await eventually("it says so") { member.status.needsInitialSync }
      try await member.resync(
        into: try behind.node.make(encrypted: true), from: CopySources(["n"]) { _ in try await other.member.openCopy() }
      ) { _ in }
      try await shard.insert(61...61)
      try await shard.agree(on: Array(1...61))
      try await eventually("its place in the shard") {
        !member.status.needsInitialSync && !member.status.isRecovering && member.status.isReadable
      }
      try await shard.stop(primary.name)
      try await shard.insert(62...62)
      try await shard.stop(behind.name)
      try await shard.start(behind.node, try behind.node.open())
      #expect(shard.failures.all.isEmpty)
    }
  }
}

extension ReplicaMember {
  fileprivate func entriesForTest(after index: UInt64) throws -> [LogEntry] {
    try tables.entries(after: index, upTo: core.commitIndex, budget: .max)
  }
}

/// A generation's tables on a thread of their own, without a member.
private actor Copied {
  private let tables: MemberTables

  init(_ generation: OpenGeneration) throws { tables = try MemberTables(generation) }

  func state() throws -> (Copied, RestoredState) { (self, try tables.restoredState()) }
  func apply(_ entries: [LogEntry]) throws { for entry in entries { try tables.apply(entry) } }
  func close() { tables.close() }

  func content() throws -> [String: [String]] {
    var content: [String: [String]] = [:]
    for row in try tables.collections(in: "large") {
      var documents: [String] = []
      try unsafe tables.data.scan(MemberTables.table(of: row.id)) { key, document in
        documents.append(unsafe "\(BigEndian.value(key) ?? 0)v\(document.first ?? 0)x\(document.count)")
        return true
      }
      content[row.name] = documents
    }
    return content
  }
}
