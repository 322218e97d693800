// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import ReplicationCore
import Synchronization
import Testing

@testable import Replication

@Suite("A member that is alone", .serialized) struct SingleMemberTests {
  @Test("reads back what it acknowledged, encrypted or not", arguments: [false, true])
  func writes(encrypted: Bool) async throws {
    try await Shard.with(1, encrypted: encrypted) { shard in
      let primary = try await shard.primary()
      for number in 1...20 { try await primary.member.insert(number) }
      #expect(try await primary.member.numbers() == Array(1...20))
      await primary.member.checkpoint()
      #expect(try (primary.node.files(containing: ReplicaMember.marker) > 0) == !encrypted)
    }
  }

  @Test(
    "has every acknowledged write after a power failure, and knows how far its data came", arguments: [false, true])
  func crashes(encrypted: Bool) async throws {
    try await Shard.with(1, encrypted: encrypted) { shard in
      let primary = try await shard.primary()
      for number in 1...10 { try await primary.member.insert(number) }
      await primary.member.checkpoint()
      let checkpointed = primary.member.status.appliedIndex
      for number in 11...20 { try await primary.member.insert(number) }
      try await primary.member.insert(1, database: "later")
      let image = try primary.node.crashImage("-crashed", in: shard.folder)
      try await shard.stop(primary.name)

      let generation = try image.open()
      let tables = try MemberTables(generation)
      #expect(try tables.restoredState().appliedIndex == checkpointed)
      tables.close()
      try await shard.start(image, generation)
      let again = try await shard.primary()
      #expect(try await again.member.numbers() == Array(1...20))
      #expect(try await again.member.numbers(database: "later") == [1])
      try await again.member.insert(21)
      #expect(try await again.member.numbers() == Array(1...21))
    }
  }

  @Test("answers each of many writers once, whatever becomes of the others")
  func manyWriters() async throws {
    try await Shard.with(1) { shard in
      let member = try await shard.primary().member
      try await member.insert(0)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 1...300 {
          group.addTask {
            guard number % 7 == 0 else { return try await member.insert(number) }
            await #expect(throws: TestFailure.self) {
              try await member.write { _ in throw TestFailure(description: "on purpose") }
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try await member.numbers() == (0...300).filter { $0 % 7 != 0 || $0 == 0 })
      #expect(shard.failures.all.isEmpty)
    }
  }

  @Test("commits batch after batch of writers that waited, on one stack frame")
  func longQueue() async throws {
    try await Shard.with(1) { shard in
      let member = try await shard.primary().member
      try await member.insert(0)
      await member.pause()
      let large = [UInt8](repeating: 1, count: WriteView.batchBytes)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 1...24 {
          group.addTask {
            try await member.write { view in
              guard let id = try view.collection(database: ReplicaMember.database, name: ReplicaMember.collection)
              else {
                throw TestFailure(description: "no collection")
              }
              try view.put(id, key: [UInt8(number)], document: large)
            }
          }
        }
        try await eventually("all writers wait") { await member.waiting.count == 24 }
        let before = await member.lastIndex
        await member.resume()
        try await group.waitForAll()
        #expect(await member.lastIndex == before + 24)
      }
    }
  }

  @Test("lets ticks and messages have their turn between writers that take long")
  func longWriters() async throws {
    try await Shard.with(1) { shard in
      let member = try await shard.primary().member
      try await member.insert(0)
      await member.pause()
      let tally = Tally()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<12 {
          group.addTask {
            try await member.write { view in
              // As a search that finds nothing: until the batch is spent.
              while !view.isSpent {}
              tally.done.add(1, ordering: .relaxed)
            }
          }
        }
        try await eventually("all writers wait") { await member.waiting.count == 12 }
        // It comes back after the first batch; in one go all would have run before.
        await member.resume()
        #expect(tally.done.load(ordering: .relaxed) < 12)
        try await group.waitForAll()
        #expect(tally.done.load(ordering: .relaxed) == 12)
      }
      try await member.insert(1)
      #expect(try await member.numbers() == [0, 1])
    }
  }

  @Test("counts what a batch reads, and is spent at last")
  func reads() async throws {
    try await Shard.with(1) { shard in
      let member = try await shard.primary().member
      let large = [UInt8](repeating: 1, count: 1 << 20)
      try await member.write { view in
        let id = try view.createCollection(DatabaseName(checked: "d"), name: "c")
        for number in 0..<3 { try view.put(id, key: [UInt8(number)], document: large) }
      }
      try await member.write { view in
        guard let id = try view.collection(database: "d", name: "c") else { throw TestFailure(description: "none") }
        var visited = 0
        for _ in 0..<1_000 where !view.isSpent {
          try view.scan(id, after: nil) { _, _ in
            visited += 1
            return !view.isSpent
          }
        }
        // 64 MiB, or the time was over first.
        #expect(view.isSpent && visited <= 64)
      }
    }
  }

  @Test("refuses what can't be, and goes on")
  func invalid() async throws {
    try await Shard.with(1) { shard in
      let member = try await shard.primary().member
      try await member.insert(1)
      await expect(.invalid) {
        try await member.write { view in
          _ = try view.createCollection(DatabaseName(checked: ReplicaMember.database), name: ReplicaMember.collection)
        }
      }
      await expect(.invalid) {
        try await member.write { view in try view.put(.random(), key: [], document: []) }
      }
      await expect(.invalid) { _ = try await member.readers.read { try $0.count(.random()) } }
      await expect(.invalid) {
        try await member.write { view in try view.scan(.random(), after: nil) { _, _ in true } }
      }
      try await member.insert(2)
      #expect(try await member.numbers() == [1, 2])
      #expect(shard.failures.all.isEmpty)
    }
  }

  @Test("refuses everything once it is closed; closing twice is fine")
  func closes() async throws {
    try await Shard.with(1) { shard in
      let primary = try await shard.primary()
      try await primary.member.insert(1)
      try await shard.stop(primary.name)
      try await primary.member.close()
      await expect(.closed) { try await primary.member.insert(2) }
      await expect(.closed) { _ = try await primary.member.numbers() }
      await expect(.closed) { _ = try await primary.member.openCopy() }
      #expect(!primary.member.status.takesWrites)
      await primary.member.tick()
      await primary.member.checkpoint()
    }
  }

  @Test("closes under load, with copies open, without leaving a session behind")
  func closesBusy() async throws {
    for _ in 0..<5 {
      try await Shard.with(1, encrypted: true) { shard in
        let primary = try await shard.primary()
        let member = primary.member
        try await member.insert(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
          for writer in 1...8 {
            group.addTask { for turn in 0..<1_000 { try? await member.insert(writer * 1_000 + turn) } }
            group.addTask { while (try? await member.numbers()) != nil {} }
          }
          group.addTask {
            while let copy = try? await member.openCopy() {
              _ = try? await copy.begin()
              await copy.close()
            }
          }
          try await eventually("load") { try await member.numbers().count > 50 }
          try await shard.stop(primary.name)
          try await group.waitForAll()
        }
        #expect(shard.failures.all.isEmpty)
      }
    }
  }
}

/// Counts writers that have run.
private final class Tally: Sendable {
  let done = Atomic<Int>(0)
}

/// Runs what has to fail with a code.
func expect(
  _ code: MemberError.Code, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async {
  do {
    try await body()
    Issue.record("nothing was refused", sourceLocation: sourceLocation)
  } catch let error as MemberError {
    #expect(error.code == code, sourceLocation: sourceLocation)
  } catch { Issue.record("\(error)", sourceLocation: sourceLocation) }
}
