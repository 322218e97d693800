// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

/// A core on a virtual clock with a disk that holds what it persisted, and nodes that say what a test wants.
struct Bench {
  static let project = ProjectName(checked: "shop")
  static let cluster = ClusterName(checked: "orders")
  static let key = "arn:aws:kms:eu-central-1:111122223333:key/one"
  static let settings = KMSSettings(provider: .aws, keyID: key, region: "eu-central-1", accessKeyID: "AKIAEXAMPLE")
  static let canary = WrappedMasterKey(
    provider: .aws, keyID: key, keyVersion: "", region: "eu-central-1", createdAtMilliseconds: 0, blob: [7])

  var core: CoordinatorCore
  var now = Instant(milliseconds: 1_790_000_000_000)
  var disk: [RecordKey: StateRecord] = [:]
  var reports: [NodeName: NodeReport] = [:]
  /// Whether nodes say what their clocks show, and how far those are ahead of the coordinator's, in milliseconds.
  var keepsClock = false
  var nodeClockOffset: Int64 = 0
  /// What was kept for good, newest first.
  var auditTrail: [AuditEntry] = []
  /// Of that, what the coordinator did not do by itself.
  var decisions: [AuditEntry] { auditTrail.filter { $0.by != .coordinator } }
  /// The directives of the last input.
  var last: [CoordinatorDirective] = []

  init() throws {
    core = try CoordinatorCore(
      restored: [], epoch: Epoch(number: 1, incarnation: 1), controlPlane: ["10.0.0.100"],
      identifiers: IdentifierSource(high: 1, low: 2), now: now)
  }

  var nodeTime: Int64 { now.milliseconds + nodeClockOffset }

  static func node(_ number: Int) -> NodeName { NodeName(checked: "node-\(number)") }
  static func publicKey(_ number: Int) -> String { String(repeating: "k", count: 38) + "\(10 + number)" }

  // MARK: Inputs

  mutating func take(_ directives: [CoordinatorDirective]) {
    last = directives
    for (index, directive) in directives.enumerated() {
      guard case .persist(let changes) = directive else { continue }
      #expect(index == 0, "something was sent before it was persisted")
      for change in changes {
        switch change {
        case .put(let record): disk[record.key] = record
        case .remove(let key): disk[key] = nil
        case .append(let entry): auditTrail.insert(entry, at: 0)
        }
      }
    }
  }

  @discardableResult
  mutating func order<Value>(
    _ body: (inout CoordinatorCore, Instant) throws(CoordinatorError) -> Decision<Value>
  ) throws(CoordinatorError) -> Value {
    let decision = try body(&core, now)
    take(decision.directives)
    return decision.value
  }

  /// Lets time pass, with heartbeats of every node that has ever said hello and with ticks, second by second.
  mutating func pass(_ span: Duration, silent: Set<NodeName> = []) {
    var all: [CoordinatorDirective] = []
    let end = now + span
    while now < end {
      now = now + .seconds(1)
      for node in reports.keys.sorted() where !silent.contains(node) {
        heartbeat(node)
        all += last
      }
      take(core.onTick(now: now))
      all += last
    }
    last = all
  }

  /// A hello on a new link. A process that says it as the node's next one has seen the former one end.
  mutating func hello(_ node: NodeName) {
    guard let report = reports[node] else { return }
    if let live = core.liveBoot(of: node), live != report.boot { take(core.onDisconnected(node, now: now)) }
    take(core.onHello(node, report: report, now: now))
  }

  mutating func heartbeat(_ node: NodeName) {
    guard var report = reports[node] else { return }
    if keepsClock { report.clockMilliseconds = nodeTime }
    take(core.onHeartbeat(node, report: report, now: now))
  }

  mutating func answer(_ node: NodeName, _ command: NodeCommand, _ outcome: CommandOutcome) {
    take(core.onCommandResult(node, result: CommandResult(command: command.id, outcome: outcome), now: now))
  }

  mutating func verdict(_ verdict: Verdict, version: UInt64? = nil, startedAgo: Duration = .zero) {
    let report = CheckReport(
      verdict: verdict, customerKeyID: Self.key,
      settingsVersion: version ?? core.projectRecords[Self.project]?.settingsVersion ?? 0,
      startedAtMilliseconds: (now - startedAgo).milliseconds)
    take(core.onVerdict(Self.project, report: report, now: now))
  }

  /// The coordinator dies and starts again from its disk.
  mutating func restart() throws {
    let records = try disk.keys.sorted().compactMap { key in
      try disk[key].map { try StateRecord(key: key, json: $0.json()) }
    }
    core = try CoordinatorCore(
      restored: records, epoch: Epoch(number: 2, incarnation: 5), controlPlane: ["10.0.0.100"],
      identifiers: IdentifierSource(high: 99, low: 98), now: now)
    last = []
  }

  // MARK: What was said

  func commands(to node: NodeName? = nil) -> [NodeCommand] {
    last.compactMap { directive in
      if case .sendCommand(let name, let command) = directive, node == nil || node == name { command } else { nil }
    }
  }

