// SPDX-License-Identifier: GPL-3.0-or-later
import CZeroMQ
import ClusterModel
import Logging
import Messages
import Synchronization
import Testing

@testable import Transport

/// Events in the order they came; a test waits for the next one.
final class Mailbox<Event: Sendable>: Sendable {
  private let stream: AsyncStream<Event>
  private let continuation: AsyncStream<Event>.Continuation

  init() { (stream, continuation) = AsyncStream.makeStream(of: Event.self) }

  func put(_ event: Event) { continuation.yield(event) }

  /// The next event.
  func next() async throws -> Event {
    for await event in stream { return event }
    throw CancellationError()
  }

  /// The next event for which `pick` gives something; others are passed over.
  func next<Picked>(_ pick: (Event) -> Picked?) async throws -> Picked {
    while true { if let picked = pick(try await next()) { return picked } }
  }
}

extension Mailbox<ListenerEvent> {
  func message() async throws -> Inbound {
    try await next { event in if case .message(let inbound) = event { inbound } else { nil } }
  }

  func disconnected() async throws -> Route {
    try await next { event in if case .disconnected(let route) = event { route } else { nil } }
  }
}

extension Mailbox<LinkEvent> {
  func connected() async throws { try await next { event in if case .connected = event { () } else { nil } } }
  func disconnected() async throws { try await next { event in if case .disconnected = event { () } else { nil } } }

  func refused() async throws -> RefusalReason {
    try await next { event in if case .refused(let reason) = event { reason } else { nil } }
  }

  func message() async throws -> Reply {
    try await next { event in
      if case .message(let envelope, let payload) = event { Reply(envelope: envelope, payload: payload) } else { nil }
    }
  }
}

/// A listener on a free port, with one enrolled node.
struct Stage {
  static let node = NodeName(checked: "orders-1")
  static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  /// Short times, so that what has to time out does so soon.
  static var limits: TransportLimits {
    var limits = TransportLimits.control
    limits.reconnectMinimumMilliseconds = 10
    limits.reconnectMaximumMilliseconds = 50
    limits.refusedMaximumMilliseconds = 100
    return limits
  }

  /// Limits that give up on a handshake soon, for those that never end.
  static var impatient: TransportLimits {
    var limits = Stage.limits
    limits.handshakeTimeoutMilliseconds = 300
    return limits
  }

  let server: CurveIdentity
  let client: CurveIdentity
  let allowList: AllowList
  let events = Mailbox<ListenerEvent>()
  let listener: MessageListener
  let port: UInt16

  init(limits: TransportLimits = Stage.limits, peer: PeerIdentity = .node(Stage.node)) throws {
    server = try .generate()
    client = try .generate()
    allowList = AllowList([client.publicKey: peer])
    let events = events
    listener = MessageListener(
      port: 0, identity: server, allowList: allowList, limits: limits, logger: Stage.quiet, onEvent: { events.put($0) })
    port = try listener.start()
  }

  var endpoint: String { "127.0.0.1:\(port)" }

  /// A link that has not started yet.
  func link(
    _ identity: CurveIdentity? = nil, serverKey: CurvePublicKey? = nil, limits: TransportLimits = Stage.limits
  ) throws -> (MessageLink, Mailbox<LinkEvent>) {
    let events = Mailbox<LinkEvent>()
    let link = try MessageLink(
      endpoint: endpoint, serverKey: serverKey ?? server.publicKey, identity: identity ?? client, limits: limits,
      logger: Stage.quiet, onEvent: { events.put($0) })
    return (link, events)
  }

  /// A link whose handshake is done.
  func connectedLink(limits: TransportLimits = Stage.limits) async throws -> (MessageLink, Mailbox<LinkEvent>) {
    let (link, events) = try link(limits: limits)
    try link.start()
    try await link.connected(within: .seconds(300))
    return (link, events)
  }

  static func heartbeat(_ term: UInt64, node: NodeName? = Stage.node) -> Envelope {
    Envelope(.timeoutNow(TimeoutNow(term: term)), node: node)
  }
}

/// A peer with a valid key that sends whatever bytes a test wants.
final class RawPeer {
  private let dealer: Socket
  private let poller = Poller(wake: WakeSignal())

  init(_ stage: Stage, limits: TransportLimits = Stage.limits) throws {
    let dealer = try Socket(ZMQ_DEALER, in: SocketContext())
    try dealer.prepare(limits, identity: stage.client)
    try dealer.set(ZMQ_CURVE_PUBLICKEY, stage.client.publicKey.text)
    try dealer.set(ZMQ_CURVE_SERVERKEY, stage.server.publicKey.text)
    try dealer.set(ZMQ_IMMEDIATE, 1)
    try dealer.connect("tcp://\(stage.endpoint)")
    self.dealer = dealer
  }

  func send(_ parts: [UInt8]...) throws {
    for (index, part) in parts.enumerated() {
      let frame = try Frame(part)
      while dealer.send(frame, more: index < parts.count - 1) == .wouldBlock {
        poller.wait([Poller.Interest(dealer, toSend: true)], milliseconds: 1_000)
      }
    }
  }

  /// Waits for the next message.
  func receive() throws -> (envelope: Envelope, payload: [UInt8]) {
    while true {
      if let frames = dealer.receiveMessage(limit: 2), let first = frames.first {
        return (try first.takeEnvelope(), frames.count > 1 ? frames[1].bytes : [])
      }
      poller.wait([Poller.Interest(dealer)], milliseconds: 1_000)
    }
  }

  func fault() throws -> (fault: Fault, correlationID: UInt64) {
    while true {
      let envelope = try receive().envelope
      if case .fault(let fault) = envelope.body { return (fault, envelope.correlationID) }
    }
  }
}

extension WipedBytes {
  /// The bytes, to compare them.
  var copy: [UInt8] { withBytes { (span) in unsafe span.withUnsafeBytes { unsafe Array($0) } } }
}

/// Waits until a counter says what a test expects; counters have no events.
func eventually(_ condition: () -> Bool) async throws {
  // tidy:allow sleep counters are read, not told; the suite's time limit ends the wait
  while !condition() { try await Task.sleep(for: .milliseconds(2)) }
}
