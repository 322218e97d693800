// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// The coordinator's mind: what is wanted, what nodes report, and what to do about the difference.
///
/// A value without I/O, clock or logging. Each input returns directives; the first is always the `persist` of all that
/// was decided, so that no message can leave before its decision is on disk. What is not persisted (the last
/// heartbeats, unanswered commands) is learned again after a start.
public struct CoordinatorCore: Sendable {
  /// This life of the coordinator.
  public let epoch: Epoch
  /// Addresses of the control plane as its configuration names them, for the IP list.
  public let controlPlane: [String]
  var identifiers: IdentifierSource

  // Persisted.
  var projectRecords: [ProjectName: ProjectRecord] = [:]
  var clusterRecords: [ClusterName: ClusterRecord] = [:]
  var nodeRecords: [NodeName: NodeRecord] = [:]
  var keysRecords: [NodeName: KeysRecord] = [:]
  var planRecords: [PlanID: PlanRecord] = [:]
  var alertRecords: [String: AlertRecord] = [:]
  var operatorRecords: [OperatorName: OperatorRecord] = [:]
  var addresses = IPList()
  var restoration: RestorationRecord?
  var mailRecords: [String: MailRecord] = [:]
  var mailServer: MailServerRecord?
  /// By the tokens' public halves.
  var tokenRecords: [String: TokenRecord] = [:]

  /// What is looked for in these records at each input.
  var index = RecordIndex()

  // Learned anew in each life.
  let startedAt: Instant
  var contacts: [NodeName: Contact] = [:]
  var deliveries: [CommandID: Delivery] = [:]
  var waiting: [PlanID: String] = [:]
  var schedules: [ProjectName: CheckSchedule] = [:]
  var mailsUnderWay: Set<MailKey> = []
  /// When whose calls to KMSs come.
  var slots: CallSlots
  /// Nodes that are to be asked to look at their key as soon as their slots come.
  var looksAwaited: Set<NodeName> = []
  /// When it was looked last whose keys are old, nil if not yet.
  var rotationsLookedAt: Instant?
  /// When open plans were last found to have grown older, and by how much since that was kept.
  var agedAt: Instant
  var unkeptAges: [PlanID: Duration] = [:]
  /// How much older access entries are than what was kept.
  var unkeptAccessAge = Duration.zero

  /// What changed about nodes' keys not long ago.
  var keyHistories: [NodeName: KeyHistory] = [:]
  /// What was seen of customer keys last, by project and key; never an outage.
  var keyVerdicts: [String: Verdict] = [:]
  /// What operators were refused to look at not long ago.
  var refusedLooks: [OperatorName: RefusedLooks] = [:]
  /// How often the answer to a spent token was given again.
  var tokenRepeats: [String: Int] = [:]

  /// Clusters that may be commanded although no majority of their nodes has said hello in this life.
  var taughtClusters: Set<ClusterName> = []

  /// Clusters whose assignment has to be worked out anew.
  var staleAssignments: Set<ClusterName> = []
  /// When something went into the audit record last, nil if nothing did in this life.
  var auditedAt: Instant?
  /// Whether the IP list has to be worked out anew.
  var addressesAreStale = true
  /// When the IP list was worked out last in this life.
  var addressesRefreshedAt: Instant?

  // What the input in hand has decided so far.
  var dirty: Set<RecordKey> = []
  var sends: [CoordinatorDirective] = []
  var auditEntries: [AuditEntry] = []

  /// Takes up what an earlier life persisted; throws `CoordinatorError` if the records contradict one another.
  ///
  /// `controlPlane` are the coordinator's own addresses (see `ControlPlaneAddress`), for the IP list;
  /// `identifiers` is the only randomness.
  public init(
    restored records: [StateRecord], epoch: Epoch, controlPlane: [String] = [], identifiers: IdentifierSource,
    now: Instant
  ) throws(CoordinatorError) {
    self.epoch = epoch
    self.controlPlane = controlPlane
    self.identifiers = identifiers
    startedAt = now
    agedAt = now
    slots = CallSlots(startedAt: now)
    for record in records { take(record) }
    try checkReferences()
    staleAssignments = Set(clusterRecords.keys)
    for node in nodeRecords.values { contacts[node.name] = Contact(report: node.report) }
  }

  private mutating func take(_ record: StateRecord) {
    switch record {
    case .project(let project): projectRecords[project.name] = project
    case .cluster(let cluster):
      clusterRecords[cluster.name] = cluster
      index.note(cluster)
    case .node(let node): nodeRecords[node.name] = node
    case .keys(let keys): keysRecords[keys.node] = keys
    case .plan(let plan):
      planRecords[plan.id] = plan
      index.note(plan)
    case .alert(let alert):
      alertRecords[alert.id] = alert
      index.note(alert)
    case .ipList(let list): addresses = list
    case .operatorKey(let known): operatorRecords[known.name] = known
    case .restoration(let found): restoration = found
    case .mail(let mail): mailRecords[mail.id] = mail
    case .mailServer(let record): mailServer = record
    case .token(let token): tokenRecords[token.publicKey] = token
    }
  }

