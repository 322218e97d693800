// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import CoordinatorCore

/// One customer: a coordinator, a key, and a few clusters of three nodes, on a virtual clock whose steps are long
/// while nothing happens. Replication is left out: it has no part in what closes a node.
final class FleetSite {
  static let epochStart: Int64 = SimulatedWorld.epochStart
  static let project = SimulatedWorld.project
  /// A key in the vault whose quota is the smallest of all.
  static let keyID = "https://simulated.vault.azure.net/keys/fleet/0123456789abcdef0123456789abcdef"
  static let settings = KMSSettings(
    provider: .azure, keyID: keyID, region: "",
    credentials: .azureClientSecret(tenant: "tenant", clientID: "client"))
  /// Two scheduled checks with their jitter and the steps of the clock, and the time to close.
  static let patience: Int64 = 44 * 60_000
  /// How long a node may take to serve again once nothing stands against it.
  static let returnPatience: Int64 = 25 * 60_000
  /// How long after an answer of the KMS a lock-out may follow from it.
  static let memory: Int64 = 12 * 60_000
  private static let quietBeat: Int64 = 240_000
  private static let troubledBeat: Int64 = 120_000
  private static let busyBeat: Int64 = 4000
  private static let busySpan: Int64 = 60_000

  let profile: FleetProfile
  let number: UInt64
  let trace: ((String) -> Void)?
  var dice: Dice
  var timeline = Timeline()
  var actions: [(() -> Void)?] = []
  var statistics = FleetStatistics()
  var kms = SimulatedKMS()
  var core: CoordinatorCore?
  var records: [RecordKey: StateRecord] = [:]
  var epoch: UInt64 = 0
  var clockOffset: Int64 = 0
  var nodes: [FleetNode] = []
  var clusters: [ClusterName] = []
  var primaries: [ClusterName: Int] = [:]
  private var shards: [ClusterName: [FleetNode]] = [:]
  private var named: [NodeName: FleetNode] = [:]
  /// Until when everything is looked at often.
  var busyUntil: Int64 = 0
  var isReportedStuck = false
  /// When a rotation of a cluster started by itself last.
  var rotatedAt: [ClusterName: Int64] = [:]
  /// What the KMS last told each place about a revocation: when, and whether it was a denial.
  var told: [Int: (at: Int64, isDenial: Bool)] = [:]
  /// When a cluster was locked out last, as far as its record was written since, or let in again.
  var lockedOutAt: [ClusterName: Int64] = [:]
  /// What the KMS said to each place last: what it says again changes nothing, and needs no close look.
  var said: [Int: Verdict] = [:]
  /// When the KMS was called in the last seconds, for its quota.
  var calls = CallTally()
  /// Whether a beat is going on that stands for minutes.
  var isCoarse = false
  /// The command each node was sent last.
  private var sent: [NodeName: CommandID] = [:]
  private var words: [() -> Void] = []
  private var isTalking = false

  init(_ profile: FleetProfile, number: UInt64, trace: ((String) -> Void)?) {
    (self.profile, self.number, self.trace) = (profile, number, trace)
    dice = Dice(seed: profile.seed &* 0x9E37_79B9_7F4A_7C15 &+ number &* 0xD1B5_4A32_D192_ED03 &+ 7)
    for cluster in 0..<(profile.clusters ?? (dice.chance(250) ? 2 : 1)) {
      clusters.append(ClusterName(checked: "orders-\(cluster + 1)"))
      let members = (0..<3).map { FleetNode(site: self, index: nodes.count + $0, cluster: clusters[cluster]) }
      nodes += members
      shards[clusters[cluster]] = members
      for node in members { named[node.name] = node }
      primaries[clusters[cluster]] = 3 * cluster
    }
    (statistics.nodes, statistics.sites) = (nodes.count, 1)
  }

  var now: Int64 { timeline.now }
  var instant: Instant { Instant(milliseconds: Self.epochStart + now + clockOffset) }
  var coordinatorPlace: Int { nodes.count }

  func note(_ text: @autoclosure () -> String) { trace?("site \(number), \(time): \(text())") }
  func find(_ text: String) {
    note("FOUND " + text)
    statistics.find("seed \(profile.seed), site \(number), \(time): \(text)")
  }
  private var time: String { "day \(now / 86_400_000) \(SimulatedWorld.clock(now % 86_400_000)) s" }

  /// Something happened: what follows is looked at closely.
  func stir() { busyUntil = max(busyUntil, now + Self.busySpan) }

  // MARK: Time

