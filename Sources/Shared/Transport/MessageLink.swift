// SPDX-License-Identifier: GPL-3.0-or-later
public import Logging
public import Messages

/// Keeps one connection to one peer: DEALER socket, CURVE, on a thread of its own; connects again by itself.
public final class MessageLink: Sendable {
  /// How many tasks may wait in `connected(within:)`.
  private static let maximumWaiters = 1_024

  private let setup: LinkSetup
  private let wake = WakeSignal()
  private let thread = SocketThread()

  /// Makes a link to `endpoint` (`host:port`), from `source` (an address of this machine) or from what the system
  /// chooses; nothing happens before `start`. Throws `address`.
  public init(
    endpoint: String, from source: String? = nil, serverKey: CurvePublicKey, identity: CurveIdentity,
    limits: TransportLimits = .control,
    logger: Logger, onEvent: @escaping @Sendable (LinkEvent) -> Void
  ) throws(TransportError) {
    setup = LinkSetup(
      identity: identity, limits: limits, logger: logger,
      target: LinkTargetBox(try LinkTarget(endpoint, from: source, serverKey: serverKey)),
      queue: OutboundQueue(limits: limits, wake: wake, gate: .notConnected), counters: CounterBox(),
      calls: AwaitTable(limit: limits.outstandingCalls), waiters: AwaitTable(limit: Self.maximumWaiters),
      refusals: RefusalMemory(),
      onEvent: onEvent)
  }

  deinit { close() }

  /// Starts the thread and connects; throws `closed` the second time.
  public func start() throws(TransportError) {
    try wake.check()
    let loop = try LinkLoop(setup, wake: wake)
    try thread.start(name: "kf-link") { loop.run() }
  }

  /// Queues a message and answers its id (drawn if it was 0).
  ///
  /// Throws `notConnected` without a connection, `congested`, `encoding`, `tooLarge`, `closed`. Messages still queued
  /// when the connection ends are dropped: nothing stale is ever sent.
  @discardableResult
  public func send(_ envelope: Envelope, payload: [UInt8] = []) throws(TransportError) -> UInt64 {
    try setup.queue.submit(envelope, payload: payload, to: nil)
  }

  /// Sends a message and waits for the message that answers it; progress goes to `onProgress`.
  ///
  /// Throws `fault` if a fault answers, `notConnected` at once when the connection ends, `deadline`, `cancelled`,
  /// `congested` above `TransportLimits.outstandingCalls`.
  public func call(
    _ envelope: Envelope, payload: [UInt8] = [], within timeout: Duration,
    onProgress: (@Sendable (Reply) -> Void)? = nil
  ) async throws(TransportError) -> Reply {
    let queue = setup.queue
    var envelope = envelope
    envelope.messageID = queue.drawMessageID()
    let request = envelope
    return try await setup.calls.wait(for: request.messageID, until: .now + timeout, onProgress: onProgress) {
      () throws(TransportError) in _ = try queue.submit(request, payload: payload, to: nil)
    }
  }

  /// Waits for a connection; throws `refused` when the other side refuses, `deadline`, `closed`, `cancelled`.
  public func connected(within timeout: Duration) async throws(TransportError) {
    guard thread.isRunning else { throw TransportError(.closed, "the link is not started, or closed already") }
    let (queue, wake) = (setup.queue, wake)
    let (waiters, id) = (setup.waiters, queue.drawMessageID())
    do throws(TransportError) {
      try await waiters.wait(for: id, until: .now + timeout) { () throws(TransportError) in
        if queue.isClosed { throw TransportError(.closed, "the connection was closed on this side") }
        if queue.isOpen { waiters.finish(id, .success(())) }
        wake.signal()
      }
    } catch {
      guard error.code == .deadline, let reason = setup.refusals.last else { throw error }
      throw TransportError(.refused, reason.rawValue)
    }
  }

  /// Goes to another address or another key: ends the connection and makes a new one. Throws `address`.
  public func setEndpoint(_ endpoint: String, serverKey: CurvePublicKey) throws(TransportError) {
    setup.target.replace(try LinkTarget(endpoint, from: setup.target.target.source, serverKey: serverKey))
    wake.signal()
  }

  /// Checks addresses before anything is made of them; throws `address`.
  public static func check(endpoint: String, sourceAddress: String?) throws(TransportError) {
    try LinkTarget.check(endpoint)
    if let sourceAddress { try LinkTarget.check(source: sourceAddress) }
  }

  /// Whether both keys are proved and the connection stands.
  public var isConnected: Bool { setup.queue.isOpen }

  /// What waits to be sent now.
  public var outbound: OutboundLoad { setup.queue.load }

  /// What was counted since the start.
  public var counters: TransportCounters {
    var counters = setup.counters.snapshot
    counters.congested = setup.queue.refused
    return counters
  }

  /// Ends the connection and the thread, and waits for it, unless called from an event; harmless if called twice.
  public func close() {
    setup.queue.setGate(.closed)
    thread.join()
    setup.waiters.finishAll(.failure(TransportError(.closed, "the connection was closed on this side")))
    setup.calls.finishAll(.failure(TransportError(.closed, "the connection was closed on this side")))
  }
}
