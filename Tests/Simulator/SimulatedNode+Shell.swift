// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import CoordinatorCore
internal import ReplicationCore

/// The shell of an agent, as `AgentShell` is: performs directives in order, what takes time on its own.
extension SimulatedNode {
  func perform(_ directives: [AgentDirective]) {
    guard let life = process else { return }
    for directive in directives {
      guard process === life else { return }
      switch directive {
      case .updatePeers(let assignment):
        for member in assignment.members { life.peers[member.node] = member.replicationAddress }
      case .open: job { [unowned self] _ in try open() }
      case .formShard(let voters): job { [unowned self] _ in try formShard(voters) }
      case .close: job { [unowned self] in close($0) }
      case .resync(let id, let encrypted): job { [unowned self] _ in try resync(id, encrypted: encrypted) }
      case .rebuild(let id, let order): job { [unowned self] _ in try rebuild(id, order) }
      case .watchLockOut: break
      case .endCopy: break  // A copy ends when it is looked at next.
      case .rotateMasterKey(let id): job { [unowned self] _ in rotate(id) }
      case .rewrapMasterKey(let id, let version): job { [unowned self] in rewrap(id, settingsVersion: version, $0) }
      case .stepDown(let id): job { [unowned self] in try handOver(id, $0) }
      case .addMember(let id, let node): job { [unowned self] in try change(.addLearner(node), id, $0) }
      case .removeMember(let id, let node): job { [unowned self] in try change(.remove(node), id, $0) }
      case .destroyEverything: job { [unowned self] in try destroyEverything($0) }
      case .forceSoleVoter(let id, let lastIndex):
        job { [unowned self] in try forceSoleVoter(id, lastIndex: lastIndex, $0) }
      case .check(let scheduled): job { [unowned self] in check(scheduled: scheduled, $0) }
      case .replaceProcessImage: job { [unowned self] _ in replaceProcessImage() }
      case .reply(let result): reply(result)
      case .report: report()
      case .hello: sayHello()
      }
    }
    world.look(at: self)
  }

  private func job(_ body: @escaping (AgentProcess) throws -> Void) { later(world.dice.within(0...10), body) }

  /// The process takes its own place: another life, nothing lost.
  private func replaceProcessImage() {
    world.note("\(name) replaces its process image")
    for files in disk.generations { files.store.sync() }
    end()
    world.after(world.dice.within(100...1500)) { [unowned self] in start() }
  }

  private func handOver(_ id: CommandID, _ life: AgentProcess) throws {
    guard let member = life.member else { return finish(id, .failed(reason: "the engine is closed")) }
    guard member.core.role == .leader else { return finish(id, .done) }
    if let refusal = try member.handOver() { return finish(id, .failed(reason: refusal)) }
    world.statistics.count("hand-over")
    finish(id, .done)
  }

  private func forceSoleVoter(_ id: CommandID, lastIndex: UInt64, _ life: AgentProcess) throws {
    guard let member = life.member else { return finish(id, .failed(reason: "the engine is closed")) }
    let refusal = try member.forceSoleVoter(lastIndex: lastIndex)
    finish(id, refusal.map { .failed(reason: $0) } ?? .done)
  }

  func finish(_ id: CommandID, _ outcome: CommandOutcome, generation: GenerationReport? = nil) {
    guard let life = process else { return }
    life.stage = nil
    perform(
      life.core.onWorkFinished(
        id, outcome: outcome, generation: generation ?? life.opened?.report, now: monotonic(life)))
  }

  // MARK: The coordinator's link

  func connect() {
    let life = process
    world.after(world.dice.within(20...1500)) { [unowned self] in
      guard let life, process === life, life.link == nil else { return }
      let place = world.coordinatorPlace
      let isCut = world.isFaulty && (world.cuts.contains(index * 16 + place) || world.cuts.contains(place * 16 + index))
      // Without a coordinator there is no link, and an unknown key completes no handshake.
      guard !isCut, pausedUntil <= world.now, world.coordinator.admits(name) else { return connect() }
      life.link = SimulatedLink(id: world.dice.next())
      perform(life.core.onCoordinator(connected: true))
      keyUses.onLink()
      sayHello()
    }
  }

  private func sayHello() {
    guard let life = process else { return }
    let (report, epoch) = (nodeReport(life), life.core.epoch)
    toCoordinator(mayBeLost: false) { $0.greet(self, report, highestEpoch: epoch, link: $1) }
  }

