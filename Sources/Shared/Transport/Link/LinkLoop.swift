// SPDX-License-Identifier: GPL-3.0-or-later
internal import CZeroMQ
internal import Logging
internal import Messages

/// What a link's loop shares with its owner.
struct LinkSetup: Sendable {
  let identity: CurveIdentity
  let limits: TransportLimits
  let logger: Logger
  let target: LinkTargetBox
  let queue: OutboundQueue
  let counters: CounterBox
  let calls: AwaitTable<Reply>
  let waiters: AwaitTable<Void>
  let onEvent: @Sendable (LinkEvent) -> Void
}

/// One try to connect: the socket and what watches it.
final class LinkConnection {
  let dealer: Socket
  let monitor: SocketMonitor

  init(_ setup: LinkSetup, number: UInt64, in context: SocketContext) throws(TransportError) {
    let target = setup.target.target
    let dealer = try Socket(ZMQ_DEALER, in: context)
    try dealer.prepare(setup.limits, identity: setup.identity)
    try dealer.set(ZMQ_CURVE_PUBLICKEY, setup.identity.publicKey.text)
    try dealer.set(ZMQ_CURVE_SERVERKEY, target.serverKey.text)
    // Without a connection a message is refused rather than kept until it is stale.
    try dealer.set(ZMQ_IMMEDIATE, 1)
    try dealer.set(ZMQ_RECONNECT_IVL, setup.limits.reconnectMinimumMilliseconds)
    try dealer.set(ZMQ_RECONNECT_IVL_MAX, setup.limits.reconnectMaximumMilliseconds)
    let monitor = try SocketMonitor(of: dealer, named: "link-\(number)", in: context)
    try dealer.connect("tcp://\(target.endpoint)")
    self.dealer = dealer
    self.monitor = monitor
  }
}

/// A link's socket and everything that happens on it; used by the link's thread only.
final class LinkLoop {
  private enum Phase {
    /// libzmq tries by itself; ends in `connected`, or in `waiting` when the other side refuses.
    case connecting
    /// Both keys are proved; ends in `connecting` when the connection is lost.
    case connected
    /// Refused, or no socket could be had; ends in `connecting` at that time.
    case waiting(until: ContinuousClock.Instant)
  }

  /// How many messages are taken before the outbound queue has its turn.
  private static let messagesPerTurn = 256
  /// The frames of a message: envelope, maybe a payload.
  private static let maximumFrames = 2

  private let setup: LinkSetup
  private let poller: Poller
  private let context: SocketContext
  private var connection: LinkConnection?
  private var connections: UInt64 = 0
  private var phase: Phase = .waiting(until: .now)
  private var backOff: BackOff
  private var pending = FIFO<Outgoing>()
  private var logLimit = RateLimit()

  init(_ setup: LinkSetup, wake: WakeSignal) throws(TransportError) {
    self.setup = setup
    poller = Poller(wake: wake)
    context = try SocketContext()
    backOff = BackOff(
      minimumMilliseconds: setup.limits.reconnectMinimumMilliseconds,
      maximumMilliseconds: setup.limits.refusedMaximumMilliseconds)
  }

  /// Keeps the connection until the queue is closed; then sends what can be sent at once.
  func run() {
    while !setup.queue.isClosed {
      if setup.target.takeChange() { restart() }
      openIfDue()
      wait()
      watch()
      receive()
      flush()
    }
    flush()
    end(TransportError(.closed, "the connection was closed on this side"), dropping: true)
    connection = nil
  }

  private func wait() {
    let now = ContinuousClock.now
    var next = [setup.calls.expire(now: now), setup.waiters.expire(now: now)].compactMap(\.self)
    if case .waiting(let until) = phase { next.append(until) }
    let timeout = next.min().map { Int(max(($0 - now) / .milliseconds(1), 0).rounded(.up)) }
    let interests = connection.map { connection in
      [Poller.Interest(connection.dealer, toSend: !pending.isEmpty), Poller.Interest(connection.monitor.socket)]
    }
    poller.wait(interests ?? [], milliseconds: timeout)
  }

  private func openIfDue() {
    guard case .waiting(let until) = phase, until <= .now else { return }
    connections += 1
    do {
      connection = try LinkConnection(setup, number: connections, in: context)
      phase = .connecting
    } catch {
      phase = .waiting(until: .now + backOff.next())
      if allowsLog("open") { setup.logger.error("\(error)") }
    }
  }

  /// Begins anew with another target.
  private func restart() {
    onDisconnected()
    backOff.reset()
    connection = nil
    phase = .waiting(until: .now)
  }

  private func allowsLog(_ kind: String) -> Bool { logLimit.allows(kind, now: .now) }
}

extension LinkLoop {
  private func watch() {
    while let event = connection?.monitor.next() {
      switch event {
      case .handshakeSucceeded: onConnected()
      case .disconnected: onDisconnected()
      case .handshakeFailed(.refused(let status)): onRefused(status == 400 ? .keyRevoked : .keyUnknown)
      case .handshakeFailed(.unexplained): onRefused(.keyUnknown)
      case .accepted, .other: break
      }
    }
  }

