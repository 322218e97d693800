// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import CoordinatorCore
internal import KeyHierarchy
internal import ReplicationCore

/// What must hold at every step, judged from the outside: from disks, messages and the processes themselves.
extension SimulatedWorld {
  /// How long a member may be out of service before a coordinator knows: its last word may be late and come twice, then
  /// it is not missed for `CoordinatorLimits.silence`, and that is looked at once a second.
  private var newsDelay: Int64 { profile.latest + 4000 + Int64(CoordinatorLimits.silence / .milliseconds(1)) + 2000 }
  /// How long after the KMS said revoked a lock-out may follow from it.
  static let revocationMemory: Int64 = 25 * 60_000

  var storedPlans: [PlanRecord] {
    coordinator.records.values.compactMap { if case .plan(let plan) = $0 { plan } else { nil } }
      .sorted { $0.sequence < $1.sequence }
  }

  var storedCluster: ClusterRecord? {
    let key = RecordKey(kind: .cluster, id: Self.cluster.text)
    if case .cluster(let cluster) = coordinator.records[key] { return cluster }
    return nil
  }

  // MARK: Decisions

  /// Nothing is sent whose decision is not on disk, and an id never changes its meaning.
  func checkSend(_ command: NodeCommand, to node: NodeName) {
    if command.plan == nil, command.action == .checkKMS { return }
    let ofPlan = storedPlans.contains { plan in
      plan.isOpen && plan.steps.contains { $0.command == command && $0.node == node && $0.state == .running }
    }
    let ofLockout = storedCluster?.lockout?.commands[node] == command.id
    if !ofPlan, !ofLockout { fail("sent before it was persisted: \(command.action.name) to \(node)") }
    if let known = askedActions[command.id], known.node != node || known.action != command.action {
      fail("command \(command.id) changed its meaning")
    }
    askedActions[command.id] = (node, command.action)
    switch command.action {
    case .restart, .resync: checkOthersServe(node, because: command.action.name)
    default: break
    }
  }

  func checkOnDisk(_ assignment: NodeAssignment) {
    var decided = storedCluster?.assignment
    decided?.held = assignment.held
    if assignment.notApprovedReason != nil {
      // A node that is refused gets no KMS settings, but for a copy.
      decided?.notApprovedReason = assignment.notApprovedReason
      if assignment.kms == nil {
        decided?.kms = nil
        decided?.formerKMS = nil
      }
    }
    if decided != assignment { fail("an assignment was sent before it was persisted") }
  }

  func checkChange(_ record: StateRecord) {
    switch record {
    case .plan(let plan): checkProgress(of: plan)
    case .cluster(let cluster): checkLockout(cluster)
    case .project(let project): checkLedger(project)
    default: break
    }
  }

  /// At most one plan of a cluster has a step under way, and it holds the lease.
  func checkPlans() {
    let working = storedPlans.filter { plan in plan.isOpen && plan.steps.contains { $0.state == .running } }
    if working.count > 1 { fail("two plans at once: \(working.map(\.kind.title))") }
    if let plan = working.first, storedCluster?.lease != plan.id { fail("a plan works without the lease") }
  }

  /// Only a revocation seen by coordinator and node locks a cluster out, however long the KMS can't be asked.
  private func checkLockout(_ cluster: ClusterRecord) {
    guard cluster.lockout != nil, storedCluster?.lockout == nil else { return }
    note("the cluster is locked out")
    statistics.count("lock-out")
    func wasTold(_ place: Int) -> Bool { kms.toldRevokedAt[place].map { now - $0 < Self.revocationMemory } ?? false }
    if !wasTold(coordinatorPlace) || !nodes.contains(where: { wasTold($0.index) }) {
      fail("locked out without a revocation that two vantage points saw")
    }
  }

