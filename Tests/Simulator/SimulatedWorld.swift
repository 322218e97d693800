// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import ReplicationCore

/// One coordinator, one cluster of agents, a KMS, a client, operators, an unkind network and unkind machines, on a
/// virtual clock, all of it drawn from one seed. The decisions are the production cores'; the shells around them are
/// simulated, as the real ones are.
final class SimulatedWorld {
  static let epochStart: Int64 = 1_790_000_000_000
  static let project = ProjectName(checked: "shop")
  static let cluster = ClusterName(checked: "orders")
  /// More events than any seed needs, many times over: a run that goes in circles ends here.
  static let maximumEvents: UInt64 = 10_000_000
  /// How many lines of the trace are kept, unless all are.
  static let traceLines = 40

  let profile: SimulationProfile
  let isTracing: Bool
  var keepsWholeTrace = false
  var dice: Dice
  var timeline = Timeline()
  var actions: [(() -> Void)?] = []
  var kms = SimulatedKMS()
  var oracle = ShardOracle()
  var nodes: [SimulatedNode] = []
  var places: [NodeName: Int] = [:]
  lazy var coordinator = SimulatedCoordinator(world: self)
  /// Directed links that are cut, as `from * 16 + to`.
  var cuts: Set<Int> = []
  var isFaulty = true
  var violation: String?
  var trace: [String] = []
  var statistics = SimulationStatistics()
  /// Orders still to be given, in turn; each says whether it was taken.
  var orders: [(SimulatedWorld) -> Bool] = []
  /// Entries the client wrote; the payload tells them apart.
  var writes: UInt32 = 0
  /// Whether a write was acknowledged after the faults.
  var hasWrittenInCalm = false
  var isWriting = true
  /// Whether more nodes were lost than a majority can spare, and the member for which what they had was given up.
  var hasLostMajority = false
  var givenUpFor: NodeName?
  /// What an operator was told of that, and the node that came back by a word of his.
  var knownLoss: String?
  var approvedAfterLoss: NodeName?

  // What the oracle of plans remembers.
  var askedActions: [CommandID: (node: NodeName, action: NodeAction)] = [:]
  var finishedPlans: Set<PlanID> = []
  /// The master keys that each node made by an order.
  var orderedKeys: [NodeName: Set<MasterKeyID>] = [:]
  var plansMadeAt: [PlanID: Int64] = [:]
  /// A key that the coordinator forgot with its store, until an operator has named it again.
  var keyToNameAgain: String?
  /// Whether all data was encrypted once, but for what a node still had to destroy that was out of the shard by then.
  var wasEncrypted = false
  var plainLeaver: NodeName?

  // What the oracle of the audit record remembers: requests to the KMS by their ids.
  var keyUses: Set<String> = []
  var recordedKeyUses: Set<String> = []
  /// What stood in a record that was put back to an older copy, and does not stand there.
  var forgottenKeyUses: Set<String> = []

  init(_ profile: SimulationProfile, tracing: Bool) {
    self.profile = profile
    isTracing = tracing
    dice = Dice(seed: profile.seed)
    for number in 0..<profile.members + profile.spares {
      nodes.append(SimulatedNode(world: self, index: number))
      places[nodes[number].name] = number
    }
  }

  var now: Int64 { timeline.now }
  var coordinatorPlace: Int { nodes.count }
  var clientPlace: Int { nodes.count + 1 }
  var majority: Int { memberNodes.count / 2 + 1 }

  func fail(_ text: String) {
    if violation == nil { violation = text }
  }

  func note(_ text: @autoclosure () -> String) {
    guard isTracing else { return }
    trace.append("\(Self.clock(now)) \(text())")
    if !keepsWholeTrace, trace.count > 2 * Self.traceLines { trace.removeFirst(Self.traceLines) }
  }

  static func clock(_ milliseconds: Int64) -> String {
    let (seconds, rest) = (milliseconds / 1000, String(milliseconds % 1000 + 1000).dropFirst())
    return "\(seconds).\(rest)"
  }

  // MARK: Time

  func after(_ milliseconds: Int64, _ body: @escaping () -> Void) {
    let slot = timeline.add(after: milliseconds)
    if slot < actions.count { actions[slot] = body } else { actions.append(body) }
  }

  /// Does `body` again and again, at intervals from `range`.
  func every(_ range: ClosedRange<Int64>, _ body: @escaping () -> Void) {
    after(dice.within(range)) { [unowned self] in
      body()
      every(range, body)
    }
  }

  /// Runs until `end` or until `done` holds, which is looked at now and then.
  func run(until end: Int64, or done: () -> Bool = { false }) {
    var nextLook = now
    while violation == nil {
      if now >= nextLook {
        if done() { return }
        nextLook = now + 2000
      }
      guard let moment = timeline.nextMoment, moment <= end, let slot = timeline.next() else { break }
      let action = actions[slot]
      actions[slot] = nil
      action?()
      if timeline.taken > Self.maximumEvents { fail("\(Self.maximumEvents) events, and no end of it") }
    }
    if violation == nil { timeline.rest(until: end) }
  }

  // MARK: The network

  /// A message on its way: perhaps lost, late, or there twice.
  func travel(from: Int, to: Int, mayBeLost: Bool = true, _ arrive: @escaping () -> Void) {
    var delay = dice.within(1...12) + lag(from) + lag(to)
    guard isFaulty else { return after(delay, arrive) }
    if cuts.contains(from * 16 + to) || (mayBeLost && dice.chance(profile.loss)) { return }
    if dice.chance(profile.lateness) { delay += dice.within(50...profile.latest) }
    after(delay, arrive)
    if mayBeLost, dice.chance(profile.duplication) { after(delay + dice.within(1...4000), arrive) }
  }

  private func lag(_ place: Int) -> Int64 { place < nodes.count ? nodes[place].lag : 0 }

  func node(_ name: NodeName) -> SimulatedNode? { places[name].map { nodes[$0] } }
}

/// What a run went through.
package struct SimulationStatistics: Sendable {
  package var events: UInt64 = 0
  package var virtualMilliseconds: Int64 = 0
  package var acknowledged = 0
  /// How often the interesting things happened.
  package var seen: [String: Int] = [:]

  package init() {}

  mutating func count(_ what: String) { seen[what, default: 0] += 1 }

  package mutating func add(_ other: SimulationStatistics) {
    events += other.events
    virtualMilliseconds += other.virtualMilliseconds
    acknowledged += other.acknowledged
    seen.merge(other.seen) { $0 + $1 }
  }
}
