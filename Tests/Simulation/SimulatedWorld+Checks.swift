// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel

@testable import CoordinatorCore

/// What must hold at every step, judged from the outside: from the disk, the messages and the nodes themselves.
extension SimulatedWorld {
  /// A member may have been in trouble this long before a coordinator can know and its last messages have arrived.
  static let newsDelay: Int64 = 20_000

  var storedPlans: [PlanRecord] {
    disk.values.compactMap { if case .plan(let plan) = $0 { plan } else { nil } }.sorted { $0.sequence < $1.sequence }
  }

  var storedCluster: ClusterRecord? {
    if case .cluster(let cluster) = disk[RecordKey(kind: .cluster, id: Self.cluster.text)] { cluster } else { nil }
  }

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
    if case .resync = command.action { checkOthersServe(node, because: "re-sync") }
  }

  func checkOnDisk(_ assignment: NodeAssignment) {
    if storedCluster?.assignment != assignment { fail("an assignment was sent before it was persisted") }
  }

  /// At most one plan of a cluster has a step under way, and it holds the lease.
  func checkDisk() {
    let working = storedPlans.filter { $0.isOpen && !$0.isAtBoundary }
    if working.count > 1 { fail("two plans at once: \(working.map(\.kind.title))") }
    if let plan = working.first, storedCluster?.lease != plan.id { fail("a plan works without the lease") }
  }

  /// Only a revocation locks a cluster out, however long the KMS can't be asked.
  func checkLockout(_ cluster: ClusterRecord) {
    guard cluster.lockout != nil, storedCluster?.lockout == nil else { return }
    guard let revokedAt = kms.revokedAt, now - revokedAt < 20 * 60_000 else {
      return fail("locked out without a revocation")
    }
  }

  /// What is done stays done, and a plan that succeeded did what it was for.
  func checkProgress(of plan: PlanRecord) {
    if case .plan(let before) = disk[RecordKey(kind: .plan, id: plan.id.text)] {
      let done = before.steps.count { $0.state == .done }
      if plan.steps.count(where: { $0.state == .done }) < done { fail("a step that was done is not any more") }
      if !before.isOpen, plan != before { fail("a finished plan changed") }
    }
    guard plan.outcome == .succeeded, !finished.contains(plan.id) else { return }
    finished.insert(plan.id)
    if plan.kind == .encrypt, let plain = members.first(where: { $0.generation?.encrypted != true }) {
      fail("encrypt succeeded although \(plain.name) is plain")
    }
    let rotations = storedPlans.count { $0.kind == .rotateMasterKeys && $0.outcome == .succeeded && $0.id != plan.id }
    guard plan.kind == .rotateMasterKeys else { return }
    for agent in members where agent.rotations != rotations + 1 {
      fail("after \(rotations + 1) rotations \(agent.name) has replaced its keystore \(agent.rotations) times")
    }
  }

  /// Judged at every moment from the nodes themselves.
  func checkNodes() {
    let copying = members.filter { $0.alive && $0.work != nil }
    if copying.count > 1 { fail("\(copying.count) nodes re-sync at once") }
    let out = members.filter { $0.isOutByCommand && !$0.isServing && $0.phase != .stopped && !$0.isLockedOut }
    if out.count > 1 { fail("\(out.count) nodes are out of service because of plans") }
  }

  /// A node goes out of service because of a command: all others have to serve, but for trouble nobody could know of.
  func noteOutage(of agent: SimulatedAgent, because what: String) { checkOthersServe(agent.name, because: what) }

  private func checkOthersServe(_ node: NodeName, because what: String) {
    for other in members where other.name != node && !other.isServing {
      if now - other.troubledAt > Self.newsDelay {
        fail("\(what) of \(node) although \(other.name) is \(other.alive ? other.phase.name : "dead")")
      }
    }
  }

  /// After the faults have ended and every plan had its time.
  func checkEnd() {
    for plan in storedPlans where plan.isOpen {
      let reason = core?.waitingReason(of: plan.id) ?? "no reason given"
      return fail("the plan to \(plan.kind.title) did not finish: \(reason)")
    }
    guard let cluster = storedCluster else { return fail("the cluster is gone") }
    for agent in members {
      if agent.assignment != cluster.assignment { fail("\(agent.name) follows an old assignment") }
      if agent.addressesVersion != core?.ipList.version { fail("\(agent.name) holds an old IP list") }
      if cluster.running, !agent.isServing { fail("\(agent.name) does not serve: \(agent.phase.name)") }
      if cluster.encryptionWanted, agent.generation?.encrypted != true { fail("\(agent.name) is plain") }
      if let distrust = core?.nodeRecords[agent.name]?.distrust { fail("\(agent.name) is distrusted: \(distrust)") }
    }
    if cluster.running, primary == nil { fail("no primary") }
  }
}

extension SimulatedAgent {
  var isLockedOut: Bool {
    if case .disabled = phase { return true }
    if case .awaitingKMS = phase { return true }
    return false
  }
}