  /// The coordinator knows nobody on a link that this process spoke on.
  func hearUnknown(link: UInt64) {
    guard let life = process, life.link?.id == link else { return }
    perform(life.core.onUnknownLink(now: monotonic(life)))
  }

  /// The link ends; the coordinator notices sooner or later, or never.
  func dropLink() {
    guard let life = process, let link = life.link else { return }
    life.link = nil
    _ = life.core.onCoordinator(connected: false)
    guard world.dice.chance(800) else { return }
    let coordinatorLife = world.coordinator.process
    world.after(world.dice.within(1...1500)) { [unowned self] in
      world.coordinator.enter(coordinatorLife) { $0.linkEnded(link.id) }
    }
  }

  /// A message to the coordinator on the present link.
  func toCoordinator(mayBeLost: Bool = true, _ body: @escaping (SimulatedCoordinator, UInt64) -> Void) {
    guard let link = process?.link else { return }
    let coordinator = world.coordinator
    let life = coordinator.process
    world.travel(from: index, to: world.coordinatorPlace, mayBeLost: mayBeLost) {
      coordinator.enter(life) { body($0, link.id) }
    }
  }

  private func reply(_ result: CommandResult) {
    world.note("\(name) answers \(result.command.text.prefix(4)): \(result.outcome)")
    let name = name
    toCoordinator { $0.hearResult(result, of: name, link: $1) }
  }

  func report() {
    guard let life = process, life.link != nil else { return }
    let report = nodeReport(life)
    toCoordinator { $0.hearReport(report, link: $1) }
    reportKeyUses(life)
  }

  func nodeReport(_ life: AgentProcess) -> NodeReport {
    var report = NodeReport(node: name, boot: life.core.boot, agentVersion: "simulated", phase: life.core.phase)
    report.driverAddress = "10.0.0.\(index + 1):27017"
    report.replicationAddress = life.address
    report.generation = life.opened?.report ?? life.core.generation
    report.supersededGenerations = disk.superseded(by: report.generation?.id).count
    let others = disk.generations.filter { $0.id != report.generation?.id && $0.isEncrypted }
    report.otherGenerations = others.isEmpty ? nil : others.map(\.report)
    report.replication = life.member.flatMap { $0.isClosed ? nil : $0.report }
    if let command = life.core.runningWork, let stage = life.stage {
      report.work = WorkReport(
        command: command, stage: stage, documentsDone: 0, documentsTotal: 1000, bytesDone: 0,
        startedAtMilliseconds: life.stageSince)
    }
    report.assignmentVersion = life.core.assignment?.version ?? 0
    report.ipListVersion = life.ipListVersion
    report.lastCheck = life.core.lastCheck
    report.damage = life.core.damage
    report.clockMilliseconds = wallClock
    report.restartProof = life.core.restartProof
    return report
  }

  // MARK: What the coordinator says

  func receive(_ command: NodeCommand, epoch: Epoch) {
    guard let life = process else { return }
    var heard = epoch
    if world.profile.broken == .acceptOlderEpoch, let known = life.core.epoch, known.number > epoch.number {
      heard = known
    }
    world.note("\(name) gets \(command.action.name) \(command.id.text.prefix(4)), epoch \(epoch.number)")
    let wasServing = life.core.isServing
    let directives = life.core.onCommand(command, epoch: heard, now: monotonic(life))
    world.checkObedience(of: self, to: epoch, directives)
    if wasServing, !life.core.isServing, case .restart = command.action { world.checkRestarts(index) }
    perform(directives)
  }

  func receive(_ assignment: NodeAssignment, epoch: Epoch) {
    guard let life = process else { return }
    var heard = epoch
    if world.profile.broken == .acceptOlderEpoch, let known = life.core.epoch, known.number > epoch.number {
      heard = known
    }
    if life.core.onEpoch(heard) != nil { return world.statistics.count("older epoch") }
    if epoch.number < life.highestEpoch {
      return world.fail("\(name) follows an assignment of epoch \(epoch.number) after \(life.highestEpoch)")
    }
    life.highestEpoch = epoch.number
    if let known = life.core.assignment, assignment.version < known.version { return }
    perform(life.core.onAssignment(assignment, now: monotonic(life)))
  }
}
