// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore

/// A running coordinator; the core is changed in place.
final class CoordinatorProcess {
  var core: CoordinatorCore
  /// The link of each process's last hello, and which process of which node is behind each link.
  var routes: [BootID: UInt64] = [:]
  var speakers: [UInt64: (node: NodeName, boot: BootID)] = [:]
  init(core: CoordinatorCore) { self.core = core }
}

/// The coordinator: its disk, its clock, and while it runs its shell, as `Coordinator` is: directives in order, what is
/// to be remembered first, and death between any two of them.
final class SimulatedCoordinator {
  unowned let world: SimulatedWorld
  var records: [RecordKey: StateRecord] = [:]
  var epoch: UInt64 = 0
  var process: CoordinatorProcess?
  /// A copy that somebody made of its store.
  private var copy: (records: [RecordKey: StateRecord], epoch: UInt64, keyUses: Set<String>)?
  var clockOffset: Int64 = 0
  var pausedUntil: Int64 = 0

  init(world: SimulatedWorld) { self.world = world }

  var now: Instant { Instant(milliseconds: SimulatedWorld.epochStart + world.now + clockOffset) }
  var core: CoordinatorCore? { process?.core }

  func enter(_ life: CoordinatorProcess?, _ body: @escaping (SimulatedCoordinator) -> Void) {
    guard let life, process === life, world.violation == nil else { return }
    if pausedUntil > world.now {
      return world.after(pausedUntil - world.now) { [unowned self] in enter(life, body) }
    }
    body(self)
  }

  func admits(_ node: NodeName) -> Bool {
    pausedUntil <= world.now && (try? core?.node(named: node)) != nil
  }

  func input(_ body: (inout CoordinatorCore, Instant) -> [CoordinatorDirective]) {
    guard let process else { return }
    let directives = body(&process.core, now)
    perform(directives)
  }

  /// An operator's order, nil if it was refused or the coordinator died over it, whatever it had written by then.
  func order<Value>(_ body: (inout CoordinatorCore, Instant) throws -> Decision<Value>) -> Value? {
    guard let life = process, pausedUntil <= world.now else { return nil }
    do {
      let decision = try body(&life.core, now)
      perform(decision.directives)
      return process === life ? decision.value : nil
    } catch {
      world.note("refused: \(error)")
      return nil
    }
  }

  private func perform(_ directives: [CoordinatorDirective]) {
    var directives = directives
    if world.profile.broken == .sendBeforePersist, directives.count > 1 { directives.append(directives.removeFirst()) }
    let life = process
    for directive in directives {
      if world.isFaulty, world.profile.coordinatorCrashes, world.dice.chance(1) { return crash(backIn: 500...25_000) }
      perform(directive)
      guard process === life else { return }
    }
  }

  private func perform(_ directive: CoordinatorDirective) {
    switch directive {
    case .persist(let changes): persist(changes)
    case .sendCommand(let name, let command):
      world.checkSend(command, to: name)
      send(to: name) { $0.receive(command, epoch: $1) }
    case .sendAssignment(let name, let assignment):
      world.checkOnDisk(assignment)
      send(to: name) { $0.receive(assignment, epoch: $1) }
    case .sendIPList(let name, let list):
      send(to: name) { node, _ in
        guard let life = node.process, list.version > life.ipListVersion else { return }
        life.ipListVersion = list.version
        node.report()
      }
    case .checkKMS(_, let version, _): check(version)
    // Its nodes are few, and ask for no slots: the fleet's do.
    case .grantSlot: break
    case .tellKeyUsesTaken(let name, let mark): send(to: name) { node, _ in node.onKeyUsesTaken(mark) }
    case .alertOpened(let alert):
      world.note("alert: \(alert.text)")
      world.decideSoon(on: alert)
    case .refuse(let name, let boot, _): world.note("\(name) is refused: boot \(boot)")
    case .alertClosed, .allowListChanged, .tellAuditHead, .sendMail: break
    }
  }

