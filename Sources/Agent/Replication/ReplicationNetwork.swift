// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
public import Logging
internal import Messages
public import ReplicationCore
internal import Synchronization
public import Transport

/// A node's links to the other members of its shard: one listening socket for all, one connection to each.
///
/// Messages travel one way on the sender's own connection; an answer comes back on the answerer's. Copies run on
/// connections of their own, so that bulk never queues before heartbeats.
public final class ReplicationNetwork: MemberNetwork, Sendable {
  /// How many messages may wait to be handled before further ones are dropped; Raft repeats what matters.
  static let inboxCapacity = 4_096
  /// How many bytes of messages may wait to be handled: a secondary whose disk is slow is sent the same entries again
  /// and again, and each message may have 68 MiB.
  static let inboxByteCapacity = 128 << 20

  /// How many bytes may wait to be sent to a peer before it is sent no more entries: four of Raft's batches.
  static let outboundByteLimit = 32 << 20

  struct Link: Sendable {
    let link: MessageLink
    let address: MemberAddress
  }

  struct State {
    var links: [MemberID: Link] = [:]
    var peers: [MemberID: MemberAddress] = [:]
    var member: ReplicaMember?
    var copies: [CopyRoute: CopySession] = [:]
    var incarnations = PeerIncarnations()
    var refusedIncarnations: UInt64 = 0
  }

  enum Event: Sendable {
    case raft(RaftMessage, from: MemberID)
    case lost(MemberID)
    case copy(SyncRequest, after: [UInt8], CopyRoute)
  }

  let node: NodeName
  let boot: BootID
  let identity: CurveIdentity
  let sourceAddress: String?
  let logger: Logger
  let state = Mutex(State())
  private let allowList = AllowList()
  private let inbox = Mailbox<Event>(capacity: inboxCapacity, byteCapacity: inboxByteCapacity)
  private let listener: Mutex<MessageListener?> = Mutex(nil)
  /// Messages with entries that were not sent because their peer is slow.
  private let heldBack = Mutex<UInt64>(0)
  private let start = ContinuousClock.now

  /// Makes the network of a node's process `boot`; nothing is bound before `start`. Connections to members come from
  /// `sourceAddress`, or from what the system chooses.
  public init(
    node: NodeName, boot: BootID, identity: CurveIdentity, sourceAddress: String? = nil, logger: Logger
  ) {
    self.node = node
    self.boot = boot
    self.identity = identity
    self.sourceAddress = sourceAddress
    self.logger = logger
  }

  /// Binds the replication port (0 for any free one) and answers it.
  public func start(address: String, port: UInt16) throws(TransportError) -> UInt16 {
    let listener = MessageListener(
      address: address, port: port, identity: identity, allowList: allowList, limits: .replication, logger: logger
    ) { [weak self] event in self?.onListener(event) }
    let bound = try listener.start()
    self.listener.withLock { $0 = listener }
    return bound
  }

  /// Tells the network which member handles messages now; nil while the engine is closed.
  public func attach(_ member: ReplicaMember?) { state.withLock { $0.member = member } }

  /// Takes the shard's members: their keys are let in, their addresses connected to.
  public func updatePeers(_ members: [MemberAddress]) {
    var keys: [CurvePublicKey: PeerIdentity] = [:]
    for member in members where member.node != node {
      if let key = try? CurvePublicKey(member.publicKey) { keys[key] = .node(member.node) }
    }
    allowList.replace(keys, revoked: [])
    let wanted = Dictionary(
      members.filter { $0.node != node && !$0.replicationAddress.isEmpty }.map { ($0.node, $0) },
      uniquingKeysWith: { first, _ in first })
    let now = ContinuousClock.now - start
    let unwanted = state.withLock { state -> [MessageLink] in
      state.peers = wanted
      state.incarnations.onNamed(members.filter { $0.node != node }.map { ($0.node, $0.boot) }, now: now)
      let gone = state.links.filter { wanted[$0.key]?.isReached(like: $0.value.address) != true }
      for name in gone.keys { state.links[name] = nil }
      return gone.values.map(\.link)
    }
    for link in unwanted { link.close() }
    for address in wanted.values { connect(to: address) }
  }

  /// Lets members connect from these addresses only, and ends the connections from others at once.
  public func admitOnly(_ rule: AddressRule) { listener.withLock { $0 }?.admitOnly(rule) }

  /// Tells whether the coordinator is heard, which then alone says which process of a node may take part.
  public func hearsCoordinator(_ isHeard: Bool) { state.withLock { $0.incarnations.hearsCoordinator = isHeard } }

  /// Whether a message that came in a peer's name is of the process that has its place.
  private func admits(_ message: Inbound, from sender: MemberID) -> Bool {
    let verdict = state.withLock { state in
      let verdict = state.incarnations.onMessage(
        of: sender, boot: message.envelope.boot, now: ContinuousClock.now - start)
      if verdict != .admitted { state.refusedIncarnations += 1 }
      return verdict
    }
    guard case .refused(let isNews) = verdict else { return true }
    if isNews {
      logger.warning(
        "a process that does not have the member's place is not heard",
        metadata: ["member": "\(sender)", "boot": "\(message.envelope.boot?.text ?? "not said")"])
    }
    // Raft expects messages to get lost; whoever copies waits for an answer.
    if case .syncRequest(let request) = message.envelope.body {
      refuse(CopyRoute(route: message.route, stream: request.streamID), "another process has the place of \(sender)")
    }
    return false
  }

