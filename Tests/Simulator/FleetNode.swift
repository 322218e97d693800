// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import CoordinatorCore

/// A node of a fleet: the production core of its agent, and a shell that has keys and no data.
final class FleetNode {
  unowned let site: FleetSite
  let index: Int
  let name: NodeName
  let cluster: ClusterName
  var core: AgentCore
  var generation: GenerationReport?
  /// Which life of the process this is; what an earlier one began has no effect.
  var life = 0
  var startedAt: Int64 = 0
  var isUp = true
  var isCutOff = false
  var isGreeted = false
  var clockOffset: Int64 = 0
  var settingsVersion: UInt64?
  var ipListVersion: UInt64 = 0
  var hasServed = false
  /// Scheduled checks in a row that saw a revoked state of the key while no coordinator was connected.
  var revocationsInARow = 0
  /// Since when this node has had to close, nil if it has not.
  var owesSince: Int64?
  /// Whether what it owes was reported already.
  var isReported = false
  /// When its master key was made, in true time, and whether its age was reported.
  var keyBornAt: Int64 = 0
  var isReportedOld = false
  /// Since when it does not serve although nothing stands against it.
  var isAwaySince: Int64?
  private var isAlone = false
  private let address: String

  init(site: FleetSite, index: Int, cluster: ClusterName) {
    (self.site, self.index, self.cluster) = (site, index, cluster)
    name = NodeName(checked: "node-\(index + 1)")
    address = "10.0.\(index / 250).\(index % 250 + 1)"
    core = AgentCore(
      node: name, boot: BootID(checked: site.dice.uuid()), generation: nil, timing: AgentTiming(),
      seed: site.dice.next())
  }

  var monotonic: Milliseconds { site.now - startedAt }
  var wallClock: Int64 { FleetSite.epochStart + site.now + clockOffset }
  var isLinked: Bool { isUp && !isCutOff && site.core != nil }

  func later(_ delay: Int64, _ body: @escaping (FleetNode) -> Void) {
    let life = life
    site.after(delay) { [unowned self] in if life == self.life, isUp { body(self) } }
  }

  func start() {
    life += 1
    (isUp, isGreeted, hasServed, revocationsInARow, startedAt) = (true, false, false, 0, site.now)
    (settingsVersion, ipListVersion) = (nil, 0)
    core = AgentCore(
      node: name, boot: BootID(checked: site.dice.uuid()), generation: generation, timing: AgentTiming(),
      seed: site.dice.next())
    site.stir()
  }

  func stop() {
    isUp = false
    life += 1
    loseLink()
  }

  func loseLink() {
    if isUp { _ = core.onCoordinator(connected: false) }
    guard isGreeted else { return }
    isGreeted = false
    let boot = core.boot
    site.say { [unowned self] in site.input { $0.onDisconnected(name, boot: boot, now: $1) } }
  }

  /// Time passes: what is due, and a word to the coordinator.
  func beat() {
    guard isUp else { return }
    perform(core.onTick(now: monotonic))
    guard isLinked else { return }
    if isGreeted { return report() }
    (isGreeted, revocationsInARow) = (true, 0)
    perform(core.onCoordinator(connected: true))
    sayHello()
  }

  private func sayHello() {
    let (report, ahead) = (nodeReport, core.epoch)
    site.say { [unowned self] in site.greet(self, report, highestEpoch: ahead) }
  }

  // MARK: Directives

  func perform(_ directives: [AgentDirective]) {
    let life = life
    for directive in directives where life == self.life {
      switch directive {
      case .updatePeers: break
      case .open: later(20) { $0.open() }
      case .formShard: later(20) { $0.form() }
      case .close: later(200) { $0.perform($0.core.onClosed(now: $0.monotonic)) }
      case .resync(let id, let encrypted): later(2000) { $0.resync(id, encrypted: encrypted) }
      case .rebuild(let id, _):
        perform(core.onRebuilt(id, outcome: .failed(reason: "nothing is lost here"), generation: nil))
      case .endCopy, .watchLockOut: break
      case .rotateMasterKey(let id): rotate(id)
      case .rewrapMasterKey(let id, _): finish(id, .failed(reason: "no key is changed here"))
      case .stepDown(let id):
        site.handOver(from: self)
        finish(id, .done)
      case .forceSoleVoter(let id, _): finish(id, .failed(reason: "nothing is lost here"))
      case .addMember(let id, _), .removeMember(let id, _):
        finish(id, .failed(reason: "nobody joins or leaves here"))
      case .destroyEverything: perform(core.onDestroyed())
      case .check(let scheduled): check(scheduled: scheduled)
      case .reply(let result): reply(result)
      case .report: report()
      case .hello: sayHello()
      case .replaceProcessImage: replaceProcessImage()
      }
    }
    look()
  }

  private func replaceProcessImage() {
    look()
    stop()
    site.after(500) { [unowned self] in if !isUp { start() } }
  }

  private func look() {
    if core.isServing { hasServed = true }
    guard hasServed, case .disabled(let reason) = core.phase else { return }
    hasServed = false
    site.closed(self, reason: reason)
  }

  private func open() {
    guard let generation else {
      return perform(core.onOpenFailed(.other(reason: "there is no generation"), now: monotonic))
    }
    guard generation.encrypted else { return perform(core.onOpened(generation, check: nil, now: monotonic)) }
    guard settingsVersion != nil else {
      return perform(core.onOpenFailed(.other(reason: "there are no KMS settings"), now: monotonic))
    }
    ask { node, check in
      node.perform(
        check.verdict == .valid
          ? node.core.onOpened(node.generation ?? generation, check: check, now: node.monotonic)
          : node.core.onOpenFailed(.keyCheck(check), now: node.monotonic))
    }
  }

