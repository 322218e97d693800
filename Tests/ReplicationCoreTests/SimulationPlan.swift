// SPDX-License-Identifier: GPL-3.0-or-later
import ReplicationCore

/// A rule that the simulated shell can break, to prove that the simulation notices.
enum ShellFault: CaseIterable {
  case none
  /// Hard states never reach the disk.
  case voteNotPersisted
  /// Answers leave before the entries they speak of are durable, which the crash then takes.
  case answersBeforeSync
  /// The disk reports entries as durable that are not.
  case reportsUnsynced
  /// A member that lost its log or votes restarts as if it had not.
  case lossNotDeclared
  /// Data is applied before it is committed.
  case appliesUncommitted
}

/// What one seed does to its shard: which faults happen, and how often.
struct SimulationPlan {
  var seed: UInt64
  var members: Int
  var spares: Int
  var loss: Double
  var duplication: Double
  var slowness: Double
  var crashes: Bool
  var partitions: Bool
  var pauses: Bool
  var handOvers: Bool
  var membershipChanges: Bool
  var dataLoss: Bool
  var trims: Bool
  var maximumDelay: Int
  /// Members crash very often and for a short time, and messages carry one entry: many leaders, each with a little.
  var isStormy: Bool
  var broken = ShellFault.none

  init(seed: UInt64) {
    var random = SplitMix64(seed: seed &* 0x9E37_79B9_7F4A_7C15 &+ 1)
    func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
    self.seed = seed
    members = [1, 3, 3, 3, 3, 5, 5][Int.random(in: 0..<7, using: &random)]
    loss = chance(60) ? Double.random(in: 0...0.25, using: &random) : 0
    duplication = chance(50) ? Double.random(in: 0...0.2, using: &random) : 0
    slowness = chance(50) ? Double.random(in: 0...0.1, using: &random) : 0
    crashes = chance(80)
    partitions = chance(60)
    pauses = chance(30)
    handOvers = chance(40)
    membershipChanges = chance(40)
    dataLoss = !membershipChanges && members >= 3 && chance(50)
    trims = chance(60)
    maximumDelay = [4, 15, 60][Int.random(in: 0..<3, using: &random)]
    spares = membershipChanges ? 2 : 0
    isStormy = crashes && chance(20)
  }

  static var settings: RaftSettings {
    var settings = RaftSettings()
    settings.electionTimeout = .milliseconds(300)
    settings.heartbeatInterval = .milliseconds(60)
    settings.appendRetryInterval = .milliseconds(120)
    settings.maximumEntriesPerMessage = 16
    settings.maximumUncommittedEntries = 64
    settings.caughtUpLag = 16
    return settings
  }
}

/// Virtual time, and what happens when.
struct EventQueue {
  enum Event {
    case tick(MemberID, life: Int)
    case deliver(RaftMessage, from: MemberID, to: MemberID)
    case diskIsIdle(MemberID, life: Int)
    case persisted(MemberID, life: Int, LogPosition)
    case applied(MemberID, life: Int, UInt64)
    case restart(MemberID, life: Int)
    case copy(MemberID, life: Int)
    case propose
    case fault
  }
  private struct Item { var at: Int; var order: Int; var event: Event }

  private(set) var now = 0
  private var heap: [Item] = []
  private var order = 0

  private func precedes(_ left: Int, _ right: Int) -> Bool {
    (heap[left].at, heap[left].order) < (heap[right].at, heap[right].order)
  }

  /// Adds an event `delay` milliseconds from now.
  mutating func add(_ event: Event, after delay: Int) {
    order += 1
    heap.append(Item(at: now + delay, order: order, event: event))
    var child = heap.count - 1
    while child > 0, precedes(child, (child - 1) / 2) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func next() -> Event? {
    guard let first = heap.first else { return nil }
    now = first.at
    heap[0] = heap[heap.count - 1]
    heap.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && precedes(child, least) { least = child }
      if least == parent { break }
      heap.swapAt(parent, least)
      parent = least
    }
    return first.event
  }
}
