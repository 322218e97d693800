// SPDX-License-Identifier: GPL-3.0-or-later
internal import CZeroMQ
internal import Logging
internal import Messages

/// What a listener's loop needs from its owner.
struct ListenerSetup: Sendable {
  let address: String
  let port: UInt16
  let identity: CurveIdentity
  let allowList: AllowList
  let gate: AddressGate
  let limits: TransportLimits
  let logger: Logger
  let onEvent: @Sendable (ListenerEvent) -> Void
}

/// A listener's sockets and everything that happens on them; made by `start`, then used by the listener's thread only.
final class ListenerLoop {
  /// How many connections the kernel keeps waiting for us: all nodes may come back at once.
  private static let backlog: Int32 = 1_024
  /// How many messages are taken before the other sockets and the outbound queue have their turn.
  static let messagesPerTurn = 256
  /// How soon a peer that could take no more is tried again, in milliseconds.
  private static let blockedRetryMilliseconds = 5

  let setup: ListenerSetup
  let queue: OutboundQueue
  let counters: CounterBox
  private let poller: Poller
  let router: WatchedSocket
  private let authenticator: Authenticator

  var sessions = Sessions()
  var credentials: [String: Credential] = [:]
  var logLimit = RateLimit()
  /// Where the open connections come from, by descriptor.
  var addresses: [Int32: String] = [:]
  /// Connections that were ended because of their address, and are not gone yet.
  var cut: Set<Int32> = []
  /// The rule's changes up to which the open connections were looked at.
  var enforcedChanges = 0
  private var handshakes = HandshakeTally()
  private var pending: [Route: FIFO<Outgoing>] = [:]

  /// Binds; the port is in `router` then.
  init(_ setup: ListenerSetup, queue: OutboundQueue, counters: CounterBox, wake: WakeSignal) throws(TransportError) {
    let context = try SocketContext()
    let authenticator = try Authenticator(setup.allowList, setup.gate, in: context)
    let router = try Socket(ZMQ_ROUTER, in: context)
    try router.prepare(setup.limits, identity: setup.identity)
    try router.set(ZMQ_CURVE_SERVER, 1)
    try router.set(ZMQ_ZAP_DOMAIN, Authenticator.domain)
    try router.set(ZMQ_ROUTER_MANDATORY, 1)
    try router.set(ZMQ_BACKLOG, Self.backlog)
    let watched = try WatchedSocket(router, named: "listener", in: context)
    let host = setup.address.contains(":") ? "[\(setup.address)]" : setup.address
    try watched.socket.bind("tcp://\(host):\(setup.port == 0 ? "*" : String(setup.port))")
    self.setup = setup
    self.queue = queue
    self.counters = counters
    poller = Poller(wake: wake)
    self.router = watched
    self.authenticator = authenticator
  }

  /// Serves until the queue is closed; then sends what can be sent at once.
  func run() {
    while !queue.isClosed {
      poller.wait(
        [Poller.Interest(router.socket), Poller.Interest(router.monitor), Poller.Interest(authenticator.socket)],
        milliseconds: pending.isEmpty ? nil : Self.blockedRetryMilliseconds)
      watch()
      enforceAddresses()
      authenticate()
      receive()
      flush()
    }
    flush()
    for route in Array(pending.keys) { giveUp(route) }
  }

  private func watch() {
    while let event = router.nextEvent() {
      switch event {
      case .accepted(let descriptor):
        handshakes.onAccepted(descriptor)
        onAccepted(descriptor)
      case .handshakeSucceeded:
        handshakes.onSucceeded()
        counters.count(\.connected)
      case .disconnected(let descriptor): onDisconnected(descriptor)
      case .handshakeFailed, .other: break
      }
    }
  }

  private func onDisconnected(_ descriptor: Int32) {
    addresses[descriptor] = nil
    cut.remove(descriptor)
    let refused = handshakes.onDisconnected(descriptor, isSpeaking: sessions.hasSession(behind:))
    if refused > 0 {
      counters.count(\.refusedHandshakes, by: refused)
      if allowsLog("handshake") {
        setup.logger.notice("a connection ended before it proved a key; more of them in this minute are only counted")
      }
    }
    guard let route = sessions.drop(descriptor: descriptor) else { return }
    counters.count(\.disconnected)
    onDead(route)
  }

  /// Tells the owner that a route is dead and gives up what waits for it.
  func onDead(_ route: Route) {
    giveUp(route)
    setup.onEvent(.disconnected(route))
  }

  private func authenticate() {
    while let (standing, address) = authenticator.answerNext() {
      let kind: String
      switch standing {
      case nil:
        noteRefusal(of: address)
        continue
      case .known?: continue
      case .revoked?:
        counters.count(\.revokedKeys)
        kind = "revoked"
      case .unknown?:
        counters.count(\.unknownKeys)
        kind = "unknown"
      }
      if allowsLog("\(kind) \(address)") {
        setup.logger.warning(
          "refused a connection with a key that is \(kind); more of them in this minute are only counted",
          metadata: ["address": "\(address)"])
      }
    }
  }

  func allowsLog(_ kind: String) -> Bool { logLimit.allows(kind, now: .now) }
}

extension ListenerLoop {
  /// Sends what is queued, until all is sent or its peers can take no more.
  private func flush() {
    for outgoing in queue.takeFresh() {
      guard let route = outgoing.route else { continue }
      if pending[route] == nil, deliver(outgoing, to: route) { continue }
      pending[route, default: FIFO()].append(outgoing)
    }
    for route in Array(pending.keys) {
      while let next = pending[route]?.first, deliver(next, to: route) { _ = pending[route]?.popFirst() }
      if pending[route]?.isEmpty == true { pending[route] = nil }
    }
  }

  /// Sends a message or gives it up; false if it has to wait.
  private func deliver(_ outgoing: Outgoing, to route: Route) -> Bool {
    guard isAdmitted(route), let address = try? Frame(route.routingID) else { return abandon(outgoing, route) }
    switch router.socket.send(address, more: true) {
    case .wouldBlock: return false
    case .unreachable, .failed:
      if sessions.drop(route) { setup.onEvent(.disconnected(route)) }
      return abandon(outgoing, route)
    case .sent: break
    }
    for (index, frame) in outgoing.frames.enumerated() {
      // Room was checked with the first frame: this fails only if the peer goes in between, and libzmq drops the rest.
      guard router.socket.send(frame, more: index < outgoing.frames.count - 1) == .sent else {
        return abandon(outgoing, route)
      }
    }
    counters.count(\.sent)
    queue.release(outgoing)
    return true
  }

  /// Whether a route is alive and its key still on the list: nothing is sent to a peer that was revoked meanwhile.
  private func isAdmitted(_ route: Route) -> Bool {
    guard let credential = sessions[route] else { return false }
    return setup.allowList.standing(of: credential.key) == .known(credential.peer)
  }

  private func abandon(_ outgoing: Outgoing, _ route: Route) -> Bool {
    counters.count(\.undelivered)
    queue.release(outgoing)
    setup.onEvent(.undelivered(route, messageID: outgoing.messageID))
    return true
  }

  private func giveUp(_ route: Route) {
    while let outgoing = pending[route]?.popFirst() { _ = abandon(outgoing, route) }
    pending[route] = nil
  }
}

// tidy:allow unchecked-sendable made by start() and handed to the listener's thread, which alone uses it from then on
extension ListenerLoop: @unchecked Sendable {}
