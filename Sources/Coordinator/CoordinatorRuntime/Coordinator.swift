// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import Logging
internal import Messages
internal import Secrets
internal import Transport

/// Owns the core: feeds it what comes in, performs what it decides, in order, what is to be remembered first.
///
/// It never waits for a KMS or a peer. If something cannot be remembered, it throws and must not be used any longer.
actor Coordinator {
  /// How the actor reaches the world; what a test replaces.
  struct Surroundings: Sendable {
    let memory: CoordinatorMemory
    let rootKey: RootKey
    let allowList: AllowList
    let send: @Sendable (Envelope, [UInt8], Route) throws(TransportError) -> Void
    let jobs: AsyncStream<KeyJob>.Continuation
    let now: @Sendable () -> Instant
    let logger: Logger
    /// The hosts asked for settings that require private networking, as they were looked up last.
    var endpoints: @Sendable (KMSSettings) -> [KMSEndpointView] = { _ in [] }
  }

  private let executor = QueueExecutor(label: "keyfold.coordinator")
  let surroundings: Surroundings
  var core: CoordinatorCore
  var links = NodeLinks()
  var assemblies: [NodeName: KeysAssembly] = [:]
  var checkAskers: [ProjectName: [Asker]] = [:]
  var decryptions: [PendingDecryption] = []
  /// How many checks of keys were begun.
  var checksBegun: UInt64 = 0
  var proofsUnderWay = 0
  var userDesk = UserDesk()
  var proofDesk = ProofDesk()
  var signingPace = SigningPace()
  private var allowed: Set<AllowedPeer> = []

  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
  var logger: Logger { surroundings.logger }
  var now: Instant { surroundings.now() }

  init(core: CoordinatorCore, surroundings: Surroundings) {
    self.core = core
    self.surroundings = surroundings
    allowed = Set(core.allowList.values)
  }

  /// Takes in one thing from the listener.
  func handle(_ item: Inbox.Item) throws(CoordinatorFault) {
    switch item {
    case .disconnected(let route):
      if let (node, boot) = links.end(route) { try perform(core.onDisconnected(node, boot: boot, now: now)) }
    case .message(let inbound):
      switch inbound.peer {
      case .node(let name) where allowed.contains(.node(name)): try hear(name, inbound)
      case .operator(let name) where allowed.contains(.operatorKey(name)): try answer(name, inbound)
      case .applicant(let token) where allowed.contains(.applicant(token.text)): try hear(applicant: token, inbound)
      default:
        logger.debug("message of a peer that is not on the list was dropped", metadata: ["peer": "\(inbound.peer)"])
      }
    }
  }

  /// Time passed.
  func tick() throws(CoordinatorFault) {
    try perform(core.onTick(now: now))
    attendUserDesk()
    try attendProofDesk()
  }

  // MARK: Performing

  /// Performs directives in order; a secret is remembered together with the first changes.
  func perform(
    _ directives: [CoordinatorDirective], secret: CoordinatorMemory.SealedSecret? = nil
  ) throws(CoordinatorFault) {
    var secret = secret
    for directive in directives {
      switch directive {
      case .persist(let changes): try surroundings.memory.apply(changes, secret: secret.take())
      case .sendCommand(let node, let command): send(.command(command), to: node)
      case .sendAssignment(let node, let assignment): try sendAssignment(assignment, to: node, on: route(to: node))
      case .refuse(let node, let boot, let assignment):
        try sendAssignment(assignment, to: node, on: links.route(to: node, boot: boot))
      case .sendIPList(let node, let list): send(.ipList(list), to: node)
      case .grantSlot(let node, let slot): send(.startSlot(slot), to: node)
      case .tellAuditHead(let node, let replaced): try tellAuditHead(node, replacing: replaced)
      case .tellKeyUsesTaken(let node, let mark): send(.keyUsesTaken(mark), to: node)
      case .checkKMS(let project, let version, let renewing):
        try startCheck(of: project, settingsVersion: version, renewing: renewing)
      case .sendMail(let mail, let address, let server): try send(mail, to: address, through: server)
      case .alertOpened(let alert):
        logger.warning(
          "alert", metadata: ["kind": "\(alert.kind.rawValue)", "subject": "\(alert.subject)", "text": "\(alert.text)"])
      case .alertClosed(let alert):
        logger.notice("alert is over", metadata: ["kind": "\(alert.kind.rawValue)", "subject": "\(alert.subject)"])
      case .allowListChanged: refreshAllowList()
      }
    }
  }

  private func refreshAllowList() {
    let list = core.allowList
    allowed = Set(list.values)
    surroundings.allowList.replace(Self.identities(list), revoked: Self.revokedKeys(of: core))
  }

  /// The allow-list in the transport's words.
  static func identities(_ list: [String: AllowedPeer]) -> [CurvePublicKey: PeerIdentity] {
    var identities: [CurvePublicKey: PeerIdentity] = [:]
    for (text, peer) in list {
      guard let key = try? CurvePublicKey(text) else { continue }
      switch peer {
      case .node(let name): identities[key] = .node(name)
      case .operatorKey(let name): identities[key] = .operator(name)
      case .applicant: identities[key] = .applicant(key)
      }
    }
    return identities
  }

  /// The keys that are refused for good, in the transport's words.
  static func revokedKeys(of core: CoordinatorCore) -> Set<CurvePublicKey> {
    Set(core.revokedKeys.compactMap { try? CurvePublicKey($0) })
  }

  private func sendAssignment(
    _ assignment: NodeAssignment, to node: NodeName, on route: Route?
  ) throws(CoordinatorFault) {
    guard let route else { return }
    var kmsSecret: Secret?
    if assignment.kms?.credentials.isGivenToNodes == true {
      kmsSecret = try secret(of: assignment.project, version: assignment.settingsVersion)
    }
    var formers: [FormerSecret] = []
    for former in assignment.formerKMS ?? [] where former.settings.credentials.isGivenToNodes {
      let opened = try secret(of: assignment.project, version: former.settingsVersion)
      formers.append(FormerSecret(settingsVersion: former.settingsVersion, secret: opened))
    }
    let interval = UInt32(CoordinatorLimits.heartbeatInterval.components.seconds * 1000)
    let welcome = Welcome(
      assignment: assignment, kmsSecret: kmsSecret, heartbeatMilliseconds: interval,
      formerSecrets: formers, givesStartSlots: true)
    send(Envelope(.welcome(welcome), cluster: assignment.cluster, node: node, epoch: core.epoch), to: route)
  }

  func send(_ body: MessageBody, to node: NodeName, cluster: ClusterName? = nil) {
    guard let route = route(to: node) else { return }
    send(Envelope(body, cluster: cluster, node: node, epoch: core.epoch), to: route)
  }

  /// The link of the process that has the node's place.
  func route(to node: NodeName) -> Route? {
    core.liveBoot(of: node).flatMap { links.route(to: node, boot: $0) }
  }

  /// Sends; what can't be sent is logged and asked for again by whoever misses it.
  func send(_ envelope: Envelope, payload: [UInt8] = [], to route: Route) {
    do { try surroundings.send(envelope, payload, route) } catch {
      logger.info("message was not sent", metadata: ["kind": "\(envelope.body.name)", "reason": "\(error)"])
    }
  }
}
