// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel

@testable import CoordinatorCore

/// The shell around the core, as the runtime is: directives in order, and death between any two of them.
extension SimulatedWorld {
  func input(_ body: (inout CoordinatorCore, Instant) -> [CoordinatorDirective]) {
    guard let process else { return }
    let directives = body(&process.core, instant)
    sabotage(&process.core)
    perform(directives)
  }

  /// An operator's order, nil if it was refused or the coordinator died over it, whatever it had written by then.
  func order<Value>(_ body: (inout CoordinatorCore, Instant) throws -> Decision<Value>) -> Value? {
    guard let process, let decision = try? body(&process.core, instant) else { return nil }
    let life = self.life
    perform(decision.directives)
    return life == self.life ? decision.value : nil
  }

  private func sabotage(_ core: inout CoordinatorCore) {
    switch broken {
    case .forgetLease: core.clusterRecords[Self.cluster]?.lease = nil
    case .ignoreHealth:
      for node in members {
        core.contacts[node.name]?.heardAt = instant
        core.contacts[node.name]?.connected = true
        core.contacts[node.name]?.report?.phase = .serving
        core.contacts[node.name]?.report?.work = nil
      }
    case .none, .sendBeforePersist, .forgetCommandIDs: break
    }
  }

  private func perform(_ directives: [CoordinatorDirective]) {
    var directives = directives
    if broken == .sendBeforePersist, directives.count > 1 { directives.append(directives.removeFirst()) }
    for directive in directives {
      if faults, random.chance(2) { return crashCoordinator(backIn: 500...25_000) }
      perform(directive)
    }
  }

  private func perform(_ directive: CoordinatorDirective) {
    switch directive {
    case .persist(let changes): persist(changes)
    case .sendCommand(let node, let command):
      checkSend(command, to: node)
      let epoch = life
      if let agent = member(node) { toAgent(agent) { $0.on(command, epoch: epoch) } }
    case .sendAssignment(let node, let assignment):
      checkOnDisk(assignment)
      if let agent = member(node) { toAgent(agent) { $0.on(assignment) } }
    case .sendIPList(let node, let list):
      if let agent = member(node) { toAgent(agent) { $0.addressesVersion = max($0.addressesVersion, list.version) } }
    case .checkKMS(let project, let version):
      let report = kms.check(settingsVersion: version, at: now)
      after(random.within(50...3000)) { [unowned self] in
        input { $0.onVerdict(project, report: report, now: $1) }
      }
    case .alertOpened, .alertClosed, .allowListChanged: break
    }
  }

  private func persist(_ changes: [RecordChange]) {
    for change in changes {
      switch change {
      case .put(let record):
        if case .plan(let plan) = record { checkProgress(of: plan) }
        if case .cluster(let cluster) = record { checkLockout(cluster) }
        disk[record.key] = record
      case .remove(let key): disk[key] = nil
      }
    }
    checkDisk()
  }

  func member(_ name: NodeName) -> SimulatedAgent? { members.first { $0.name == name } }

  func crashCoordinator(backIn range: ClosedRange<Int64>) {
    guard process != nil else { return }
    process = nil
    life += 1
    for agent in members where agent.linked {
      agent.linked = false
      connect(agent)
    }
    after(random.within(range)) { [unowned self] in startCoordinator() }
  }

  /// Starts from what is on disk alone, through the same JSON the store keeps.
  func startCoordinator() {
    guard process == nil else { return }
    do {
      let records = try disk.keys.sorted().compactMap { key in
        try disk[key].map { try StateRecord(key: key, json: $0.json()) }
      }
      let core = try CoordinatorCore(
        restored: records, epoch: Epoch(number: life + 1, incarnation: random.next()), controlPlane: ["10.0.0.100"],
        identifiers: IdentifierSource(high: random.next(), low: random.next()), now: instant)
      process = CoordinatorProcess(core: core)
      if broken == .forgetCommandIDs { forgetCommandIDs() }
    } catch { fail("the coordinator can't start again: \(error)") }
  }

  /// What a coordinator would do that does not write the ids of its commands down.
  private func forgetCommandIDs() {
    guard let process else { return }
    for (id, plan) in process.core.planRecords where plan.isOpen {
      var plan = plan
      for index in plan.steps.indices {
        guard let command = plan.steps[index].command else { continue }
        plan.steps[index].command = NodeCommand(
          id: CommandID(checked: random.uuid()), plan: command.plan, action: command.action)
      }
      process.core.planRecords[id] = plan
    }
  }
}