  private func form() {
    let formed = GenerationReport(id: GenerationID(checked: site.dice.uuid()), encrypted: false)
    generation = formed
    core.onFormed(formed)
    perform(core.onOpened(formed, check: nil, now: monotonic))
  }

  private func resync(_ id: CommandID, encrypted: Bool) {
    site.noteCall()
    ask { node, check in
      guard check.verdict == .valid else { return node.finish(id, .failed(reason: "the KMS does not answer")) }
      node.generation = node.keyed(GenerationID(checked: node.site.dice.uuid()), version: 1)
      node.finish(id, .done)
    }
  }

  private func rotate(_ id: CommandID) {
    if site.profile.broken == .rotationIsLost { return finish(id, .failed(reason: "lost")) }
    // The wrap before the unwrap.
    site.noteCall()
    ask { node, check in
      guard check.verdict == .valid, let old = node.generation, node.core.isServing else {
        return node.finish(id, .failed(reason: "the KMS does not answer"))
      }
      node.generation = node.keyed(old.id, version: old.keystoreVersion + 1)
      node.site.statistics.faults["rotation", default: 0] += 1
      node.finish(id, .done)
    }
  }

  private func keyed(_ id: GenerationID, version: UInt64) -> GenerationReport {
    keyBornAt = site.now
    return GenerationReport(
      id: id, encrypted: true, keystoreVersion: version, masterKeyID: MasterKeyID(checked: site.dice.uuid()),
      masterKeyCheckValue: String(site.dice.next(), radix: 16), customerKeyID: FleetSite.keyID,
      masterKeyCreatedAtMilliseconds: wallClock)
  }

  private func finish(_ id: CommandID, _ outcome: CommandOutcome) {
    perform(core.onWorkFinished(id, outcome: outcome, generation: generation, now: monotonic))
  }

  // MARK: The key

  private func ask(_ done: @escaping (FleetNode, CheckReport) -> Void) {
    let version = settingsVersion ?? 0
    let startedAt = wallClock
    let verdict = site.verdict(for: index, clockOffset: clockOffset)
    later(site.latency(verdict)) {
      done($0, SimulatedKMS.report(verdict, of: FleetSite.keyID, settingsVersion: version, at: startedAt))
    }
  }

  /// The coordinator says when the call may be made.
  func take(_ slot: StartSlot) {
    perform(core.onStartSlot(slot, now: monotonic))
    later(Int64(clamping: slot.waitMilliseconds) + 1) { $0.perform($0.core.onTick(now: $0.monotonic)) }
  }

  private func check(scheduled: Bool) {
    guard settingsVersion != nil, generation?.encrypted == true else { return }
    ask { node, report in
      if scheduled {
        let isState = if case .revoked(let reason, _) = report.verdict { reason.isKeyState } else { false }
        let isAlone = !node.core.coordinatorConnected
        node.revocationsInARow = isState && isAlone ? node.revocationsInARow + 1 : 0
      }
      let proof = report.verdict == .valid ? node.generation?.masterKeyID : nil
      node.perform(
        node.core.onCheck(
          report, scheduled: scheduled,
          proof: proof.map {
            RestartProof(masterKeyID: $0, keystoreVersion: 0, provenAtMilliseconds: report.startedAtMilliseconds)
          }, now: node.monotonic))
    }
  }

  // MARK: What it owes

  /// Whether its key is revoked, and it can know: for the coordinator and itself, or for itself alone.
  func judge() {
    let canAsk = isUp && site.canAsk(index, clockOffset)
    let isAlone = !(isLinked && isGreeted)
    let together = !isAlone && site.canAsk(site.coordinatorPlace, site.clockOffset) && site.isRevokedForAll
    let alone = isAlone && site.kms.state != .enabled
    guard canAsk, generation?.encrypted == true, core.isServing, together || alone, isAlone == self.isAlone else {
      self.isAlone = isAlone
      (owesSince, isReported) = (nil, false)
      return
    }
    let since = owesSince ?? site.now
    owesSince = since
    guard !isReported, site.now - since > FleetSite.patience else { return }
    isReported = true
    site.statistics.missed += 1
    site.find("\(name) serves \((site.now - since) / 60_000) minutes after its key was revoked")
  }

  // MARK: The coordinator

  private func reply(_ result: CommandResult) {
    guard isLinked, isGreeted else { return }
    site.say { [unowned self] in site.input { $0.onCommandResult(name, result: result, now: $1) } }
  }

  func report() {
    guard isLinked, isGreeted else { return }
    let report = nodeReport
    site.say { [unowned self] in site.input { $0.onHeartbeat(name, report: report, now: $1) } }
  }

  private var nodeReport: NodeReport {
    var report = NodeReport(node: name, boot: core.boot, agentVersion: "simulated", phase: core.phase)
    report.driverAddress = address + ":27017"
    report.replicationAddress = address + ":7450"
    report.generation = core.generation
    if core.isServing { report.replication = site.place(of: self) }
    report.assignmentVersion = core.assignment?.version ?? 0
    report.ipListVersion = ipListVersion
    report.lastCheck = core.lastCheck
    report.clockMilliseconds = wallClock
    report.restartProof = core.restartProof
    report.slotWanted = core.slotWanted
    return report
  }
}
