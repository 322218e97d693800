// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import ReplicationCore
import Synchronization
import Testing

@testable import Replication

/// Links in memory between members: in order, with as many losses and cuts as a test likes.
final class TestNetwork: Sendable {
  private struct State {
    var inboxes: [MemberID: AsyncStream<(RaftMessage, MemberID)>.Continuation] = [:]
    var cut: Set<MemberID> = []
    var isLossy = false
    var sent = 0
  }

  private let state = Mutex(State())

  func join(_ member: MemberID) -> AsyncStream<(RaftMessage, MemberID)> {
    let (stream, inbox) = AsyncStream.makeStream(of: (RaftMessage, MemberID).self)
    state.withLock { $0.inboxes[member] = inbox }
    return stream
  }

  func leave(_ member: MemberID) { state.withLock { $0.inboxes.removeValue(forKey: member) }?.finish() }
  func cut(_ members: MemberID...) { state.withLock { $0.cut = Set(members) } }
  func heal() { state.withLock { $0.cut = [] } }
  func lose(every third: Bool) { state.withLock { $0.isLossy = third } }

  func link(of sender: MemberID) -> any MemberNetwork { Link(network: self, sender: sender) }

  fileprivate func deliver(_ message: RaftMessage, from sender: MemberID, to target: MemberID) {
    let inbox = state.withLock { state -> AsyncStream<(RaftMessage, MemberID)>.Continuation? in
      state.sent += 1
      if state.cut.contains(sender) || state.cut.contains(target) { return nil }
      if state.isLossy && state.sent % 3 == 0 { return nil }
      return state.inboxes[target]
    }
    inbox?.yield((message, sender))
  }

  private struct Link: MemberNetwork {
    let network: TestNetwork
    let sender: MemberID
    func send(_ message: RaftMessage, to member: MemberID) { network.deliver(message, from: sender, to: member) }
  }
}

/// Members with their nodes, ticking and connected for as long as a test's body runs.
final class Shard: Sendable {
  let folder: TemporaryFolder
  let network = TestNetwork()
  let failures = Failures()
  /// A member that runs, and its node.
  typealias Running = (name: MemberID, node: TestNode, member: ReplicaMember)

  private let running = Mutex<[MemberID: (node: TestNode, member: ReplicaMember)]>([:])
  private let arrivals: AsyncStream<(ReplicaMember, MemberID)>
  private let arrive: AsyncStream<(ReplicaMember, MemberID)>.Continuation

  private let settings: RaftSettings
  private let oplog: OplogOptions

  private init(_ settings: RaftSettings, _ oplog: OplogOptions) throws {
    self.settings = settings
    self.oplog = oplog
    folder = try TemporaryFolder()
    (arrivals, arrive) = AsyncStream.makeStream()
  }

  /// Founds a shard of `count` members, runs `body` and closes them.
  static func with(
    _ count: Int, encrypted: Bool = false, settings: RaftSettings = .test, oplog: OplogOptions = OplogOptions(),
    _ body: (Shard) async throws -> Void
  ) async throws {
    let shard = try Shard(settings, oplog)
    let names = try (1...count).map { try MemberID("n\($0)") }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await shard.serve() }
      group.addTask { await shard.tick() }
      for name in names {
        let node = try TestNode(name.text, in: shard.folder)
        try await shard.start(node, try node.found(voters: names, encrypted: encrypted))
      }
      let result: Result<Void, any Error>
      do { result = .success(try await body(shard)) } catch { result = .failure(error) }
      for member in shard.members { try? await shard.stop(member.name) }
      shard.arrive.finish()
      group.cancelAll()
      try result.get()
    }
  }

  var members: [Running] {
    running.withLock { $0.map { ($0.key, $0.value.node, $0.value.member) } }.sorted { $0.name < $1.name }
  }

  func member(_ name: String) throws -> ReplicaMember {
    try #require(members.first { $0.name.text == name }).member
  }

  func start(_ node: TestNode, _ generation: OpenGeneration) async throws {
    let member = try await node.start(
      generation, on: network.link(of: node.name), settings: settings, failures: failures, oplog: oplog)
    running.withLock { $0[node.name] = (node, member) }
    arrive.yield((member, node.name))
  }

  func stop(_ name: MemberID) async throws {
    network.leave(name)
    guard let entry = running.withLock({ $0.removeValue(forKey: name) }) else { return }
    try await entry.member.close()
  }

  /// The member that takes writes, once there is exactly one of the latest term.
  func primary() async throws -> Running {
    var found: Running?
    try await eventually("a primary") {
      found = members.filter { $0.member.status.takesWrites }.max { $0.member.status.term < $1.member.status.term }
      return found != nil
    }
    return try #require(found)
  }

  /// Runs `body` on the primary, again on its successor if it lost its part meanwhile, as it may at any moment on a
  /// busy machine; answers whom it was at last. What `body` writes has to come to the same when it is written twice.
  @discardableResult
  func onPrimary(_ body: (ReplicaMember) async throws -> Void) async throws -> Running {
    while true {
      let primary = try await primary()
      do {
        try await body(primary.member)
        return primary
      } catch let error as MemberError where error.code == .notPrimary || error.code == .outcomeUnknown { continue }
    }
  }

  /// Inserts documents, each on whoever is primary then; answers who was at last.
  @discardableResult
  func insert(_ numbers: ClosedRange<Int>) async throws -> Running {
    var last = try await primary()
    for number in numbers { last = try await onPrimary { try await $0.insert(number) } }
    return last
  }

  /// Lets the primary hand over and waits for its successor; answers who handed over.
  func handOver() async throws -> Running {
    var old = try await primary()
    try await eventually("a hand-over") {
      old = try await primary()
      return await old.member.handOver() == nil
    }
    try await eventually("another primary") { try await primary().name != old.name }
    return old
  }

  /// Waits until all members hold these documents.
  func agree(on numbers: [Int]) async throws {
    for (name, _, member) in members {
      try await eventually("all documents on \(name)") { try await member.numbers() == numbers }
    }
  }

  private func serve() async {
    await withDiscardingTaskGroup { group in
      for await (member, name) in arrivals {
        let inbox = network.join(name)
        group.addTask { for await (message, sender) in inbox { await member.receive(message, from: sender) } }
      }
    }
  }

  private func tick() async {
    // tidy:allow sleep the members' clock
    while (try? await Task.sleep(for: .milliseconds(20))) != nil {
      for (_, _, member) in members { await member.tick() }
    }
  }
}
