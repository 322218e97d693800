// SPDX-License-Identifier: GPL-3.0-or-later
import ReplicationCore
import Simulator

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
  /// A member that lost its log or votes takes a copy of any other and then takes part as if nothing had happened.
  case resyncedVotesAtOnce
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

/// What happens when, on the shared timeline.
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

  private var timeline = Timeline()
  private var events: [Event] = []

  var now: Int { Int(timeline.now) }

  /// Adds an event `delay` milliseconds from now.
  mutating func add(_ event: Event, after delay: Int) {
    let slot = timeline.add(after: Int64(delay))
    if slot < events.count { events[slot] = event } else { events.append(event) }
  }

  mutating func next() -> Event? { timeline.next().map { events[$0] } }
}
