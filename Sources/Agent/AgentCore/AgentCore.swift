// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// A node's life as a value: events in, directives out; no I/O, no clock, no randomness but a seed.
///
/// The shell performs the directives in order and feeds the results back. What the coordinator wants arrives as
/// assignments (facts, versioned) and commands (requests, idempotent); what the KMS says arrives as verdicts.
public struct AgentCore: Sendable {
  /// The node this agent is.
  public let node: NodeName
  /// This life of the process.
  public let boot: BootID
  /// The assignment it follows, nil before the first.
  public internal(set) var assignment: NodeAssignment?
  /// The live generation, nil if there is no data.
  public internal(set) var generation: GenerationReport?
  /// The last KMS check.
  public internal(set) var lastCheck: CheckReport?
  /// When the node last proved that it could restart, nil if it has not in this life.
  public internal(set) var restartProof: RestartProof?
  /// Damage found so far in this life.
  public internal(set) var damage: [DamageReport] = []
  /// Whether the coordinator is connected.
  public internal(set) var coordinatorConnected = false

  /// The fault among `damage` that the last check of the stored keystore found.
  var checkFault: DamageReport?
  /// Whether this process has held an encrypted generation open.
  var hasHeldData = false
  var life = AgentLife.awaitingSettings
  var work: RunningWork?
  var commands = CommandRecord()
  var nextCheckAt: Milliseconds?
  /// When the key is looked at once more after a check that could not ask; no scheduled check.
  var extraCheckAt: Milliseconds?
  /// Scheduled checks in a row that saw a revoked state of the key while no coordinator was connected.
  var keyStateRevocationsInARow = 0
  /// Why the copy under way has to be given up, nil if it has not: the key was taken away meanwhile.
  var copyLockout: String?
  var helloAgainAt: Milliseconds?
  /// What waits for the coordinator's word on when to call the KMS, and how many such requests there were.
  var slot: SlotRequest?
  var slotsAsked: UInt64 = 0
  /// Whether the coordinator gives such words.
  var paces = false
  var jitter: Jitter
  let timing: AgentTiming

  /// The least time between two hellos that were asked for on one link.
  static let helloPause: Milliseconds = 1000

  /// A long job in progress; a second one is refused until it ends.
  struct RunningWork: Sendable, Equatable {
    var command: NodeCommand
  }

  /// Starts a life: `generation` is what the disk holds, `damage` why that can't be told.
  public init(
    node: NodeName, boot: BootID, generation: GenerationReport?, damage: DamageReport? = nil, timing: AgentTiming,
    seed: UInt64
  ) {
    self.node = node
    self.boot = boot
    self.generation = generation
    self.damage = damage.map { [$0] } ?? []
    self.timing = timing
    jitter = Jitter(seed: seed)
  }

  /// Where the node's life stands.
  public var phase: NodePhase { life.phase }
  /// The highest epoch of a coordinator it follows, nil before the first.
  public var epoch: Epoch? { commands.epoch }
  /// The command of the long job in progress, nil if none.
  public var runningWork: CommandID? { work?.command.id }
  /// The plan of the long job in progress, nil if none or without one.
  public var runningPlan: PlanID? { work?.command.plan }
  /// Whether the engine is being closed because the key was taken away.
  public var isBeingLockedOut: Bool {
    if case .closing(.disable) = life { true } else { copyLockout != nil }
  }
  /// Whether the engine is open and drivers may be served.
  public var isServing: Bool { life == .serving }

  /// The coordinator's link came up or went down.
  public mutating func onCoordinator(connected: Bool) -> [AgentDirective] {
    // What was seen while the coordinator could judge it is no look of a node alone.
    if connected != coordinatorConnected { keyStateRevocationsInARow = 0 }
    coordinatorConnected = connected
    return []
  }

