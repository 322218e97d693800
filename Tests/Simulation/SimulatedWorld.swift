// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel

@testable import CoordinatorCore

/// A rule of the coordinator, broken on purpose, to see that the simulation notices.
enum BrokenRule: Sendable, CaseIterable {
  case none, sendBeforePersist, forgetLease, forgetCommandIDs, ignoreHealth
}

/// A running coordinator; the core is changed in place.
final class CoordinatorProcess {
  var core: CoordinatorCore
  init(core: CoordinatorCore) { self.core = core }
}

/// What went wrong, with what is needed to replay it.
struct Violation: Error, CustomStringConvertible {
  let seed: UInt64
  let at: Int64
  let text: String
  var description: String { "seed \(seed), \(at - SimulatedWorld.epochStart) ms: \(text)" }
}

/// One coordinator, one cluster of model agents, an unkind network, and a clock that jumps.
final class SimulatedWorld {
  static let epochStart: Int64 = 1_790_000_000_000
  static let project = ProjectName(checked: "shop")
  static let cluster = ClusterName(checked: "orders")

  let seed: UInt64
  let broken: BrokenRule
  var random: SimulationRandom
  var now = SimulatedWorld.epochStart
  var events = EventQueue()
  var kms = SimulatedKMS()
  var members: [SimulatedAgent] = []
  var faults = true
  var violation: Violation?

  // The coordinator: a process that may die, and a disk that stays.
  var process: CoordinatorProcess?
  var core: CoordinatorCore? { process?.core }
  var life: UInt64 = 0
  var disk: [RecordKey: StateRecord] = [:]
  var askedActions: [CommandID: (node: NodeName, action: NodeAction)] = [:]
  var finished: Set<PlanID> = []
  var candidateSince: Int64?
  /// Orders still to be given, in turn; each says whether it was taken.
  var pending: [(SimulatedWorld) -> Bool] = []

  init(seed: UInt64, broken: BrokenRule = .none) {
    self.seed = seed
    self.broken = broken
    random = SimulationRandom(seed: seed)
    let count = random.pick([1, 2, 3, 3, 3, 3, 5]) ?? 3
    for number in 1...count { members.append(SimulatedAgent(world: self, number: number)) }
  }

  var instant: Instant { Instant(milliseconds: now) }
  var majority: Int { members.count / 2 + 1 }
  var primary: SimulatedAgent? { members.first { $0.isServing && $0.role == .primary } }
  /// Ten entries are committed each second.
  var commitIndex: UInt64 { UInt64(now - Self.epochStart) / 100 }

  func fail(_ text: String) {
    if violation == nil { violation = Violation(seed: seed, at: now, text: text) }
  }

  func after(_ milliseconds: Int64, _ body: @escaping () -> Void) { events.add(at: now + milliseconds, body) }

  /// Runs until `end` or until `done` holds.
  func run(until end: Int64, or done: () -> Bool = { false }) {
    while violation == nil, !done(), let event = events.popFirst() {
      if event.at > end {
        now = end
        events.add(at: event.at, event.run)
        return
      }
      now = event.at
      event.run()
    }
  }

  /// Does `body` again and again, at intervals from `range`.
  func every(_ range: ClosedRange<Int64>, _ body: @escaping () -> Void) {
    after(random.within(range)) { [unowned self] in
      body()
      every(range, body)
    }
  }

  // MARK: Elections

  /// Followers of a lost primary elect another after a while, as long as a majority serves.
  func runElections() {
    let serving = members.filter(\.isServing)
    if let primary, serving.count < majority { primary.role = .secondary }
    guard primary == nil, serving.count >= majority else { return candidateSince = nil }
    guard let since = candidateSince else { return candidateSince = now }
    guard now - since > 1500, let winner = random.pick(serving.filter { now >= $0.caughtUpAt }) else { return }
    elect(winner)
  }

  func elect(_ winner: SimulatedAgent) {
    let term = (members.map(\.term).max() ?? 0) + 1
    for member in members where member.isServing {
      member.term = term
      member.role = member === winner ? .primary : .secondary
    }
    candidateSince = nil
  }

  // MARK: Links

  func connect(_ agent: SimulatedAgent) {
    let life = agent.boot
    after(random.within(20...2000)) { [unowned self] in
      guard agent.alive, agent.boot == life, !agent.linked else { return }
      // Without a coordinator there is no link, and an unknown key completes no handshake.
      guard process?.core.nodeRecords[agent.name] != nil else { return connect(agent) }
      agent.linked = true
      hello(agent)
    }
  }

  private func hello(_ agent: SimulatedAgent) {
    // An agent repeats its hello until it is welcomed; here it simply arrives.
    let report = agent.report
    let life = self.life
    after(random.within(1...500)) { [unowned self] in
      guard agent.linked, life == self.life else { return }
      input { $0.onHello(agent.name, report: report, now: $1) }
    }
  }

  func disconnect(_ agent: SimulatedAgent) {
    guard agent.linked else { return }
    agent.linked = false
    guard random.chance(700) else { return }
    after(random.within(1...1500)) { [unowned self] in
      guard !agent.linked else { return }
      input { $0.onDisconnected(agent.name, now: $1) }
    }
  }

  func answer(_ agent: SimulatedAgent, _ result: CommandResult) {
    toCoordinator(agent) { $0.onCommandResult(agent.name, result: result, now: $1) }
  }

  func toCoordinator(
    _ agent: SimulatedAgent, _ body: @escaping (inout CoordinatorCore, Instant) -> [CoordinatorDirective]
  ) {
    let life = self.life
    travel { [unowned self] in
      guard agent.linked, life == self.life else { return }
      input(body)
    }
  }

  func toAgent(_ agent: SimulatedAgent, _ body: @escaping (SimulatedAgent) -> Void) {
    travel { if agent.linked, agent.alive { body(agent) } }
  }

  /// A message on its way: perhaps lost, late, or there twice.
  private func travel(_ arrive: @escaping () -> Void) {
    if faults, random.chance(40) { return }
    let late = faults && random.chance(20)
    after(random.within(late ? 200...5000 : 1...60), arrive)
    if faults, random.chance(30) { after(random.within(1...4000), arrive) }
  }
}
