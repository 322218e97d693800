// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import ReplicationCore
import Testing

@testable import Replication

@Suite("Three members", .serialized) struct ShardTests {
  @Test("have every acknowledged write, over a network that loses messages", arguments: [false, true])
  func replicates(lossy: Bool) async throws {
    try await Shard.with(3, encrypted: true) { shard in
      shard.network.lose(every: lossy)
      var acknowledged: [Int] = []
      for number in 1...30 {
        let primary = try await shard.primary().member
        do {
          try await primary.insert(number)
          acknowledged.append(number)
        } catch let error as MemberError where error.code == .notPrimary || error.code == .outcomeUnknown { continue }
      }
      shard.network.lose(every: false)
      #expect(acknowledged.count > 15)
      for (name, _, member) in shard.members {
        try await eventually("every acknowledged write on \(name)") {
          Set(try await member.numbers()).isSuperset(of: acknowledged)
        }
      }
      #expect(shard.failures.all.isEmpty)
    }
  }

  @Test("a primary that is cut off answers that the outcome is unknown, rolls back, and follows")
  func losesOffice() async throws {
    try await Shard.with(3, encrypted: true) { shard in
      let old = try await shard.insert(1...1)
      shard.network.cut(old.name)
      await expect(.outcomeUnknown) { try await old.member.insert(2) }
      await expect(.notPrimary) { try await old.member.insert(3) }
      #expect(try await old.member.numbers() == [1])
      #expect(try await shard.insert(4...4).name != old.name)
      shard.network.heal()
      try await shard.agree(on: [1, 4])
      #expect(shard.failures.all.isEmpty)
    }
  }

  @Test("a batch that lost its primary but not its entry is applied, in tables under keys that stay")
  func appliesAfterAll() async throws {
    try await Shard.with(3, encrypted: true) { shard in
      // The others have the entry, the answers don't arrive: the batch is rolled back and yet committed later.
      let old = try await shard.onPrimary { try await $0.insert(1, database: "first") }
      let others = shard.members.filter { $0.name != old.name }
      shard.network.cut(others[0].name, others[1].name)
      await expect(.outcomeUnknown) { try await old.member.insert(1) }
      shard.network.heal()
      let new = try await shard.primary()
      if new.name == old.name { try await shard.agree(on: [1]) }
      for (_, _, member) in shard.members { await member.checkpoint() }
      try await shard.onPrimary { try await $0.insert(9, database: "first") }
      try await shard.stop(old.name)
      let generation = try old.node.open()
      try await shard.start(old.node, generation)
      let primary = try await shard.insert(2...2)
      let expected = try await primary.member.numbers()
      #expect(expected.last == 2)
      try await shard.agree(on: expected)
      #expect(shard.failures.all.isEmpty)
    }
  }

  @Test("go on without one of them, which catches up when it is back")
  func restarts() async throws {
    try await Shard.with(3) { shard in
      let old = try await shard.insert(1...5)
      try await shard.stop(old.name)
      try await shard.insert(6...10)
      try await shard.start(old.node, try old.node.open())
      try await shard.agree(on: Array(1...10))
    }
  }

  @Test("hand over to a secondary that has everything")
  func handsOver() async throws {
    try await Shard.with(3) { shard in
      try await shard.insert(1...1)
      _ = try await shard.handOver()
      try await shard.insert(2...2)
      try await shard.agree(on: [1, 2])
    }
  }
}