  private func onConnected() {
    phase = .connected
    backOff.reset()
    setup.counters.count(\.connected)
    setup.queue.setGate(.open)
    setup.logger.info("connected", metadata: ["endpoint": "\(setup.target.target.endpoint)"])
    setup.onEvent(.connected)
    setup.waiters.finishAll(.success(()))
  }

  private func onDisconnected() {
    guard case .connected = phase else { return }
    phase = .connecting
    setup.counters.count(\.disconnected)
    setup.logger.info("disconnected", metadata: ["endpoint": "\(setup.target.target.endpoint)"])
    end(TransportError(.notConnected, "the connection ended before the answer came"), dropping: false)
    setup.onEvent(.disconnected)
  }

  /// libzmq would try for ever at full pace, or after a 400 never again: the socket is made anew, ever more slowly.
  private func onRefused(_ reason: RefusalReason) {
    onDisconnected()
    connection = nil
    phase = .waiting(until: .now + backOff.next())
    setup.counters.count(\.refusedHandshakes)
    if allowsLog("refused \(reason.rawValue)") {
      setup.logger.warning(
        "refused: \(reason.rawValue)", metadata: ["endpoint": "\(setup.target.target.endpoint)"])
    }
    setup.onEvent(.refused(reason))
    setup.waiters.finishAll(.failure(TransportError(.refused, reason.rawValue)))
  }

  /// Shuts the gate, drops what waits to be sent, and fails the calls in flight.
  private func end(_ error: TransportError, dropping closing: Bool) {
    setup.queue.setGate(closing ? .closed : .notConnected)
    for outgoing in setup.queue.takeFresh() { pending.append(outgoing) }
    while let outgoing = pending.popFirst() {
      setup.counters.count(\.undelivered)
      setup.queue.release(outgoing)
    }
    setup.calls.finishAll(.failure(error))
    if closing { setup.waiters.finishAll(.failure(error)) }
  }

  private func flush() {
    for outgoing in setup.queue.takeFresh() { pending.append(outgoing) }
    guard let connection else { return }
    while let outgoing = pending.first {
      guard let first = outgoing.frames.first else { return }
      switch connection.dealer.send(first, more: outgoing.frames.count > 1) {
      case .wouldBlock: return
      case .sent:
        let rest = outgoing.frames.dropFirst()
        // Room was checked with the first frame: this fails only if the peer goes in between, and libzmq drops the rest.
        let complete = rest.allSatisfy { connection.dealer.send($0, more: false) == .sent }
        setup.counters.count(complete ? \.sent : \.undelivered)
      case .unreachable, .failed: setup.counters.count(\.undelivered)
      }
      setup.queue.release(outgoing)
      _ = pending.popFirst()
    }
  }
}

extension LinkLoop {
  private func receive() {
    for _ in 0..<Self.messagesPerTurn {
      guard let frames = connection?.dealer.receiveMessage(limit: Self.maximumFrames) else { return }
      guard let first = frames.first else {
        setup.counters.count(\.malformed)
        continue
      }
      do throws(MessageError) {
        let envelope = try first.takeEnvelope()
        setup.counters.count(\.received)
        take(Reply(envelope: envelope, payload: frames.count == Self.maximumFrames ? frames[1].takeBytes() : []))
      } catch {
        refuse(error)
      }
    }
  }

  private func take(_ reply: Reply) {
    switch delivery(of: reply) {
    case .delivered: break
    case .late: setup.counters.count(\.lateReplies)
    case .unknown: setup.onEvent(.message(reply.envelope, payload: reply.payload))
    }
  }

  private func delivery(of reply: Reply) -> AwaitTable<Reply>.Delivery {
    let id = reply.envelope.correlationID
    guard id != 0 else { return .unknown }
    switch reply.envelope.body {
    case .fault(let fault):
      return setup.calls.finish(id, .failure(TransportError(.fault, fault.description, fault: fault)))
    case .operatorReply(let answer) where !answer.final: return setup.calls.progress(id, reply)
    default: return setup.calls.finish(id, .success(reply))
    }
  }

  /// Counts and logs only: were faults answered with faults, two versions could do so for ever.
  private func refuse(_ error: MessageError) {
    switch error.code {
    case .unsupportedVersion: setup.counters.count(\.unsupportedVersion)
    case .unknownMessage: setup.counters.count(\.unknownMessage)
    case .malformed, .invalidUTF8, .embeddedNUL, .outOfRange, .invalidValue, .missing, .memoryBudget, .tooLarge,
      .secretStorage:
      setup.counters.count(\.malformed)
    }
    if allowsLog("malformed") { setup.logger.warning("\(error)") }
  }
}

// tidy:allow unchecked-sendable made by start() and handed to the link's thread, which alone uses it from then on
extension LinkLoop: @unchecked Sendable {}
