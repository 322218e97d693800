// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel

/// A model of an agent: just enough of a node's life for plans to act on it.
final class SimulatedAgent {
  unowned let world: SimulatedWorld
  let name: NodeName
  let number: Int

  // On its disk.
  var generation: GenerationReport?
  var superseded = 0
  var results: [CommandID: CommandOutcome] = [:]
  var epoch: UInt64 = 0
  var rotations = 0

  // In its process.
  var alive = false
  var boot: BootID
  var phase = NodePhase.awaitingSettings
  var assignment: NodeAssignment?
  var addressesVersion: UInt64 = 0
  var work: WorkReport?
  var lastCheck: CheckReport?
  var lastCheckAt: Int64 = 0
  var role = MemberRole.secondary
  var term: UInt64 = 0
  var caughtUpAt: Int64 = 0
  /// Whether the node is out of service because a command asked for it.
  var isOutByCommand = false

  // The world's books.
  var linked = false
  var troubledAt: Int64 = -1_000_000

  init(world: SimulatedWorld, number: Int) {
    self.world = world
    self.number = number
    name = NodeName(checked: "node-\(number)")
    boot = BootID(checked: world.random.uuid())
  }

  var isServing: Bool { alive && phase == .serving }

  var report: NodeReport {
    var report = NodeReport(node: name, boot: boot, agentVersion: "simulated", phase: phase)
    let port = 20_000 + Int(boot.text.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 0x3FFF })
    report.replicationAddress = "10.0.0.\(number):\(port)"
    report.driverAddress = "10.0.0.\(number):27017"
    report.generation = generation
    report.supersededGenerations = superseded
    report.work = work
    report.assignmentVersion = assignment?.version ?? 0
    report.ipListVersion = addressesVersion
    report.lastCheck = lastCheck
    if phase == .serving {
      let applied = world.now >= caughtUpAt ? world.commitIndex : world.commitIndex / 2
      report.replication = ReplicationReport(
        role: role, term: term, primary: world.primary?.name, lastIndex: applied, commitIndex: applied,
        appliedIndex: applied)
    }
    return report
  }

  // MARK: Life

  /// Runs `body` later, if the process still lives its present life then.
  func later(_ range: ClosedRange<Int64>, _ body: @escaping (SimulatedAgent) -> Void) {
    let life = boot
    world.after(world.random.within(range)) { [unowned self] in
      if alive, boot == life { body(self) }
    }
  }

  func start() {
    guard !alive else { return }
    alive = true
    boot = BootID(checked: world.random.uuid())
    if world.random.chance(500) { results.removeAll() }
    (phase, assignment, addressesVersion, work, lastCheck) = (.awaitingSettings, nil, 0, nil, nil)
    role = .secondary
    if superseded > 0 { later(0...4000) { $0.superseded = 0 } }
    world.connect(self)
  }

  /// kill -9, or the process replacing itself.
  func die(byCommand: Bool, backIn range: ClosedRange<Int64>) {
    guard alive else { return }
    alive = false
    isOutByCommand = byCommand
    role = .secondary
    if !byCommand { troubledAt = world.now }
    world.disconnect(self)
    world.after(world.random.within(range)) { [unowned self] in start() }
  }

  func on(_ assignment: NodeAssignment) {
    guard assignment.version > self.assignment?.version ?? 0 else { return }
    self.assignment = assignment
    if let reason = assignment.disabledReason {
      if case .disabled = phase { return }
      if generation?.encrypted == true || phase == .serving { disable(reason) }
      return
    }
    switch phase {
    case .awaitingSettings, .disabled: open()
    default: break
    }
  }

  func disable(_ reason: String) {
    work = nil
    role = .secondary
    phase = .disabled(reason: reason)
  }

  /// Opens what is on disk, if the cluster is meant to run.
  func open() {
    guard let assignment, assignment.disabledReason == nil else { return }
    guard assignment.running else { return phase = .stopped }
    guard let generation else { return phase = .empty }
    if generation.encrypted, world.kms.mood != .valid {
      phase = .awaitingKMS(reason: "no answer")
      return later(3000...9000) { if case .awaitingKMS = $0.phase { $0.open() } }
    }
    phase = .opening
    later(100...2500) { agent in
      guard agent.phase == .opening else { return }
      agent.serve()
    }
  }

  func serve() {
    phase = .serving
    role = .secondary
    isOutByCommand = false
    caughtUpAt = world.now + world.random.within(0...6000)
    if generation?.encrypted == true { check() }
  }

  func check() {
    guard let assignment, generation?.encrypted == true else { return }
    lastCheck = world.kms.check(settingsVersion: assignment.settingsVersion, at: world.now)
    lastCheckAt = world.now
  }
}
