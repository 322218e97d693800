// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import ReplicationCore
import Synchronization
import Testing

@testable import Replication

/// Writers that go on at whichever member takes writes, and the longest time in which none was acknowledged.
private final class Pauses: Sendable {
  private struct State {
    var acknowledged: [Int] = []
    var last = ContinuousClock.now
    var longest = Duration.zero
    var isStopping = false
  }

  private let state = Mutex(State())

  var acknowledged: [Int] { state.withLock { $0.acknowledged } }
  var longest: Duration { state.withLock { $0.longest } }
  private var isStopping: Bool { state.withLock { $0.isStopping } }

  /// Forgets what was before.
  func begin() {
    state.withLock {
      $0.longest = .zero
      $0.last = .now
    }
  }

  func stop() { state.withLock { $0.isStopping = true } }

  func write(to shard: Shard, from first: Int) async throws {
    var number = first
    while !isStopping {
      guard let member = shard.members.first(where: { $0.member.status.takesWrites })?.member else {
        // tidy:allow sleep a driver too waits before it looks for the primary again
        try await Task.sleep(for: .milliseconds(1))
        continue
      }
      number += 1
      do { try await member.insert(number) } catch let error as MemberError
        where [.notPrimary, .outcomeUnknown].contains(error.code)
      { continue }
      state.withLock { [number] state in
        let now = ContinuousClock.now
        state.longest = max(state.longest, now - state.last)
        state.last = now
        state.acknowledged.append(number)
      }
    }
  }

  func progress(by count: Int) async throws {
    let target = acknowledged.count + count
    try await eventually("\(count) more writes") { self.acknowledged.count >= target }
  }
}

@Suite("A planned hand-over", .serialized) struct HandOverTests {
  @Test("pauses writes for less than half a second and loses none, however often it happens")
  func pauses() async throws {
    try await Shard.with(3, encrypted: true) { shard in
      let pauses = Pauses()
      try await shard.insert(0...0)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 1...4 { group.addTask { try await pauses.write(to: shard, from: writer * 1_000_000) } }
        try await pauses.progress(by: 50)
        var longest: [Duration] = []
        var calm: [Duration] = []
        for _ in 0..<6 {
          pauses.begin()
          try await pauses.progress(by: 50)
          calm.append(pauses.longest)
          pauses.begin()
          _ = try await shard.handOver()
          try await pauses.progress(by: 50)
          longest.append(pauses.longest)
        }
        pauses.stop()
        try await group.waitForAll()
        // A busy machine makes each of the steps of a hand-over wait as long as the writes before it did. Two of six
        // may fall on moments in which the machine does something else; `deploy/chaos failover` allows one of them.
        let broken = zip(longest, calm).count { $0 >= max(.milliseconds(500), $1 * 10) }
        #expect(broken <= 2, "the pauses: \(longest), without a hand-over: \(calm)")
      }
      let expected = [0] + pauses.acknowledged
      for (name, _, member) in shard.members {
        try await eventually("every acknowledged write on \(name)") {
          Set(try await member.numbers()).isSuperset(of: expected)
        }
      }
      #expect(shard.failures.all.isEmpty)
    }
  }
}

@Suite("A shard's members", .serialized) struct MemberChangeTests {
  @Test("change one at a time, as entries of the oplog: a learner catches up, votes, and another leaves")
  func changes() async throws {
    try await Shard.with(3, settings: .steady) { shard in
      let primary = try await shard.primary()
      for number in 1...20 { try await primary.member.insert(number) }
      let voters = primary.member.status.voters
      let node = try TestNode("n4", in: shard.folder)
      let newcomer = try node.make(encrypted: false)
      try ReplicaMember.found(newcomer, voters: voters)
      try node.directory.markServed(newcomer.id)
      try node.directory.point(at: newcomer.id)
      try await shard.start(node, newcomer)
      await expect(.invalid) { try await primary.member.change(.promoteLearner(node.name)) }
      try await primary.member.change(.addLearner(node.name))
      await expect(.invalid) { try await primary.member.change(.addLearner(node.name)) }
      let member = try shard.member("n4")
      try await eventually("the learner's documents") { try await member.numbers() == Array(1...20) }
      #expect(member.status.role == .learner)
      try await eventually("its promotion") {
        do { try await primary.member.change(.promoteLearner(node.name)) } catch let error as MemberError
          where error.code == .invalid
        { return false }
        return true
      }
      try await eventually("a voter") { member.status.role == .secondary }
      #expect(primary.member.status.voters.count == 4)
      let gone = try #require(voters.first { $0 != primary.name })
      try await primary.member.change(.remove(gone))
      try await shard.stop(gone)
      try await primary.member.insert(21)
      await expect(.notPrimary) { try await member.change(.remove(primary.name)) }
      // The primary itself leaves: it sees the change committed, then another leads.
      try await primary.member.change(.remove(primary.name))
      try await eventually("another primary") { try await shard.primary().name != primary.name }
      try await shard.insert(22...22)
      try await eventually("the documents on the newcomer") { try await member.numbers() == Array(1...22) }
      try await shard.stop(node.name)
      try await shard.start(node, try node.open())
      try await eventually("the membership after a restart") {
        try shard.member("n4").status.voters == voters.filter { $0 != gone && $0 != primary.name } + [node.name]
      }
      #expect(shard.failures.all.isEmpty)
    }
  }
}

@Suite("Concurrent writes", .serialized) struct GroupCommitTests {
  @Test("share disk syncs, also of a member that is alone")
  func shares() async throws {
    try await Shard.with(1) { shard in
      let member = try await shard.primary().member
      try await member.insert(0)
      let before = member.status.lastIndex
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 1...32 {
          group.addTask { for number in 0..<20 { try await member.insert(writer * 100 + number) } }
        }
        try await group.waitForAll()
      }
      // Each entry of the oplog is one sync.
      let syncs = member.status.lastIndex - before
      #expect(syncs < 32 * 20 / 2, "640 writes took \(syncs) syncs")
      #expect(try await member.numbers().count == 641)
    }
  }
}
