// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import EncryptedStore
import Foundation
import ReplicationCore
import Testing

@testable import Replication

extension Shard {
  /// Puts a secondary back as a power failure would have left it, with damage done to its store besides; returns its
  /// name once it is started.
  fileprivate func restartDamaged(_ damage: (TestNode, MemberTables) throws -> Void) async throws -> MemberID {
    let primary = try await primary()
    let (name, node, _) = try #require(members.first { $0.name != primary.name })
    let image = try node.crashImage("-damaged", in: folder)
    try await stop(name)
    let generation = try image.open()
    let tables = try MemberTables(generation)
    try damage(image, tables)
    tables.close()
    // Left open on purpose: a clean close would write a checkpoint of its own.
    try await start(image, generation)
    return name
  }

  /// Writes some documents that all members hold, and lets everyone note what it acknowledged, or not.
  fileprivate func prepare(noting: Bool) async throws {
    try await insert(1...20)
    try await agree(on: Array(1...20))
    guard noting else { return }
    for (_, _, member) in members { await member.recordAcknowledged() }
  }
}

@Suite("A member that lost what it had acknowledged", .serialized) struct FloorTests {
  enum Damage: CaseIterable { case logEnd, vote, floorFile }

  @Test("knows it at its next start, and takes part fully again once it has caught up", arguments: Damage.allCases)
  func notices(_ damage: Damage) async throws {
    try await Shard.with(3) { shard in
      try await shard.prepare(noting: true)
      let term = try await shard.primary().member.status.term
      let name = try await shard.restartDamaged { node, tables in
        switch damage {
        case .logEnd: try tables.truncateLog(after: 10)
        case .vote: try tables.persist(HardState(term: term - 1, vote: nil))
        case .floorFile:
          let live = try #require(try node.directory.current())
          try FileManager.default.removeItem(atPath: node.directory.floorPath(of: live))
        }
      }
      let member = try shard.member(name.text)
      // What it may have said in the primary's term it must never deny: that term ends.
      try await eventually("a primary elected without it") { member.status.term > term }
      try await eventually("its recovery") { !member.status.isRecovering }
      #expect(await member.keeper.floor.lostTerm == nil)
      try await shard.insert(21...21)
      try await shard.agree(on: Array(1...21))
      #expect(shard.failures.all.isEmpty)
    }
  }

  @Test("is told by the primary, and gives no vote before it has caught up")
  func isTold() async throws {
    try await Shard.with(3) { shard in
      try await shard.prepare(noting: false)
      let primary = try await shard.primary()
      let term = primary.member.status.term
      let name = try await shard.restartDamaged { node, tables in
        let live = try #require(try node.directory.current())
        let keeper = try #require(try FloorKeeper.open(node.directory.floorPath(of: live)))
        #expect(keeper.floor.end.index < 10)
        try tables.truncateLog(after: 10)
        // It is told only once it is heard.
        shard.network.cut(node.name)
      }
      let member = try shard.member(name.text)
      #expect(!member.status.isRecovering)
      shard.network.heal()
      try await eventually("the end of the primary's term") { member.status.term > term }
      try await eventually("its recovery") { !member.status.isRecovering }
      try await shard.insert(21...21)
      try await shard.agree(on: Array(1...21))
      #expect(shard.failures.all.isEmpty)
    }
  }

  @Test("alone with a member that lacks it elects nobody, so that nothing acknowledged is lost")
  func votesForNobody() async throws {
    try await Shard.with(3) { shard in
      let first = try await shard.insert(1...1)
      try await shard.agree(on: [1])
      let away = try #require(shard.members.first { $0.name != first.name })
      shard.network.cut(away.name)
      let primary = try await shard.insert(2...2)
      let loser = try #require(shard.members.first { $0.name != primary.name && $0.name != away.name })
      await loser.member.recordAcknowledged()
      let end = await loser.member.lastIndex
      // The primary goes; of the two others one never had the second document, the other loses it.
      let image = try loser.node.crashImage("-damaged", in: shard.folder)
      try await shard.stop(primary.name)
      try await shard.stop(loser.name)
      let generation = try image.open()
      let tables = try MemberTables(generation)
      try tables.truncateLog(after: end - 1)
      tables.close()
      shard.network.heal()
      try await shard.start(image, generation)
      let damaged = try shard.member(loser.name.text)
      #expect(damaged.status.isRecovering)
      let other = away.member
      let term = other.status.term
      try await eventually("elections that are lost") { other.status.term > term || other.status.role == .candidate }
      for _ in 0..<40 {
        #expect(!other.status.takesWrites && !damaged.status.takesWrites)
        // tidy:allow sleep the absence of an event has none; elections take a fraction of this
        try await Task.sleep(for: .milliseconds(100))
      }
      // With the primary's data back, both documents are.
      try await shard.start(primary.node, try primary.node.open())
      try await shard.insert(3...3)
      try await shard.agree(on: [1, 2, 3])
      try await eventually("its recovery") { !damaged.status.isRecovering }
    }
  }
}
