// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import ReplicationCore
import Simulator

/// A whole shard on a virtual clock, all of it drawn from one seed: first with faults, then without, until it agrees.
struct Simulation {
  let plan: SimulationPlan
  var random: SplitMix64
  var queue = EventQueue()
  var members: [SimulatedMember] = []
  var oracle = ShardOracle()
  /// Directed links that are cut, as `from * 16 + to`.
  var cut: Set<Int> = []
  var isFaulty = true
  var proposals = 0
  /// Whether a leader took a proposal after the faults.
  var hasTakenLast = false
  var lastEvent: EventQueue.Event?
  /// How often the interesting directives were performed, to see that the faults reach them.
  var seen: [String: Int] = [:]

  static let tick = 15
  static let faultyMilliseconds = 4_000
  static let healingMilliseconds = 20_000

  init(_ plan: SimulationPlan) throws {
    self.plan = plan
    random = SplitMix64(seed: plan.seed)
    let names = (0..<plan.members + plan.spares).map { MemberID(checked: "n\($0)") }
    let founding = try Membership(voters: Array(names.prefix(plan.members)))
    members = names.map { SimulatedMember(name: $0, disk: SimulatedDisk(.init(baseMembership: founding))) }
    for place in members.indices { try start(place) }
    queue.add(.propose, after: 1)
    queue.add(.fault, after: 50)
  }

  /// Runs to the end; throws a `BrokenPromise` with the seed and the virtual time.
  mutating func run() throws {
    do {
      while queue.now < Self.faultyMilliseconds { try step() }
      try heal()
      var nextCheck = queue.now + 300
      while queue.now < Self.faultyMilliseconds + Self.healingMilliseconds {
        try step()
        if queue.now >= nextCheck {
          if hasConverged { return try checkEnd() }
          nextCheck = queue.now + 100
        }
      }
      throw BrokenPromise(sentence: "no agreement after the faults: " + summary)
    } catch {
      throw BrokenPromise(
        sentence: "seed \(plan.seed) at \(queue.now) ms, after \(lastEvent.map { "\($0)" } ?? "the start"): \(error)")
    }
  }

  func place(_ name: MemberID) -> Int { members.firstIndex { $0.name == name } ?? 0 }
  func now(_ place: Int) -> Duration { .milliseconds(queue.now - members[place].startedAt) }
  mutating func chance(_ probability: Double) -> Bool {
    probability > 0 && Double(random.next() >> 11) / 9_007_199_254_740_992 < probability
  }
  mutating func pick(_ range: Range<Int>) -> Int { Int.random(in: range, using: &random) }

  mutating func start(_ place: Int) throws {
    try members[place].start(seed: random.next(), now: queue.now, ignoringFloor: plan.broken == .lossNotDeclared)
    if plan.broken == .resyncedVotesAtOnce, members[place].core?.isRecovering == true {
      queue.add(.copy(members[place].name, life: members[place].life), after: pick(1..<50))
    }
    queue.add(.tick(members[place].name, life: members[place].life), after: pick(0..<Self.tick))
  }

  mutating func step() throws {
    guard let event = queue.next() else { throw BrokenPromise(sentence: "nothing happens any more") }
    lastEvent = event
    switch event {
    case .tick(let name, let life):
      guard let place = running(name, life), !postpone(event, place) else { return }
      queue.add(event, after: Self.tick)
      try input(place) { $0.onTick(now: $1) }
    case .deliver(let message, let sender, let receiver):
      let place = place(receiver)
      guard members[place].isRunning, !postpone(event, place) else { return }
      try input(place) { $0.onMessage(message, from: sender, now: $1) }
    case .diskIsIdle(let name, let life):
      guard let place = running(name, life), !postpone(event, place) else { return }
      sync(place)
    case .persisted(let name, let life, let position):
      guard let place = running(name, life), !postpone(event, place) else { return }
      try input(place) { $0.onPersisted(upTo: position, now: $1) }
    case .applied(let name, let life, let index):
      guard let place = running(name, life), !postpone(event, place) else { return }
      try input(place) { $0.onApplied(index, now: $1) }
    case .restart(let name, let life):
      let place = place(name)
      if !members[place].isRunning, members[place].life == life { try start(place) }
    case .copy(let name, let life):
      if let place = running(name, life), !postpone(event, place) { try copy(to: place) }
    case .propose: try propose()
    case .fault: if isFaulty { try injectFault() }
    }
  }

