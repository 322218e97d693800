// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import ReplicationCore
import Testing

@testable import Replication

@Suite("A member without its data", .serialized) struct RebuildTests {
  @Test("is copied anew, does not vote before it has caught up with a primary elected without it, and then does")
  func lost() async throws {
    try await Shard.with(3, encrypted: true) { shard in
      let primary = try await shard.insert(1...100)
      try await shard.agree(on: Array(1...100))
      let lost = try #require(shard.members.first { $0.name != primary.name })
      let source = try #require(shard.members.first { $0.name != primary.name && $0.name != lost.name })
      try await shard.stop(lost.name)
      // Whatever it voted in, it did before.
      let lostTerm = try await shard.primary().member.status.term
      try await shard.insert(101...120)

      let node = try TestNode(lost.name.text, in: shard.folder, copy: "-replaced")
      let fresh = try node.make(encrypted: true)
      try await GenerationRebuild.run(
        into: fresh, from: CopySources(try await source.member.openCopy()), lostTerm: lostTerm, isCancelled: { false }
      ) { _ in }
      #expect(try node.directory.current() == fresh.id)
      let tables = try await Self.state(of: node)
      #expect(tables.mode == .recovering(lostTerm: lostTerm) && tables.hardState.vote == nil)

      shard.network.cut(lost.name)
      try await shard.start(node, try node.open())
      let member = try shard.member(lost.name.text)
      #expect(member.status.isRecovering)
      shard.network.heal()
      try await eventually("it votes again") { !member.status.isRecovering }
      #expect(member.status.term > lostTerm)
      try await shard.insert(121...121)
      try await shard.agree(on: Array(1...121))
      try await shard.stop(lost.name)
      #expect(try await Self.state(of: node).mode == .full, "the mark outlived the recovery")
    }
  }

  @Test("and without a primary that was elected without it never helps to elect one")
  func neverVotes() async throws {
    try await Shard.with(3) { shard in
      let first = try await shard.insert(1...10)
      try await shard.agree(on: Array(1...10))
      let lost = try #require(shard.members.last { $0.name != first.name })
      try await shard.stop(lost.name)
      let lostTerm = try await shard.primary().member.status.term
      let node = try TestNode(lost.name.text, in: shard.folder, copy: "-replaced")
      let fresh = try node.make(encrypted: false)
      try await GenerationRebuild.run(
        into: fresh, from: CopySources(try await shard.members[0].member.openCopy()), lostTerm: lostTerm,
        isCancelled: { false }
      ) { _ in }
      let primary = try await shard.primary()
      let source = try #require(shard.members.first { $0.name != primary.name })
      try await shard.stop(primary.name)
      try await shard.start(node, try node.open())
      let member = try shard.member(lost.name.text)
      // Long enough for several elections: source and the new member would be a majority.
      // tidy:allow sleep that something never happens can only be watched for a time
      try await Task.sleep(for: .seconds(8))
      #expect(member.status.isRecovering && !source.member.status.takesWrites && !member.status.takesWrites)
      try await shard.start(primary.node, try primary.node.open())
      try await shard.insert(11...11)
      try await eventually("it votes again") { !member.status.isRecovering }
      try await shard.agree(on: Array(1...11))
    }
  }

  @Test("a copy that is cut off or given up leaves nothing that would be opened")
  func cutOff() async throws {
    try await Shard.with(1) { shard in
      let (_, _, member) = try await shard.primary()
      try await member.insert(1)
      let node = try TestNode("n2", in: shard.folder)
      let fresh = try node.make(encrypted: true)
      await expect(.closed) {
        try await GenerationRebuild.run(
          into: fresh, from: CopySources(try await member.openCopy()), lostTerm: 1, isCancelled: { true }
        ) { _ in }
      }
      #expect(try node.directory.current() == nil)
      #expect(try node.directory.superseded(by: nil) == [fresh.id])
      try node.directory.destroy(fresh.id)
    }
  }

  private static func state(of node: TestNode) async throws -> RestoredState {
    let generation = try node.open()
    let tables = try MemberTables(generation)
    defer {
      tables.close()
      try? generation.close()
    }
    return try tables.restoredState()
  }
}