  /// The coordinator does not know whose link this is: the hello was lost, or was heard by one that is gone.
  ///
  /// Every message on such a link is answered so, and one hello is enough for all of them.
  public mutating func onUnknownLink(now: Milliseconds) -> [AgentDirective] {
    if let last = helloAgainAt, now - last < Self.helloPause { return [] }
    helloAgainAt = now
    return [.hello]
  }

  /// A coordinator of `epoch` speaks: nil if it may, else why not. Lower epochs stay refused in this life.
  public mutating func onEpoch(_ epoch: Epoch) -> String? { commands.admit(epoch) }

  /// A new assignment: peers, KMS settings, whether to run. Older versions are dropped.
  public mutating func onAssignment(_ new: NodeAssignment, now: Milliseconds) -> [AgentDirective] {
    if let assignment, new.version < assignment.version { return [] }
    let settingsChanged = assignment?.settingsVersion != new.settingsVersion
    assignment = new
    var directives: [AgentDirective] = [.updatePeers(new)]
    if let reason = new.notApprovedReason, generation != nil { return directives + refuse(reason) + [.report] }
    switch life {
    case .awaitingSettings, .notApproved:
      directives += firstMove(new, now: now)
    case .awaitingKMS where settingsChanged && new.disabledReason == nil,
      .retrying where settingsChanged && new.disabledReason == nil:
      directives += beginOpening(attempt: 0, now: now)
    case .disabled where new.disabledReason == nil && new.running:
      directives += beginOpening(attempt: 0, now: now)
    case .serving, .opening, .awaitingKMS, .retrying:
      if let reason = new.disabledReason { directives += disable(reason, now: now) }
      // New settings are looked at under at once: what was seen under others says nothing any more.
      if settingsChanged, isEncrypted, life == .serving, new.kms != nil { directives += look(now: now) }
    case .rebuilding: if let reason = new.disabledReason { directives += disable(reason, now: now) }
    case .empty, .closing, .stopped, .disabled, .failed: break
    }
    return directives + [.report]
  }

  /// The engine is open on `generation` and serves.
  public mutating func onOpened(
    _ opened: GenerationReport, check: CheckReport?, now: Milliseconds
  ) -> [AgentDirective] {
    generation = opened
    hasHeldData = hasHeldData || opened.encrypted
    if let check { lastCheck = check }
    // What was read from the disk, unwrapped and opened is the best proof there is.
    if let check, check.verdict == .valid, let key = opened.masterKeyID {
      restartProof = RestartProof(
        masterKeyID: key, keystoreVersion: opened.keystoreVersion, provenAtMilliseconds: check.startedAtMilliseconds)
    }
    guard case .opening = life else { return [] }
    life = .serving
    damage = []
    checkFault = nil
    keyStateRevocationsInARow = 0
    nextCheckAt = opened.encrypted ? now + jitter.around(timing.checkInterval, byTenths: 1) : nil
    if let reason = assignment?.notApprovedReason { return refuse(reason) + [.report] }
    if let reason = assignment?.disabledReason { return disable(reason, now: now) + [.report] }
    return [.report]
  }

  /// The first generation is made and on disk; what is left is to open it.
  public mutating func onFormed(_ formed: GenerationReport) { generation = formed }

  /// Opening failed: an outage waits, a revocation locks out, damage needs an operator.
  public mutating func onOpenFailed(_ failure: OpenFailure, now: Milliseconds) -> [AgentDirective] {
    guard case .opening(let attempt) = life else { return [] }
    guard generation != nil else {
      // A first formation that was cut off left nothing: it can be asked for again.
      life = .empty
      return [.report]
    }
    switch failure {
    case .keyCheck(let check):
      lastCheck = check
      switch check.verdict {
      case .revoked(let reason, let detail):
        life = .disabled(reason: "\(reason.rawValue): \(detail)", recheckAt: now + recheckDelay())
      case .unreachable(let reason, let detail):
        waitForKMS("\(reason.rawValue): \(detail)", attempt: attempt, now: now)
      case .valid:
        life = .failed(reason: "the KMS answered but the node could not use the answer")
      }
    case .damaged(let report):
      damage.append(report)
      life = .failed(reason: "\(report.file): \(report.reason)")
    case .changedOnDisk:
      // The next life of the process tells what is there now, and the coordinator judges that.
      return [.replaceProcessImage]
    case .other(let reason):
      life = .retrying(reason: reason, retryAt: now + retryDelay(attempt), attempt: attempt)
    }
    return [.report]
  }