  /// Sends on the link of the process that has the node's place; what is on its way arrives even if the coordinator is
  /// gone by then.
  private func send(to name: NodeName, _ body: @escaping (SimulatedNode, Epoch) -> Void) {
    guard let process, let boot = process.core.liveBoot(of: name), let route = process.routes[boot],
      let node = world.node(name), node.process?.link?.id == route
    else { return }
    let (life, epoch) = (node.process, process.core.epoch)
    world.travel(from: world.coordinatorPlace, to: node.index) { node.enter(life) { _ in body(node, epoch) } }
  }

  private func check(_ version: UInt64) {
    let startedAt = now.milliseconds
    guard
      let key = (try? core?.project(named: SimulatedWorld.project))?.custody(settingsVersion: version)?.settings.keyID
    else { return }
    let verdict = world.kms.verdict(for: world.coordinatorPlace, of: key, clockOffset: clockOffset, now: world.now)
    let report = SimulatedKMS.report(verdict, of: key, settingsVersion: version, at: startedAt)
    let life = process
    world.after(world.dice.within(50...3000)) { [unowned self] in
      enter(life) { $0.input { $0.onVerdict(SimulatedWorld.project, report: report, now: $1) } }
    }
  }

  // MARK: What nodes say

  func greet(_ node: SimulatedNode, _ report: NodeReport, highestEpoch: Epoch?, link: UInt64) {
    guard let process else { return }
    let isAhead = highestEpoch.map { process.core.isAheadOfStore($0) } ?? false
    if let seen = highestEpoch, isBeyond(seen, process.core.epoch) { takeOver(above: seen) }
    if let old = process.routes[report.boot] { process.speakers[old] = nil }
    process.routes[report.boot] = link
    process.speakers[link] = (node.name, report.boot)
    let report = asHeard(report)
    input { $0.onHello(node.name, report: report, isAheadOfStore: isAhead, now: $1) }
  }

  /// Whether a node follows an epoch that commands of `own` would not get past.
  private func isBeyond(_ seen: Epoch, _ own: Epoch) -> Bool {
    seen.number > own.number || (seen.number == own.number && seen != own)
  }

  /// A result of the process that has the node's place.
  func hearResult(_ result: CommandResult, of name: NodeName, link: UInt64) {
    guard let process, let speaker = process.speakers[link], process.core.liveBoot(of: name) == speaker.boot else {
      return
    }
    input { $0.onCommandResult(name, result: result, now: $1) }
  }

  func hearReport(_ report: NodeReport, link: UInt64) {
    guard let speaker = process?.speakers[link] else { return sayUnknown(report.node, link: link) }
    guard speaker.boot == report.boot else { return }
    let heard = asHeard(report)
    input { $0.onHeartbeat(heard.node, report: heard, now: $1) }
  }

  /// Nobody said hello on this link.
  private func sayUnknown(_ name: NodeName, link: UInt64) {
    guard let node = world.node(name) else { return }
    let life = node.process
    world.travel(from: world.coordinatorPlace, to: node.index) {
      node.enter(life) { _ in node.hearUnknown(link: link) }
    }
  }

  /// What the coordinator takes from a report.
  func asHeard(_ report: NodeReport) -> NodeReport {
    if world.profile.broken == .keysSurviveLeaving, report.generation == nil {
      var report = report
      (report.supersededGenerations, report.otherGenerations) = (0, nil)
      return report
    }
    if world.profile.broken == .leaveBeforeRetired, let plan = world.storedPlans.first(where: \.isOpen),
      plan.kind == .removeNode
    {
      var report = report
      report.replication?.members?.removeAll { $0 == plan.subject }
      return report
    }
    guard world.profile.broken == .ignoreHealth, report.generation != nil else { return report }
    var report = report
    report.phase = .serving
    report.damage = []
    if report.replication == nil {
      report.replication = ReplicationReport(
        role: .secondary, term: 1, primary: nil, lastIndex: .max / 8, commitIndex: .max / 8, appliedIndex: .max / 8)
    }
    return report
  }

  func linkEnded(_ link: UInt64) {
    guard let process, let speaker = process.speakers.removeValue(forKey: link) else { return }
    process.routes[speaker.boot] = nil
    input { $0.onDisconnected(speaker.node, boot: speaker.boot, now: $1) }
  }