  func assignments(to node: NodeName) -> [NodeAssignment] {
    last.compactMap { if case .sendAssignment(node, let assignment) = $0 { assignment } else { nil } }
  }

  func lists(to node: NodeName) -> [IPList] {
    last.compactMap { if case .sendIPList(node, let list) = $0 { list } else { nil } }
  }

  func plan(_ id: PlanID) throws -> PlanRecord { try #require(core.planRecords[id]) }
  var record: ClusterRecord? { core.clusterRecords[Self.cluster] }
  var openAlerts: [AlertKind] { core.alerts.filter { $0.closedAt == nil }.map(\.kind) }
}

extension Bench {
  // MARK: Scenes

  /// A project with proven settings and enrolled nodes that have said hello and follow their assignment.
  mutating func enroll(_ count: Int, kms: Bool = true) throws {
    try order { core, now throws(CoordinatorError) in try core.createProject(Self.project, now: now) }
    if kms { try proveKMS() }
    for number in 1...count {
      try order { core, now throws(CoordinatorError) in
        try core.enrollNode(Self.node(number), cluster: Self.cluster, publicKey: Self.publicKey(number), now: now)
      }
      var report = NodeReport(
        node: Self.node(number), boot: BootID.random(), agentVersion: "test", phase: .awaitingSettings)
      report.replicationAddress = "10.0.0.\(number):7450"
      report.driverAddress = "10.0.0.\(number):27117"
      reports[Self.node(number)] = report
      hello(Self.node(number))
    }
  }

  mutating func proveKMS() throws {
    let version = try core.settingsVersion(proposing: Self.settings, for: Self.project)
    try order { core, now throws(CoordinatorError) in
      try core.onKMSProven(
        Self.project, settings: Self.settings, settingsVersion: version, canary: Self.canary, now: now)
    }
  }

  /// A cluster whose nodes serve, the first of them as primary.
  mutating func serve(_ count: Int, encrypted: Bool = false) throws {
    try enroll(count)
    try order { core, now throws(CoordinatorError) in
      try core.createCluster(Self.cluster, project: Self.project, nodes: [], now: now)
    }
    for number in 1...count {
      change(number) {
        $0.phase = .empty
        $0.assignmentVersion = 1
      }
    }
    for number in 1...count {
      change(number) {
        $0.phase = .serving
        $0.generation = GenerationReport(id: GenerationID.random(), encrypted: false)
        $0.replication = Self.place(number == 1 ? .primary : .secondary)
      }
      if encrypted { encrypt(number) }
    }
    followAssignment()
    pass(.seconds(3))
    if encrypted {
      guard var record else { return }
      record.encrypted = true
      record.encryptionWanted = true
      core.put(record)
      take(core.flush())
    }
  }

  static func place(_ role: MemberRole, term: UInt64 = 1) -> ReplicationReport {
    ReplicationReport(role: role, term: term, primary: nil, lastIndex: 10, commitIndex: 10, appliedIndex: 10)
  }

  /// What the node reports after a re-sync into an encrypted generation.
  mutating func encrypt(_ number: Int) {
    let nodeTime = nodeTime
    change(number) {
      $0.generation = GenerationReport(
        id: GenerationID.random(), encrypted: true, keystoreVersion: 1, masterKeyID: MasterKeyID.random(),
        masterKeyCheckValue: "c0ffee0\(number)", customerKeyID: Self.key, masterKeyCreatedAtMilliseconds: nodeTime)
    }
  }

  mutating func rotate(_ number: Int) {
    let nodeTime = nodeTime
    change(number) {
      $0.generation?.masterKeyCreatedAtMilliseconds = nodeTime
      $0.generation?.masterKeyID = MasterKeyID.random()
      $0.generation?.masterKeyCheckValue = "beef\(number)"
      $0.generation?.keystoreVersion += 1
    }
  }

  mutating func makePrimary(_ number: Int, term: UInt64) {
    for node in Array(reports.keys) { reports[node]?.replication = Self.place(.secondary, term: term) }
    reports[Self.node(number)]?.replication = Self.place(.primary, term: term)
  }

  mutating func check(_ number: Int, _ verdict: Verdict) {
    let version = core.projectRecords[Self.project]?.settingsVersion ?? 0
    let report = CheckReport(
      verdict: verdict, customerKeyID: Self.key, settingsVersion: version, startedAtMilliseconds: now.milliseconds)
    change(number) { $0.lastCheck = report }
  }

  mutating func followAssignment() {
    let version = record?.assignment?.version ?? 0
    for node in Array(reports.keys) { reports[node]?.assignmentVersion = version }
  }

  /// Changes what a node reports and lets it report.
  mutating func change(_ number: Int, _ body: (inout NodeReport) -> Void) {
    let node = Self.node(number)
    guard var report = reports[node] else { return }
    body(&report)
    reports[node] = report
    now = now + .milliseconds(1)
    heartbeat(node)
  }
}