  private func checkReferences() throws(CoordinatorError) {
    func damaged(_ what: String) -> CoordinatorError {
      CoordinatorError(
        .damagedState, what, why: "The stored records contradict one another.",
        next: "Restore the coordinator's store from a copy.")
    }
    for cluster in clusterRecords.values {
      guard projectRecords[cluster.project] != nil else {
        throw damaged("Cluster \(cluster.name) belongs to project \(cluster.project), which is not stored.")
      }
      for node in cluster.everyone where nodeRecords[node]?.cluster != cluster.name {
        throw damaged("Cluster \(cluster.name) has node \(node), which is not stored as its own.")
      }
    }
    for plan in planRecords.values where plan.isOpen && clusterRecords[plan.cluster] == nil {
      throw damaged("Plan \(plan.id) is for cluster \(plan.cluster), which is not stored.")
    }
    for node in nodeRecords.values {
      if let cluster = node.cluster, clusterRecords[cluster]?.everyone.contains(node.name) != true {
        throw damaged("Node \(node.name) belongs to cluster \(cluster), which does not know it.")
      }
    }
  }
}

// MARK: - What is decided in one input

extension CoordinatorCore {
  /// Ends an input: one transaction with everything that changed, then the messages that follow from it.
  mutating func flush() -> [CoordinatorDirective] {
    defer {
      dirty.removeAll()
      sends.removeAll()
      auditEntries.removeAll()
    }
    dropOvertakenAssignments()
    guard !dirty.isEmpty || !auditEntries.isEmpty else { return sends }
    let changes = dirty.sorted().map { key in record(at: key).map { .put($0) } ?? RecordChange.remove(key) }
    return [.persist(changes + auditEntries.map { .append($0) })] + sends
  }

  /// Of several assignments that one input decided for a node only the last is what is persisted.
  private mutating func dropOvertakenAssignments() {
    var seen: Set<NodeName> = []
    let kept = sends.reversed().filter { directive in
      guard case .sendAssignment(let node, _) = directive else { return true }
      return seen.insert(node).inserted
    }
    if kept.count < sends.count { sends = kept.reversed() }
  }

  private func record(at key: RecordKey) -> StateRecord? {
    switch key.kind {
    case .project: projectRecords[ProjectName(checked: key.id)].map { .project($0) }
    case .cluster: clusterRecords[ClusterName(checked: key.id)].map { .cluster($0) }
    case .node: nodeRecords[NodeName(checked: key.id)].map { .node($0) }
    case .keys: keysRecords[NodeName(checked: key.id)].map { .keys($0) }
    case .plan: planRecords[PlanID(checked: key.id)].map { .plan($0) }
    case .alert: alertRecords[key.id].map { .alert($0) }
    case .ipList: .ipList(addresses)
    case .operatorKey: operatorRecords[OperatorName(checked: key.id)].map { .operatorKey($0) }
    case .restoration: restoration.map { .restoration($0) }
    case .mail: mailRecords[key.id].map { .mail($0) }
    case .mailServer: mailServer.map { .mailServer($0) }
    case .token: tokenRecords[key.id].map { .token($0) }
    }
  }

  mutating func put(_ project: ProjectRecord) {
    guard projectRecords[project.name] != project else { return }
    projectRecords[project.name] = project
    staleAssignments.formUnion(clusters(of: project.name).map(\.name))
    addressesAreStale = true
    dirty.insert(RecordKey(kind: .project, id: project.name.text))
  }

  mutating func put(_ cluster: ClusterRecord) {
    let before = clusterRecords[cluster.name]
    guard before != cluster else { return }
    if before?.everyone != cluster.everyone || before?.joining != cluster.joining { addressesAreStale = true }
    clusterRecords[cluster.name] = cluster
    index.note(cluster)
    staleAssignments.insert(cluster.name)
    dirty.insert(RecordKey(kind: .cluster, id: cluster.name.text))
  }

  mutating func put(_ node: NodeRecord) {
    let before = nodeRecords[node.name]
    guard before != node else { return }
    if before?.cluster != node.cluster || before?.revokedAt != node.revokedAt { addressesAreStale = true }
    nodeRecords[node.name] = node
    dirty.insert(RecordKey(kind: .node, id: node.name.text))
  }

  mutating func put(_ plan: PlanRecord) {
    guard planRecords[plan.id] != plan else { return }
    planRecords[plan.id] = plan
    index.note(plan)
    dirty.insert(RecordKey(kind: .plan, id: plan.id.text))
  }

  mutating func put(_ alert: AlertRecord) {
    guard alertRecords[alert.id] != alert else { return }
    alertRecords[alert.id] = alert
    index.note(alert)
    dirty.insert(RecordKey(kind: .alert, id: alert.id))
  }
}