  // MARK: Life

  private func persist(_ changes: [RecordChange]) {
    for change in changes {
      switch change {
      case .put(let record):
        world.checkChange(record)
        records[record.key] = record
      case .remove(let key): records[key] = nil
      case .append(let entry): world.checkAudit(entry)
      }
    }
    world.checkPlans()
    if world.profile.restores, world.hasCluster, world.dice.chance(30) {
      copy = (records, epoch, world.recordedKeyUses)
    }
  }

  /// Somebody puts an older copy in the place of the store of a coordinator that is gone.
  private func restoreCopy() {
    guard let copy, world.isFaulty, world.dice.chance(500) else { return }
    world.note("the coordinator's store is put back to a copy of epoch \(copy.epoch)")
    world.statistics.count("restored store")
    (records, epoch) = (copy.records, copy.epoch)
    world.forgottenKeyUses.formUnion(world.recordedKeyUses.subtracting(copy.keyUses))
    world.recordedKeyUses = copy.keyUses
    world.onRestored()
  }

  func crash(backIn range: ClosedRange<Int64>) {
    guard process != nil else { return }
    world.note("the coordinator crashes")
    world.statistics.count("coordinator crash")
    process = nil
    pausedUntil = 0
    for node in world.nodes {
      let life = node.process
      world.after(world.dice.within(1...3000)) { [unowned self] in
        // A new coordinator's link is not the one that broke.
        guard let life, node.process === life, let link = life.link, process?.speakers[link.id] == nil else { return }
        node.dropLink()
        node.connect()
      }
    }
    if world.profile.restores { restoreCopy() }
    world.after(world.dice.within(range)) { [unowned self] in start() }
  }

  /// Starts from what is on disk alone, now and then through the same JSON the store keeps.
  func start() {
    guard process == nil, world.violation == nil else { return }
    epoch += 1
    do {
      process = CoordinatorProcess(core: try makeCore())
      world.note("the coordinator starts, epoch \(epoch)")
    } catch { world.fail("the coordinator can't start again: \(error)") }
  }

  private func makeCore() throws -> CoordinatorCore {
    let throughJSON = world.dice.chance(100)
    var restored: [StateRecord] = []
    for key in records.keys.sorted() {
      guard let record = records[key] else { continue }
      let read = throughJSON ? try StateRecord(key: key, json: record.json()) : record
      if read != record { world.fail("the record \(key) is another after it was stored") }
      restored.append(world.profile.broken == .forgetCommandIDs ? withOtherCommandIDs(read) : read)
    }
    return try CoordinatorCore(
      restored: restored, epoch: Epoch(number: epoch, incarnation: world.dice.next()), controlPlane: ["10.0.0.100"],
      identifiers: IdentifierSource(high: world.dice.next(), low: world.dice.next()), now: now)
  }

  /// This coordinator's memory is older than what an agent saw: it goes on under an epoch above that.
  private func takeOver(above seen: Epoch) {
    guard let process else { return }
    world.note("the coordinator takes over above epoch \(seen.number)")
    world.statistics.count("take-over")
    let own = process.core.epoch
    epoch = max(epoch, seen.number) + 1
    let live = Set(process.speakers.values.map(\.node)).sorted().flatMap { process.core.lastHellos(of: $0) }
    do { process.core = try makeCore() } catch { return world.fail("the coordinator can't take over: \(error)") }
    input { $0.onEpochAhead(seen, own: own, now: $1) }
    for hello in live {
      input { $0.onHello(hello.report.node, report: hello.report, isAheadOfStore: hello.isAheadOfStore, now: $1) }
    }
  }

  private func withOtherCommandIDs(_ record: StateRecord) -> StateRecord {
    guard case .plan(var plan) = record, plan.isOpen else { return record }
    for index in plan.steps.indices {
      guard let command = plan.steps[index].command else { continue }
      plan.steps[index].command = NodeCommand(
        id: CommandID(checked: world.dice.uuid()), plan: command.plan, action: command.action)
    }
    return .plan(plan)
  }
}