  func after(_ milliseconds: Int64, _ body: @escaping () -> Void) {
    let slot = timeline.add(after: milliseconds)
    if slot < actions.count { actions[slot] = body } else { actions.append(body) }
  }

  private func run(until end: Int64) {
    while let moment = timeline.nextMoment, moment <= end, let slot = timeline.next() {
      let action = actions[slot]
      actions[slot] = nil
      action?()
    }
    timeline.rest(until: end)
  }

  /// Something is said; all that is said in one moment arrives in order.
  func say(_ word: @escaping () -> Void) {
    words.append(word)
    guard !isTalking else { return }
    isTalking = true
    var next = 0
    while next < words.count {
      words[next]()
      next += 1
    }
    words.removeAll(keepingCapacity: true)
    isTalking = false
  }

  // MARK: The run

  func play() {
    startCoordinator()
    beat()
    guard setUp() else { return find("the clusters were not encrypted in a calm hour") }
    after(dice.within(0...profile.faultInterval)) { [unowned self] in fault() }
    run(until: now + profile.days * 86_400_000)
  }

  func setUp(until end: Int64 = 1_800_000) -> Bool {
    order { try $0.createProject(Self.project, now: $1) }
    proveKMS(Self.settings)
    for node in nodes {
      let key = String(repeating: "k", count: 34) + "\(100_000 + node.index)"
      order { try $0.enrollNode(node.name, cluster: node.cluster, publicKey: key, now: $1) }
    }
    for node in nodes { node.start() }
    stirUntil(min(300_000, end / 6))
    for cluster in clusters { order { try $0.createCluster(cluster, project: Self.project, nodes: [], now: $1) } }
    stirUntil(min(600_000, end / 3))
    for cluster in clusters { order { try $0.encryptCluster(cluster, now: $1) } }
    stirUntil(end)
    setUpRotations()
    return nodes.allSatisfy { $0.core.isServing && $0.generation?.encrypted == true }
  }

  func proveKMS(_ settings: KMSSettings) {
    guard let version = try? core?.settingsVersion(proposing: settings, for: Self.project) else {
      return find("the KMS settings are refused")
    }
    let canary = WrappedMasterKey(
      provider: settings.provider, keyID: settings.keyID, keyVersion: "", region: settings.region,
      createdAtMilliseconds: 0, blob: [1, 2, 3])
    order {
      try $0.onKMSProven(Self.project, settings: settings, settingsVersion: version, canary: canary, now: $1)
    }
  }

  func stirUntil(_ moment: Int64) {
    busyUntil = moment
    run(until: moment)
  }

  func beat() {
    for node in nodes { node.beat() }
    input { $0.onTick(now: $1) }
    isCoarse = false
    for node in nodes { node.judge() }
    lookForStuck()
    judgeRotations()
    let isCalm = kms.isWell && nodes.allSatisfy { $0.core.isServing && $0.isLinked }
    let interval = now < busyUntil ? Self.busyBeat : isCalm ? Self.quietBeat : Self.troubledBeat
    after(interval) { [unowned self] in
      isCoarse = interval > Self.busyBeat
      beat()
    }
  }

  private func lookForStuck() {
    let isWell =
      kms.isWell && core != nil && canAsk(coordinatorPlace, clockOffset)
      && nodes.allSatisfy { $0.isLinked && canAsk($0.index, $0.clockOffset) }
    for node in nodes {
      // A node that restarts by a plan is away for a moment.
      guard isWell, !node.core.isServing else {
        node.isAwaySince = nil
        continue
      }
      let since = node.isAwaySince ?? now
      node.isAwaySince = since
      guard !isReportedStuck, now - since > Self.returnPatience else { continue }
      isReportedStuck = true
      statistics.stuck += 1
      find("\(node.name) does not serve although nothing stands against it: it is \(node.core.phase.name)")
    }
    if !isWell { isReportedStuck = false }
  }

  // MARK: The coordinator

  func input(_ body: (inout CoordinatorCore, Instant) -> [CoordinatorDirective]) {
    let moment = instant
    let directives = core.mutate { body(&$0, moment) }
    perform(directives)
  }

  func order<Value>(_ body: (inout CoordinatorCore, Instant) throws -> Decision<Value>) {
    let moment = instant
    perform(core.mutate { (try? body(&$0, moment))?.directives ?? [] })
  }

  func startCoordinator() {
    guard core == nil else { return }
    epoch += 1
    core = try? CoordinatorCore(
      restored: records.keys.sorted().compactMap { records[$0] },
      epoch: Epoch(number: epoch, incarnation: dice.next()), controlPlane: ["10.0.0.100"],
      identifiers: IdentifierSource(high: dice.next(), low: dice.next()), now: instant)
    if core == nil { find("the coordinator can't start again") }
    stir()
  }

