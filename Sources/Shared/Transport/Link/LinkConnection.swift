// SPDX-License-Identifier: GPL-3.0-or-later
internal import CZeroMQ
internal import Logging

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
  let refusals: RefusalMemory
  let onEvent: @Sendable (LinkEvent) -> Void
}

/// One try to connect: the socket and what watches it.
final class LinkConnection {
  let dealer: WatchedSocket

  init(_ setup: LinkSetup, number: UInt64, in context: SocketContext) throws(TransportError) {
    let target = setup.target.target
    let dealer = try Socket(ZMQ_DEALER, in: context)
    try dealer.prepare(setup.limits, identity: setup.identity)
    try dealer.set(ZMQ_SNDHWM, setup.limits.linkSendHighWaterMark)
    try dealer.set(ZMQ_CURVE_PUBLICKEY, setup.identity.publicKey.text)
    try dealer.set(ZMQ_CURVE_SERVERKEY, target.serverKey.text)
    // Without a connection a message is refused rather than kept until it is stale. And each connection gets a pipe of
    // its own: with a shared one, a reader that fell behind before a reconnect makes libzmq abort the process
    // (libzmq issue 3937, open as of 4.3.4: "Assertion failed: _input_stopped").
    try dealer.set(ZMQ_IMMEDIATE, 1)
    try dealer.set(ZMQ_RECONNECT_IVL, setup.limits.reconnectMinimumMilliseconds)
    try dealer.set(ZMQ_RECONNECT_IVL_MAX, setup.limits.reconnectMaximumMilliseconds)
    let watched = try WatchedSocket(dealer, named: "link-\(number)", in: context)
    try watched.socket.connect(target.address)
    self.dealer = watched
  }
}
