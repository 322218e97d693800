// SPDX-License-Identifier: GPL-3.0-or-later
internal import Logging
internal import Messages

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

  let setup: LinkSetup
  private let poller: Poller
  private let context: SocketContext
  private(set) var connection: LinkConnection?
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
      [Poller.Interest(connection.dealer.socket, toSend: !pending.isEmpty), Poller.Interest(connection.dealer.monitor)]
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
    setup.refusals.reset()
    connection = nil
    phase = .waiting(until: .now)
  }

  func allowsLog(_ kind: String) -> Bool { logLimit.allows(kind, now: .now) }
}

extension LinkLoop {
  private func watch() {
    while let event = connection?.dealer.nextEvent() {
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
    setup.refusals.reset()
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
    if setup.refusals.note(reason) { setup.waiters.finishAll(.failure(TransportError(.refused, reason.rawValue))) }
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
      switch connection.dealer.socket.send(first, more: outgoing.frames.count > 1) {
      case .wouldBlock: return
      case .sent:
        let rest = outgoing.frames.dropFirst()
        // Room was checked with the first frame: this fails only if the peer goes, and libzmq drops the rest.
        let complete = rest.allSatisfy { connection.dealer.socket.send($0, more: false) == .sent }
        setup.counters.count(complete ? \.sent : \.undelivered)
      case .unreachable, .failed: setup.counters.count(\.undelivered)
      }
      setup.queue.release(outgoing)
      _ = pending.popFirst()
    }
  }
}

// tidy:allow unchecked-sendable made by start() and handed to the link's thread, which alone uses it from then on
extension LinkLoop: @unchecked Sendable {}