  /// What is done stays done, and a plan that succeeded did what it was for.
  private func checkProgress(of plan: PlanRecord) {
    if case .plan(let before) = coordinator.records[RecordKey(kind: .plan, id: plan.id.text)] {
      let done = before.steps.count { $0.state == .done }
      if plan.steps.count(where: { $0.state == .done }) < done { fail("a step that was done is not any more") }
      if !before.isOpen, plan != before { fail("a finished plan changed") }
    } else {
      note("plan to \(plan.kind.title)")
      plansMadeAt[plan.id] = now
      if plan.kind == .decrypt { wasEncrypted = false }
    }
    guard !plan.isOpen, !finishedPlans.contains(plan.id) else { return }
    finishedPlans.insert(plan.id)
    note("the plan to \(plan.kind.title) ended: \(plan.outcome.map { "\($0)" } ?? "")")
    if case .rolledBack = plan.outcome { checkDeadline(of: plan) }
    checkLeft(plan)
    guard plan.outcome == .succeeded else { return }
    if plan.kind == .encrypt { (wasEncrypted, plainLeaver) = (true, storedCluster?.leaving) }
    statistics.count(plan.kind.title)
    // A node that has lost its data has none that is plain.
    if plan.kind == .encrypt, let plain = memberNodes.first(where: { $0.disk.generations.contains(where: \.isPlain) }) {
      fail("encrypt succeeded although \(plain.name) is plain")
    }
    if plan.kind == .decrypt,
      let left = memberNodes.first(where: { node in node.disk.generations.contains(where: \.isEncrypted) })
    {
      fail("decrypt succeeded although \(left.name) has an encrypted generation")
    }
    guard plan.kind == .rotateMasterKeys else { return }
    let rotations = storedPlans.count { $0.kind == .rotateMasterKeys && $0.outcome == .succeeded && $0.id != plan.id }
    for node in memberNodes where !node.joined && node.rotations < rotations + 1 {
      fail("after \(rotations + 1) rotations \(node.name) has replaced its master key \(node.rotations) times")
    }
  }

  /// No clock that is set ahead gives a cluster up.
  private func checkDeadline(of plan: PlanRecord) {
    guard plan.kind == .create, let madeAt = plansMadeAt[plan.id] else { return }
    let deadline = Int64(CoordinatorLimits.createDeadline / .milliseconds(1))
    if now - madeAt < deadline { fail("the cluster is given up after \((now - madeAt) / 1000) s") }
  }

  private func isEncrypted(_ node: SimulatedNode) -> Bool {
    node.disk.current.flatMap(node.disk.files)?.isEncrypted == true
  }

  // MARK: Nodes

  /// A node is asked to go out of service, or to copy, because of a plan: all others have to serve as full members, but
  /// for trouble that nobody could know of. What comes of the order, minutes later perhaps, no coordinator knows.
  private func checkOthersServe(_ name: NodeName, because what: String) {
    for other in memberNodes where other.name != name && now - other.wellAt > newsDelay {
      fail("a \(what) of \(name) is asked for although \(other.name) \(other.process?.core.phase.name ?? "is dead")")
    }
  }

  /// A voter goes down for a plan, however late the order came: no other one may be down for one.
  func checkRestarts(_ place: Int) {
    func isVoter(_ node: SimulatedNode) -> Bool { oracle.membership?.voters.contains(node.name) ?? true }
    for other in nodes where other.index != place && other.isRestarting && isVoter(other) && isVoter(nodes[place]) {
      fail("\(nodes[place].name) restarts while \(other.name) is down for a restart")
    }
    nodes[place].isRestarting = true
  }

  /// A command of a coordinator that was replaced changes nothing.
  func checkObedience(of node: SimulatedNode, to epoch: Epoch, _ directives: [AgentDirective]) {
    guard let life = node.process else { return }
    if epoch.number >= life.highestEpoch { return life.highestEpoch = epoch.number }
    let isRefused = directives.allSatisfy { directive in
      if case .reply(let result) = directive, case .refused = result.outcome { true } else { false }
    }
    statistics.count("older epoch")
    if !isRefused { fail("\(node.name) obeys epoch \(epoch.number) after \(life.highestEpoch)") }
  }

  /// A node is disabled only by a revocation: one that it saw itself, or a lock-out.
  func look(at node: SimulatedNode) {
    let isPlainLeaver = node.name == plainLeaver && storedCluster?.leaving == plainLeaver
    if wasEncrypted, !isPlainLeaver, let files = node.process?.opened, files.isPlain {
      fail("\(node.name) serves plain data again")
    }
    if node.isWell { (node.wellAt, node.isRestarting) = (now, false) }
    guard let life = node.process, case .disabled(let reason) = life.core.phase else { return }
    if life.wasDisabled { return }
    life.wasDisabled = true
    statistics.count("disabled")
    note("\(node.name) is disabled: \(reason)")
    let saw = kms.toldRevokedAt[node.index].map { now - $0 < Self.revocationMemory } ?? false
    if !saw, !wasLockedOut { fail("\(node.name) is disabled without a revocation: \(reason)") }
  }

  private var wasLockedOut: Bool {
    kms.toldRevokedAt[coordinatorPlace].map { now - $0 < 2 * Self.revocationMemory } ?? false
  }

  func acknowledged(_ count: Int) {
    statistics.acknowledged += count
    if !isFaulty { hasWrittenInCalm = true }
  }

  // MARK: The end