  /// The address of a peer that can be copied from, nil if it is not known.
  func address(of peer: MemberID) -> MemberAddress? { state.withLock { $0.peers[peer] } }

  /// Handles what comes in until the network is closed.
  public func run() async throws {
    try await withThrowingDiscardingTaskGroup { group in
      while let event = try await inbox.next() {
        let member = state.withLock { $0.member }
        switch event {
        case .raft(let message, let sender): await member?.receive(message, from: sender)
        case .lost(let peer): await member?.peerDisconnected(peer)
        case .copy(let request, let key, let route):
          let session = CopySession(budget: request.budgetBytes)
          guard admit(session, route) else { continue }
          group.addTask { [self] in
            await serve(request, after: key, on: route, member: member, session: session)
          }
        }
      }
      for session in state.withLock({ Array($0.copies.values) }) { session.end() }
    }
  }

  /// Sends to a member if it is connected; otherwise the message is lost, as Raft expects.
  public func send(_ message: RaftMessage, to member: MemberID) {
    guard let link = state.withLock({ $0.links[member]?.link }) else { return }
    let (body, payload) = message.wire
    // Entries that a slow peer has not taken yet are not sent again on top: Raft asks for them later. What has none is
    // small and keeps the peer from campaigning.
    guard payload.isEmpty || link.outbound.bytes < Self.outboundByteLimit else {
      return heldBack.withLock { $0 += 1 }
    }
    _ = try? link.send(Envelope(body, node: node, boot: boot), payload: payload)
  }

  /// What waits, in and out, and what was counted since the start, over all connections of now.
  public var load: NetworkLoad {
    let (links, copies, refused) = state.withLock {
      ($0.links.values.map(\.link), $0.copies.count, $0.refusedIncarnations)
    }
    var load = NetworkLoad(
      inbox: inbox.load, copiesServed: copies, heldBack: heldBack.withLock { $0 }, refusedIncarnations: refused)
    for link in links { load.add(link.counters, link.outbound) }
    if let listener = listener.withLock({ $0 }) { load.add(listener.counters, listener.outbound) }
    return load
  }

  /// Closes all connections and ends `run`.
  public func close() {
    let links = state.withLock { state -> [MessageLink] in
      defer { state.links = [:] }
      state.member = nil
      return state.links.values.map(\.link)
    }
    for link in links { link.close() }
    listener.withLock { $0.take() }?.close()
    inbox.finish()
  }

  /// Answers a copying peer.
  func reply(_ body: MessageBody, payload: [UInt8] = [], to route: Route) throws(TransportError) {
    guard let listener = listener.withLock({ $0 }) else {
      throw TransportError(.closed, "the replication port is closed")
    }
    try listener.send(Envelope(body, node: node, boot: boot), payload: payload, to: route)
  }

  private func connect(to address: MemberAddress) {
    guard let key = try? CurvePublicKey(address.publicKey), state.withLock({ $0.links[address.node] == nil }) else {
      return
    }
    let peer = address.node
    do {
      let link = try MessageLink(
        endpoint: address.replicationAddress, from: sourceAddress, serverKey: key, identity: identity,
        limits: .replication, logger: logger
      ) { [weak self] event in
        if case .disconnected = event { self?.inbox.put(.lost(peer)) }
      }
      let isNew = state.withLock { state in
        guard state.links[peer] == nil else { return false }
        state.links[peer] = Link(link: link, address: address)
        return true
      }
      if isNew { try link.start() }
    } catch {
      state.withLock { $0.links[peer] = nil }
      logger.warning("no link to a member", metadata: ["member": "\(peer)", "reason": "\(error)"])
    }
  }

  private func onRequest(_ request: SyncRequest, _ inbound: Inbound) {
    let route = CopyRoute(route: inbound.route, stream: request.streamID)
    guard inbound.payload.count <= CopyLimits.largestStartKeyBytes else {
      return refuse(route, "the key to begin behind has more than \(CopyLimits.largestStartKeyBytes) bytes")
    }
    guard inbox.put(.copy(request, after: inbound.payload, route), bytes: inbound.bytes) else {
      return refuse(route, "too many messages wait at this member")
    }
  }

  private func onListener(_ event: ListenerEvent) {
    switch event {
    case .message(let inbound):
      guard let sender = inbound.peer.node, admits(inbound, from: sender) else { return }
      switch inbound.envelope.body {
      case .syncRequest(let request):
        onRequest(request, inbound)
      case .syncCredit(let credit):
        let route = CopyRoute(route: inbound.route, stream: credit.streamID)
        state.withLock { $0.copies[route] }?.grant(credit.bytes)
      default:
        guard let message = RaftMessage(wire: inbound.envelope.body, payload: inbound.payload) else { return }
        inbox.put(.raft(message, from: sender), bytes: inbound.bytes)
      }
    case .disconnected(let route), .undelivered(let route, _):
      let sessions = state.withLock { state in state.copies.filter { $0.key.route == route }.map(\.value) }
      for session in sessions { session.end() }
    }
  }
}

extension MemberAddress {
  /// Whether a connection to the one is a connection to the other.
  fileprivate func isReached(like other: MemberAddress) -> Bool {
    replicationAddress == other.replicationAddress && publicKey == other.publicKey
  }
}
