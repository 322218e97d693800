// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
public import Logging
public import Messages

/// Listens for peers on one address: ROUTER socket, CURVE, allow-list, on a thread of its own.
///
/// A node's messages have to carry the node's name in the envelope, everybody else's none; others are dropped.
public final class MessageListener: Sendable {
  private let setup: ListenerSetup
  private let counts = CounterBox()
  private let wake = WakeSignal()
  private let queue: OutboundQueue
  private let thread = SocketThread()
  private let gate = AddressGate()

  /// Makes a listener; nothing is bound before `start`.
  public init(
    address: String = "127.0.0.1", port: UInt16, identity: CurveIdentity, allowList: AllowList,
    limits: TransportLimits = .control, logger: Logger, onEvent: @escaping @Sendable (ListenerEvent) -> Void
  ) {
    setup = ListenerSetup(
      address: address, port: port, identity: identity, allowList: allowList, gate: gate, limits: limits,
      logger: logger, onEvent: onEvent)
    queue = OutboundQueue(limits: limits, wake: wake, gate: .open)
  }

  deinit { close() }

  /// Binds and starts the thread; answers the port. Throws `address` if the port is taken, `closed` the second time.
  @discardableResult
  public func start() throws(TransportError) -> UInt16 {
    try wake.check()
    let loop = try ListenerLoop(setup, queue: queue, counters: counts, wake: wake)
    let port = try loop.router.socket.boundPort()
    try thread.start(name: "kf-listen-\(port)") { loop.run() }
    return port
  }

  /// Queues a message for one connection and answers its id (drawn if it was 0).
  ///
  /// Throws `congested` if too much waits already, `encoding`, `tooLarge`, `closed`. Whether the peer still lives shows
  /// later, as `undelivered`.
  @discardableResult
  public func send(
    _ envelope: Envelope, payload: [UInt8] = [], to route: Route
  ) throws(TransportError) -> UInt64 {
    try queue.submit(envelope, payload: payload, to: route)
  }

  /// Lets peers connect from these addresses only, from now on, and ends the connections from others at once. Until
  /// then they may connect from anywhere.
  public func admitOnly(_ rule: AddressRule) {
    if gate.replace(rule) { wake.signal() }
  }

  /// What waits to be sent now.
  public var outbound: OutboundLoad { queue.load }

  /// What was counted since the start.
  public var counters: TransportCounters {
    var counters = counts.snapshot
    counters.congested = queue.refused
    return counters
  }

  /// Ends all connections and the thread, and waits for it, unless called from an event; harmless if called twice.
  public func close() {
    queue.setGate(.closed)
    thread.join()
  }
}