  /// Tells a running member's core something and performs what it wants.
  mutating func input(_ place: Int, _ body: (inout RaftCore, Duration) throws -> [RaftDirective]) throws {
    let now = now(place)
    guard var core = members[place].core else { return }
    members[place].core = nil
    let directives = try body(&core, now)
    members[place].core = core
    try perform(directives, place)
    try read(place)
  }

  /// Somebody reads wherever it is allowed.
  private mutating func read(_ place: Int) throws {
    let member = members[place]
    // What is left of an only member can be read, as nothing can bring the rest back.
    guard let core = member.core, core.isReadable, !core.isRecovering else { return }
    try oracle.shows(member.name, member.appliedIndex)
  }

  private func running(_ name: MemberID, _ life: Int) -> Int? {
    let place = place(name)
    return members[place].isRunning && members[place].life == life ? place : nil
  }

  /// A stopped process gets its events once it goes on.
  private mutating func postpone(_ event: EventQueue.Event, _ place: Int) -> Bool {
    guard members[place].pausedUntil > queue.now else { return false }
    queue.add(event, after: members[place].pausedUntil - queue.now)
    return true
  }

  private mutating func propose() throws {
    if isFaulty || !hasTakenLast { queue.add(.propose, after: isFaulty ? pick(5..<60) : 100) }
    for place in members.indices where members[place].core?.role == .leader && members[place].pausedUntil <= queue.now {
      let payloads = (0..<pick(1..<4)).map { offset in
        (0..<4).map { UInt8(truncatingIfNeeded: (proposals + offset) >> (8 * $0)) }
      }
      var waiting: [LogPosition] = []
      try input(place) { core, now in
        guard case .accepted(let first, let last, let directives) = core.onPropose(payloads, now: now) else {
          return []
        }
        waiting = (first.index...last.index).map { LogPosition(term: first.term, index: $0) }
        return directives
      }
      proposals += waiting.count
      if !isFaulty, !waiting.isEmpty { hasTakenLast = true }
      if members[place].isRunning { members[place].waiting += waiting }  // nothing commits before the disk reports
    }
  }

  // MARK: The end

  private mutating func heal() throws {
    isFaulty = false
    cut = []
    for place in members.indices {
      members[place].pausedUntil = 0
      if !members[place].isRunning { try start(place) }
    }
  }

  private var leaderInOffice: SimulatedMember? {
    members.filter { $0.core?.acceptsProposals == true }.max { ($0.core?.term ?? 0) < ($1.core?.term ?? 0) }
  }

  private var hasConverged: Bool {
    guard hasTakenLast, let core = leaderInOffice?.core, core.commitIndex == core.lastPosition.index else {
      return false
    }
    return core.membership.everyone.allSatisfy { name in
      let member = members[place(name)]
      guard let other = member.core else { return false }
      return other.lastPosition == core.lastPosition && other.commitIndex == core.commitIndex
        && member.appliedIndex == core.commitIndex && other.term == core.term && !other.isRecovering
        && other.isReadable
    }
  }

  private func checkEnd() throws {
    guard let leader = leaderInOffice, let core = leader.core else { return }
    for name in core.membership.everyone {
      let member = members[place(name)]
      try oracle.checkAcknowledged(name, applied: member.appliedIndex, chain: member.appliedChain)
      if member.core?.ignored.contradictions != 0 { throw BrokenPromise(sentence: "\(name) saw a contradiction") }
    }
  }

  private var summary: String {
    members.map { member in
      guard let core = member.core else { return "\(member.name) down" }
      return "\(member.name) \(core.role) t\(core.term) \(core.lastPosition) c\(core.commitIndex) \(core.mode)"
    }.joined(separator: "; ")
  }
}