  /// What is not yet as it has to be once all faults have ended; nil if nothing is left.
  var unsettled: String? {
    guard orders.isEmpty else { return "\(orders.count) orders could not be given" }
    if let plan = storedPlans.first(where: \.isOpen) {
      return "the plan to \(plan.kind.title) did not end: "
        + (coordinator.core?.waitingReason(of: plan.id) ?? "and no reason is given") + "; \(rollCall)"
    }
    guard let cluster = storedCluster else { return "the cluster is gone" }
    for node in memberNodes { if let reason = unsettled(node, cluster) { return reason } }
    if let reason = unsettledStrangers { return reason }
    guard cluster.running else { return "the cluster does not run" }
    if let reason = unsettledKeys { return reason }
    if let reason = unrecordedKeyUse { return reason }
    return unsettledShard
  }

  /// Where every node stands, and what the coordinator knows of that.
  private var rollCall: String {
    nodes.map { node in
      let phase = node.process.map { $0.core.phase.name } ?? "dead"
      let heard = coordinator.core?.isHeard(node.name, now: coordinator.now) == true ? "" : ", not heard"
      let link = node.process?.link == nil ? ", no link" : ""
      let waits = coordinator.core?.waitingReport(of: node.name) == nil ? "" : ", another waits"
      let old = node.process?.follows(storedCluster?.assignment) == true ? "" : ", old assignment"
      let distrust = (try? coordinator.core?.node(named: node.name))?.distrust == nil ? "" : ", distrusted"
      let place =
        node.process?.member.map { member in
          let peers = member.core.peers(now: member.now).map { "\($0.member) at \($0.match)\($0.needsSync ? "!" : "")" }
          let known = peers.isEmpty ? "" : "knows \(peers.joined(separator: ", ")), "
          return ", \(known)\(member.core.role) of term \(member.core.term) at \(member.core.lastPosition), "
            + "committed \(member.core.commitIndex)\(member.core.isRecovering ? ", recovering" : "")"
        } ?? ""
      return "\(node.name) is \(phase)\(place)\(heard)\(link)\(waits)\(old)\(distrust)"
    }.joined(separator: "; ")
  }

  private func unsettled(_ node: SimulatedNode, _ cluster: ClusterRecord) -> String? {
    guard let life = node.process, node.isServing else {
      return "\(node.name) does not serve: \(node.process?.core.phase.name ?? "dead"); \(rollCall)"
    }
    if !life.follows(cluster.assignment) { return "\(node.name) follows an old assignment" }
    if life.ipListVersion != coordinator.core?.ipList.version { return "\(node.name) holds an old IP list" }
    if cluster.encryptionWanted != isEncrypted(node) {
      return "\(node.name) is \(cluster.encryptionWanted ? "plain" : "encrypted")"
    }
    if node.disk.generations.count > 1 { return "\(node.name) has a superseded generation" }
    guard let record = try? coordinator.core?.node(named: node.name) else { return "\(node.name) is unknown" }
    if let distrust = record.distrust { return "\(node.name) is distrusted: \(distrust)" }
    if let report = life.opened?.report, record.generation != report {
      return "the coordinator records another keystore of \(node.name)"
    }
    if let key = life.opened?.keystore?.masterKeyID, record.masterKeys.last?.id != key {
      return "\(node.name) encrypts under a master key that is not recorded"
    }
    return nil
  }

  private var unsettledShard: String? {
    let leaders = memberNodes.filter { $0.process?.member?.core.acceptsProposals == true }
    guard leaders.count == 1, let core = leaders.first?.process?.member?.core else { return "no primary" }
    guard hasWrittenInCalm else { return "no write was acknowledged" }
    for node in memberNodes {
      guard let other = node.process?.member?.core else { return "\(node.name) has no member" }
      if other.isRecovering { return "\(node.name) still recovers" }
      if other.commitIndex + 20 < core.commitIndex || other.term != core.term { return "\(node.name) is behind" }
    }
    return nil
  }

  /// Nothing that was acknowledged may be missing from any member's data, once all of them have caught up.
  func checkData() {
    for node in memberNodes {
      guard let member = node.process?.member else { continue }
      do {
        try oracle.checkAcknowledged(node.name, applied: member.core.appliedIndex, chain: member.appliedChain)
      } catch { fail("\(error)") }
      if member.core.ignored.contradictions != 0, givenUpFor == nil { fail("\(node.name) saw a contradiction") }
    }
  }
}

extension AgentProcess {
  /// Whether it goes by this assignment of its cluster; what it is told of itself stands in none.
  fileprivate func follows(_ assignment: NodeAssignment?) -> Bool {
    var own = core.assignment
    own?.held = nil
    return own == assignment
  }
}
