// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import DaemonRuntime
internal import DocumentServer
internal import Foundation
internal import KeyManagement
internal import Logging
internal import Messages
internal import Replication
internal import ReplicationCore
internal import Secrets
internal import Transport

/// The shell of one node: performs what `AgentCore` decides and feeds the results back.
actor AgentShell {
  /// A directive that takes time, on its way in a task of its own.
  enum Job: Sendable {
    case open
    case formShard([NodeName])
    case close
    case resync(CommandID, encrypted: Bool)
    case rebuild(CommandID, InitialSyncOrder)
    case rotate(CommandID)
    case rewrap(CommandID, settingsVersion: UInt64)
    case handOver(CommandID)
    case forceSoleVoter(CommandID, lastIndex: UInt64)
    case check(scheduled: Bool)
    case replaceProcessImage
    case damaged(GenerationID, DamageReport)
    case watchClose(number: Int, limit: Duration)
    case users(UserRequest)
    case prove(ProveSettings)
    case change(CommandID, MembershipChange)
    case destroyEverything
    case keepAuditHeads
    case keepMembership
    case keepKeyUses
  }

  /// How long the engine may take to close. WiredTiger can wait for ever in a journal whose disk has failed; a process
  /// that replaces its image lets go of keys and pages all the same, and says at its next opening what is wrong.
  static let closeLimit = Duration.seconds(30)

  /// The same for a lock-out: every node is to be closed within ten seconds of the verdict. What was acknowledged is in
  /// the journal.
  static let lockOutLimit = Duration.seconds(7)

  let configuration: AgentConfiguration
  let directory: GenerationDirectory
  let network: ReplicationNetwork
  let engine: NodeEngine
  let workshop: Workshop
  let factory: KeyManagementFactory
  let logger: Logger
  let measures: AgentMeasures
  let proof: PartialProof
  let jobs: AsyncStream<Job>
  let jobQueue: AsyncStream<Job>.Continuation
  let started = ContinuousClock.now

  var core: AgentCore
  var link: MessageLink?
  var member: ReplicaMember?
  var opened: OpenGeneration?
  var keys: NodeKeys?
  /// Those of customer keys that were replaced, for what is still under them.
  var formerKeys: [NodeKeys] = []
  /// The newest IP list and when it came.
  var ipList = (list: IPList(), at: ContinuousClock.now)
  /// Who may connect, as the ports were told last.
  var addressRules: NodeAddressRules?
  var auditMemo: AuditMemo
  /// What the coordinator said of its record and is not on disk yet.
  var auditHeads: [AuditHeadMessage] = []
  let keyUses: KeyUseJournal
  /// Superseded generations that could not be destroyed yet.
  var leftovers: Leftovers
  /// A copy that failed and may go on.
  var partial: PartialGeneration?
  var isShutDown = false
  /// Why the KMS gave no key for the copy that was asked for last.
  var kmsRefusal: String?
  var progress: CopyProgress?
  var progressStartedAt: Int64 = 0
  var reportedKeystoreVersion: UInt64 = 0
  var keystoreWatch = KeystoreWatch()
  var replacements = Replacements()
  /// Counts closes, and which of them has not ended.
  var closes = (last: 0, open: 0)
  /// The one of them that watches an opening.
  var openingWatch = 0
  var driverAddress = ""
  var isDriverPortBound = false
  var scrubStatus: ScrubStatus?
  var userRequests = RequestRoom(limit: RequestRoom.userLimit)
  var proofRequests = RequestRoom(limit: RequestRoom.proofLimit)
  /// Who waits for the coordinator's signature.
  var signings: [CommandID: Signing] = [:]
  var disk: DiskReport?
  var drivers: (server: DocumentServer, tls: DriverTLSMode)?
  var replicationAddress = ""
  /// Whom the node belongs to, as it was told last in this life or one before.
  var memo: MembershipMemo?
  var phaseLog = PhaseLog()

  init(
    configuration: AgentConfiguration, boot: BootID, directory: GenerationDirectory, network: ReplicationNetwork,
    engine: NodeEngine, disk: DiskState, proof: PartialProof, workshop: Workshop, measures: AgentMeasures,
    logger: Logger
  ) {
    self.configuration = configuration
    self.directory = directory
    self.network = network
    self.engine = engine
    self.workshop = workshop
    self.logger = logger
    self.measures = measures
    leftovers = Leftovers(ids: disk.leftovers)
    auditMemo = AuditMemo(directory: directory.root, logger: logger)
    memo = MembershipMemo.read(from: directory.root, logger: logger)
    let keyUses = KeyUseJournal(directory: directory.root, boot: boot, logger: logger)
    self.keyUses = keyUses
    factory = KeyManagementFactory(measures: measures.kms) { keyUses.note($0) }
    partial = disk.partial
    self.proof = proof
    core = AgentCore(
      node: configuration.node, boot: boot, generation: disk.generation, damage: disk.damage,
      timing: AgentTiming(), seed: UInt64.random(in: .min ... .max))
    (jobs, jobQueue) = AsyncStream.makeStream()
  }

  var now: Milliseconds { Int64((ContinuousClock.now - started) / .milliseconds(1)) }
  static var wallClock: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

  /// Notes where the node listens. An address that is not bound yet is told as it is configured: it is where drivers
  /// will connect, and stands in the IP list.
  func bind(driverPort: Int?, replicationPort: UInt16) {
    let host = configuration.drivers?.advertise ?? configuration.drivers?.address ?? "127.0.0.1"
    isDriverPortBound = driverPort != nil
    driverAddress = (driverPort ?? configuration.fixedDriverPort).map { "\(host):\($0)" } ?? ""
    replicationAddress =
      configuration.replication?.advertise
      ?? "\(configuration.replication?.address ?? "127.0.0.1"):\(replicationPort)"
    engine.bind(driverAddress: driverAddress)
  }

  func use(_ link: MessageLink) { self.link = link }
  func use(_ server: DocumentServer, tls: DriverTLSMode) {
    drivers = (server, tls)
    enforceAddresses()
  }

  /// Performs directives in order; what takes time goes into a task of its own.
  func perform(_ directives: [AgentDirective]) {
    for directive in directives {
      switch directive {
      case .updatePeers(let assignment):
        network.updatePeers(assignment.members)
        member?.expectVoters(Set(assignment.members.map(\.node)))
        engine.updateMembers(assignment)
      case .open: jobQueue.yield(.open)
      case .formShard(let voters): jobQueue.yield(.formShard(voters))
      case .close: jobQueue.yield(.close)
      case .resync(let id, let encrypted): jobQueue.yield(.resync(id, encrypted: encrypted))
      case .rebuild(let id, let order): jobQueue.yield(.rebuild(id, order))
      case .endCopy: watchClose(limit: Self.lockOutLimit)
      case .watchLockOut: watchLockOut()
      case .rotateMasterKey(let id): jobQueue.yield(.rotate(id))
      case .rewrapMasterKey(let id, let version): jobQueue.yield(.rewrap(id, settingsVersion: version))
      case .stepDown(let id): jobQueue.yield(.handOver(id))
      case .forceSoleVoter(let id, let lastIndex): jobQueue.yield(.forceSoleVoter(id, lastIndex: lastIndex))
      case .addMember(let id, let node): jobQueue.yield(.change(id, .addLearner(node)))
      case .removeMember(let id, let node): jobQueue.yield(.change(id, .remove(node)))
      case .destroyEverything: jobQueue.yield(.destroyEverything)
      case .check(let scheduled): jobQueue.yield(.check(scheduled: scheduled))
      case .replaceProcessImage: jobQueue.yield(.replaceProcessImage)
      case .reply(let result):
        measures.answered(result.outcome)
        send(.commandResult(result))
      case .report: report()
      case .hello: sayHello()
      }
    }
    if !core.isServing { engine.explain(explanation) }
  }

  /// Why drivers are not served, in a sentence for them.
  var explanation: String {
    let phase = core.phase
    return "node \(configuration.node) is \(phase.name)" + (phase.toldToDrivers.map { ": \($0)" } ?? "")
  }

  func tick() {
    perform(core.onTick(now: now))
    endOverdueSignings()
    enforceAddresses()
  }

  /// What the coordinator sent.
  func receive(_ envelope: Envelope) {
    switch envelope.body {
    case .welcome(let welcome): onWelcome(welcome, epoch: envelope.epoch)
    case .command(let command):
      guard let epoch = envelope.epoch else { return }
      logger.info("command", metadata: ["action": "\(command.action.name)", "command": "\(command.id)"])
      perform(core.onCommand(command, epoch: epoch, now: now))
    case .ipList(let list):
      guard let epoch = envelope.epoch, core.onEpoch(epoch) == nil else { return }
      take(list)
    case .userRequest(let request):
      guard let epoch = envelope.epoch, core.onEpoch(epoch) == nil else { return }
      take(request)
    case .auditHead(let message):
      guard let epoch = envelope.epoch, core.onEpoch(epoch) == nil else { return }
      onAuditHead(message)
    case .keyUsesTaken(let mark):
      guard let epoch = envelope.epoch, core.onEpoch(epoch) == nil else { return }
      onKeyUsesTaken(mark)
    case .startSlot(let slot):
      guard let epoch = envelope.epoch, core.onEpoch(epoch) == nil else { return }
      perform(core.onStartSlot(slot, now: now))
    case .proveSettings(let request):
      guard let epoch = envelope.epoch, core.onEpoch(epoch) == nil else { return }
      take(request)
    case .roleSignature(let signature):
      guard let epoch = envelope.epoch, core.onEpoch(epoch) == nil else { return }
      take(signature)
    case .fault(let fault) where fault.code == .notReady: perform(core.onUnknownLink(now: now))
    case .fault(let fault): logger.warning("the coordinator refused a message", metadata: ["reason": "\(fault.text)"])
    default: logger.warning("an unexpected message", metadata: ["message": "\(envelope.body.name)"])
    }
  }

  private func onWelcome(_ welcome: Welcome, epoch: Epoch?) {
    let assignment = welcome.assignment
    if let epoch, let refusal = core.onEpoch(epoch) {
      return logger.warning("an assignment was refused", metadata: ["reason": "\(refusal)"])
    }
    if let known = core.assignment, assignment.version < known.version { return }
    adopt(assignment, welcome: welcome)
    core.onPacing(welcome.givesStartSlots)
    // Again: a process that has to wait for its place is not heard before it is welcome.
    send(.auditHead(AuditHeadMessage(auditMemo.head)))
    perform(core.onAssignment(assignment, now: now))
    noteMembership()
    enforceAddresses()
  }

  func onLink(connected: Bool) {
    network.hearsCoordinator(connected)
    if !connected { endSignings("the link to the coordinator, which signs for the role, has ended") }
    perform(core.onCoordinator(connected: connected))
    if connected { sayHello() }
  }

  private func sayHello() {
    reportedKeystoreVersion = 0
    keyUses.onLink()
    send(.hello(Hello(report: nodeReport(), highestEpoch: core.epoch)))
    send(.auditHead(AuditHeadMessage(auditMemo.head)))
    reportKeys()
  }

  func onRefused(_ reason: RefusalReason) {
    logger.warning("the coordinator refuses this node", metadata: ["reason": "\(reason.rawValue)"])
  }

  /// Runs jobs as they come, each in a task of its own, until the queue is closed and the last is done.
  func runJobs() async {
    await withDiscardingTaskGroup { group in
      for await job in jobs { group.addTask { await self.perform(job) } }
    }
  }

  func send(_ body: MessageBody) {
    guard let link, link.isConnected else { return }
    do {
      try link.send(Envelope(body, cluster: core.assignment?.cluster, node: configuration.node, epoch: core.epoch))
    } catch {
      logger.debug("a message to the coordinator was not sent", metadata: ["reason": "\(error)"])
    }
  }
}
