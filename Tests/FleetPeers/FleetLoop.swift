// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import Messages

/// Agents that do what a coordinator asks.
final class FleetLoop: PeerLoop {
  /// How long a process takes from its end until it is up again.
  private static let restart: Milliseconds = 100

  private let sockets: PeerSockets
  private let clock = LoopClock()
  private var peers: [FleetPeer]
  private var heartbeat: Milliseconds = 2000
  private var counted = FleetSight()

  init(sockets: PeerSockets, count: Int) {
    self.sockets = sockets
    peers = (0..<count).map {
      FleetPeer(number: $0, name: FleetShape.node($0), cluster: FleetShape.cluster($0))
    }
  }

  var sight: FleetSight {
    var sight = counted
    sight.lowestList = .max
    for peer in peers {
      if peer.isWelcome { sight.welcome += 1 }
      if peer.core.isServing { sight.serving += 1 }
      if peer.isListed { sight.listed += 1 }
      sight.restarts += peer.restarts
      sight.lowestList = min(sight.lowestList, peer.ipListVersion)
    }
    return sight
  }

  func begin() { for index in peers.indices { up(index) } }

  func turn() {
    sockets.receive(within: 5) { index, bytes in
      counted.heard += 1
      guard let envelope = try? Envelope(decoding: bytes) else { return counted.trouble = "a message can't be read" }
      hear(envelope, at: index, bytes: bytes.count)
    }
    let now = clock.now
    for index in peers.indices {
      if let at = peers[index].restartsAt {
        if now >= at { up(index) }
        continue
      }
      guard now >= peers[index].wordAt else { continue }
      perform(peers[index].core.onTick(now: now), at: index)
      // A hello that was not answered is said again, as over a link that came up anew.
      if peers[index].isWelcome { report(index) } else { hello(index) }
    }
  }

  // MARK: Saying

  private func up(_ index: Int) {
    peers[index].begin()
    if !sockets.connect(index) { counted.trouble = "\(peers[index].name) can't connect" }
    hello(index)
  }

  private func hello(_ index: Int) {
    say(.hello(Hello(report: peers[index].report, highestEpoch: peers[index].core.epoch)), at: index)
    // While the coordinator has a thousand handshakes to make, nobody asks it more often than this.
    peers[index].wordAt = clock.now + 10 * heartbeat
  }

  private func report(_ index: Int) {
    counted.heartbeatBytes = say(.heartbeat(peers[index].report), at: index)
    peers[index].wordAt = clock.now + heartbeat
  }

  @discardableResult
  private func say(_ body: MessageBody, at index: Int) -> Int {
    let peer = peers[index]
    let envelope = Envelope(
      body, cluster: peer.core.assignment?.cluster, node: peer.name, epoch: peer.core.epoch, messageID: 1)
    guard let bytes = try? envelope.encoded(), sockets.send(bytes, from: index) else { return 0 }
    counted.said += 1
    return bytes.count
  }

  // MARK: Hearing

  private func hear(_ envelope: Envelope, at index: Int, bytes: Int) {
    let now = clock.now
    switch envelope.body {
    case .welcome(let welcome):
      if let epoch = envelope.epoch { _ = peers[index].core.onEpoch(epoch) }
      heartbeat = Milliseconds(welcome.heartbeatMilliseconds)
      peers[index].isWelcome = true
      perform(peers[index].core.onAssignment(welcome.assignment, now: now), at: index)
      if welcome.assignment.notApprovedReason != nil { counted.trouble = "\(peers[index].name) is not approved" }
    case .command(let command):
      guard let epoch = envelope.epoch else { return }
      perform(peers[index].core.onCommand(command, epoch: epoch, now: now), at: index)
    case .ipList(let list):
      guard list.version > peers[index].ipListVersion else { return }
      counted.listBytes = bytes
      peers[index].ipListVersion = list.version
      peers[index].isListed = list.nodes.contains { $0.node == peers[index].name }
      if !list.nodes.allSatisfy({ $0.cluster == peers[index].cluster }) {
        counted.trouble = "\(peers[index].name) was sent addresses of another cluster"
      }
      report(index)
    case .auditHead(let message): say(.auditHead(AuditHeadMessage(message.head)), at: index)
    case .fault(let fault) where fault.code == .notReady: perform(peers[index].core.onUnknownLink(now: now), at: index)
    default: break
    }
  }

  private func perform(_ directives: [AgentDirective], at index: Int) {
    let now = clock.now
    for directive in directives {
      switch directive {
      case .open:
        guard let generation = peers[index].generation else { continue }
        perform(peers[index].core.onOpened(generation, check: nil, now: now), at: index)
      case .formShard:
        let generation = GenerationReport(id: .random(), encrypted: false)
        peers[index].generation = generation
        peers[index].core.onFormed(generation)
        perform(peers[index].core.onOpened(generation, check: nil, now: now), at: index)
      case .close: perform(peers[index].core.onClosed(now: now), at: index)
      case .stepDown(let id):
        handOver(from: index)
        perform(peers[index].core.onWorkFinished(id, outcome: .done, generation: nil, now: now), at: index)
      case .replaceProcessImage:
        sockets.close(index)
        handOver(from: index)
        peers[index].restarts += 1
        peers[index].restartsAt = now + Self.restart
        return
      case .reply(let result): say(.commandResult(result), at: index)
      case .report: report(index)
      case .hello: hello(index)
      case .updatePeers, .check, .watchLockOut, .endCopy: break
      default: counted.trouble = "\(peers[index].name) was asked for what this fleet does not do: \(directive)"
      }
    }
  }

  /// Another member of the shard becomes its primary, in the next term.
  private func handOver(from index: Int) {
    guard peers[index].isPrimary else { return }
    let first = index - peers[index].place
    let members = first..<min(first + FleetShape.nodesPerCluster, peers.count)
    guard let other = members.first(where: { $0 != index && peers[$0].core.isServing }) else { return }
    let term = peers[index].term + 1
    for member in members {
      peers[member].term = term
      peers[member].isPrimary = member == other
      if member != index { report(member) }
    }
  }
}
