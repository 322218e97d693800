// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import ReplicationCore
import Testing

@testable import Replication

@Suite("Writes to the node's own collections", .serialized) struct SystemCollectionTests {
  @Test("are told on every member once they can be read, others are not")
  func told() async throws {
    try await Shard.with(3) { shard in
      try await shard.onPrimary { try await $0.insert(1) }
      try await shard.agree(on: [1])
      let before = shard.members.map(\.member.systemVersion)
      try await shard.onPrimary { try await $0.insert(2) }
      try await shard.agree(on: [1, 2])
      #expect(shard.members.map(\.member.systemVersion) == before)
      let primary = try await shard.onPrimary { primary in
        try await primary.write { view in
          let id =
            try view.collection(database: "admin", name: "system.users")
            ?? view.createCollection(try DatabaseName("admin"), name: "system.users")
          try view.put(id, key: [1], document: [5, 0, 0, 0, 0])
        }
        // Who is told that the write is done is told of its effect, too.
        #expect(primary.systemVersion != before[shard.members.firstIndex { $0.member === primary } ?? 0])
      }
      for (index, member) in shard.members.enumerated() {
        try await eventually("\(member.name) tells") { member.member.systemVersion != before[index] }
        // Told is applied: a read that begins now sees it.
        #expect(try await Self.count(member.member) == 1)
      }
      try await Self.changesOfKnown(shard, primary.name)
    }
  }

  /// A collection found in the catalog counts as well as one just made: a member that was started again knows it.
  private static func changesOfKnown(_ shard: Shard, _ primary: MemberID) async throws {
    let other = try #require(shard.members.first { $0.name != primary })
    try await shard.stop(other.name)
    try await shard.start(other.node, try other.node.open())
    let restarted = try shard.member(other.name.text)
    try await eventually("it has caught up") { try await count(restarted) == 1 }
    let before = restarted.systemVersion
    try await shard.onPrimary { primary in
      try await primary.write { view in
        guard let id = try view.collection(database: "admin", name: "system.users") else { return }
        try view.remove(id, key: [1])
      }
    }
    try await eventually("it tells") { restarted.systemVersion != before }
    #expect(try await count(restarted) == 0)
  }

  private static func count(_ member: ReplicaMember) async throws -> Int {
    try await member.readers.read { view in
      guard let id = try view.collection(database: "admin", name: "system.users") else { return 0 }
      return try view.count(id)
    }
  }
}