  func stopCoordinator() {
    core = nil
    for node in nodes { node.loseLink() }
  }

  private func perform(_ directives: [CoordinatorDirective]) {
    for directive in directives {
      switch directive {
      case .persist(let changes):
        for change in changes {
          switch change {
          case .put(let record): remember(record)
          case .remove(let key): records[key] = nil
          case .append: break
          }
        }
      case .sendCommand(let name, let command): send(command, to: name)
      case .sendAssignment(let name, let decided):
        var assignment = decided
        if profile.broken == .lockoutIsLost { assignment.disabledReason = nil }
        tell(name) { [assignment] node in
          node.settingsVersion = assignment.kms == nil ? nil : assignment.settingsVersion
          node.core.onPacing(node.site.profile.broken != .slotsAreIgnored)
          node.perform(node.core.onAssignment(assignment, now: node.monotonic))
        }
      case .sendIPList(let name, let list): tell(name) { $0.ipListVersion = max($0.ipListVersion, list.version) }
      case .checkKMS(_, let version, _): check(version)
      case .alertOpened(let alert): note("alert: \(alert.text)")
      case .grantSlot(let name, let slot): tell(name) { $0.take(slot) }
      case .refuse, .alertClosed, .allowListChanged, .tellAuditHead, .tellKeyUsesTaken, .sendMail: break
      }
    }
  }

  private func remember(_ record: StateRecord) {
    if case .cluster(let cluster) = record { judgeLockout(cluster) }
    if case .plan(let plan) = record { judgeStart(of: plan) }
    records[record.key] = record
  }

  private func tell(_ name: NodeName, isNews: Bool = true, _ body: @escaping (FleetNode) -> Void) {
    guard let node = named[name] else { return }
    if isNews { stir() }
    say { if node.isLinked, node.isGreeted { body(node) } }
  }

  private func send(_ command: NodeCommand, to name: NodeName) {
    guard let epoch = core?.epoch else { return }
    if case .disable = command.action, profile.broken == .lockoutIsLost { return }
    // What is asked again, or asks for a look at the key, changes nothing by itself.
    let isNews = sent.updateValue(command.id, forKey: name) != command.id && command.action != .checkKMS
    tell(name, isNews: isNews) { $0.perform($0.core.onCommand(command, epoch: epoch, now: $0.monotonic)) }
  }

  private func check(_ version: UInt64) {
    let startedAt = instant.milliseconds
    let verdict = verdict(for: coordinatorPlace, clockOffset: clockOffset)
    let epoch = epoch
    after(latency(verdict)) { [unowned self] in
      guard epoch == self.epoch else { return }
      let report = SimulatedKMS.report(verdict, of: Self.keyID, settingsVersion: version, at: startedAt)
      say { [unowned self] in input { $0.onVerdict(Self.project, report: report, now: $1) } }
    }
  }

  func greet(_ node: FleetNode, _ report: NodeReport, highestEpoch: Epoch?) {
    let isAhead = highestEpoch.map { core?.isAheadOfStore($0) ?? false } ?? false
    stir()
    input { $0.onHello(node.name, report: report, isAheadOfStore: isAhead, now: $1) }
  }

  // MARK: The shard, as far as it matters

  func place(of node: FleetNode) -> ReplicationReport {
    let members = shards[node.cluster] ?? []
    let wanted = primaries[node.cluster].map { nodes[$0] }
    let primary = wanted.flatMap { $0.isUp && $0.core.isServing ? $0 : nil } ?? members.first { $0.core.isServing }
    if let primary { primaries[node.cluster] = primary.index }
    return ReplicationReport(
      role: primary === node ? .primary : .secondary, term: 1, primary: primary?.name, lastIndex: 10, commitIndex: 10,
      appliedIndex: 10)
  }

  func handOver(from node: FleetNode) {
    let other = shards[node.cluster]?.first { $0 !== node && $0.isUp && $0.core.isServing }
    if let other { primaries[node.cluster] = other.index }
  }
}

extension Optional where Wrapped == CoordinatorCore {
  /// Changes the core in its place; nothing if there is none.
  fileprivate mutating func mutate(
    _ body: (inout CoordinatorCore) -> [CoordinatorDirective]
  ) -> [CoordinatorDirective] {
    switch consume self {
    case .none:
      self = .none
      return []
    case .some(var core):
      let directives = body(&core)
      self = .some(core)
      return directives
    }
  }
}