  /// The engine is closed and the keys are wiped.
  public mutating func onClosed(now: Milliseconds) -> [AgentDirective] {
    guard case .closing(let next) = life else { return [] }
    nextCheckAt = nil
    extraCheckAt = nil
    switch next {
    case .stop:
      life = .stopped
      return finishRecorded(.stopDatabase) + [.report]
    case .restart:
      return [.replaceProcessImage]
    case .disable(let reason):
      life = .disabled(reason: reason, recheckAt: now + recheckDelay())
      return [.report, .replaceProcessImage]
    case .fail(let reason):
      life = .failed(reason: reason)
      return [.report]
    case .refuse(let reason):
      life = .notApproved(reason: reason)
      return [.report, .replaceProcessImage]
    case .leave:
      return [.destroyEverything]
    }
  }

  /// The live generation's keystore has grown since the generation was opened.
  public mutating func onKeystoreChanged(_ report: GenerationReport) {
    if report.id == generation?.id { generation = report }
  }

  /// The stored keystore does not fit what the KMS answers: a fault of this node, alarmed; it serves from memory.
  public mutating func onKeystoreFault(_ report: DamageReport) -> [AgentDirective] {
    if !damage.contains(report) { damage.append(report) }
    return [.report]
  }

  /// A check found that the stored keystore does not fit what the KMS answers. The newest such fault takes the place of
  /// the one before, and lasts until the KMS answers a check with a verdict; one that can't ask says nothing of it.
  public mutating func onCheckFault(_ report: DamageReport) -> [AgentDirective] {
    clearCheckFault()
    checkFault = report
    return onKeystoreFault(report)
  }

  mutating func clearCheckFault() {
    guard let fault = checkFault else { return }
    damage.removeAll { $0 == fault }
    checkFault = nil
  }

  /// The keystore's file is again what the node holds in memory.
  public mutating func onKeystoreSound(_ report: DamageReport) -> [AgentDirective] {
    guard damage.contains(report) else { return [] }
    damage.removeAll { $0 == report }
    return [.report]
  }

  /// The running engine broke: a damaged page, a failed fsync, a full disk.
  public mutating func onEngineFailed(_ report: DamageReport) -> [AgentDirective] {
    guard life == .serving else { return [] }
    damage.append(report)
    life = .closing(.fail(reason: "\(report.file): \(report.reason)"))
    return [.close, .report]
  }

  /// Time passes: retries, rechecks and scheduled checks that are due.
  public mutating func onTick(now: Milliseconds) -> [AgentDirective] {
    if let directives = onSlotTick(now: now) { return directives }
    switch life {
    case .awaitingKMS(_, let retryAt, let attempt) where now >= retryAt,
      .retrying(_, let retryAt, let attempt) where now >= retryAt:
      return beginOpening(attempt: attempt + 1, now: now)
    case .disabled(let reason, let recheckAt) where now >= recheckAt && assignment?.running == true:
      guard assignment?.disabledReason != nil else { return beginOpening(attempt: 0, now: now) }
      // The coordinator locked it out: it looks at the key and reports, and opens when an assignment says so.
      life = .disabled(reason: reason, recheckAt: now + recheckDelay())
      return look(now: now)
    case .serving:
      if let due = extraCheckAt, now >= due {
        extraCheckAt = nil
        return look(now: now)
      }
      guard let due = nextCheckAt, now >= due else { return [] }
      nextCheckAt = now + jitter.around(timing.checkInterval, byTenths: 1)
      return [.check(scheduled: true)]
    default: return []
    }
  }
}
