// SPDX-License-Identifier: GPL-3.0-or-later
internal import CZeroMQ

/// A socket together with what libzmq tells of its connections, in order.
///
/// They are one value because of their end: an I/O thread with an event for a monitor that nobody reads any more waits
/// for ever, and the whole context with it (libzmq 4.3.4). So the watch ends first, then the socket, then its reader.
struct WatchedSocket: ~Copyable {
  /// What happened to one connection, named by its file descriptor where libzmq tells it.
  enum Event: Equatable {
    case accepted(Int32)
    case handshakeSucceeded
    case handshakeFailed(Failure)
    case disconnected(Int32)
    case other
  }

  /// Why a handshake failed, as far as libzmq tells.
  enum Failure: Equatable {
    /// The other side's authentication handler said so, with its status.
    case refused(status: Int32)
    /// Keys that don't fit, another protocol, silence, a connection lost.
    case unexplained
  }

  /// The socket itself.
  let socket: Socket
  /// Where its events come out.
  let monitor: Socket

  /// Watches `socket` from now on; `name` is unique in the context.
  init(_ socket: consuming Socket, named name: String, in context: SocketContext) throws(TransportError) {
    let address = "inproc://monitor-\(name)"
    let monitor = try Socket(ZMQ_PAIR, in: context)
    try monitor.set(ZMQ_LINGER, 0)
    // No limit: an I/O thread with an event too many would wait for this thread, and at the end this one for it.
    try monitor.set(ZMQ_RCVHWM, 0)
    try socket.monitor(at: address)
    try monitor.connect(address)
    self.socket = socket
    self.monitor = monitor
  }

  deinit { socket.endMonitor() }

  /// The next event, nil if there is none yet. Layout as in zmq_socket_monitor(3): 16 bits event, 32 bits value.
  borrowing func nextEvent() -> Event? {
    guard let frames = monitor.receiveMessage(limit: 2) else { return nil }
    guard let bytes = frames.first?.bytes, bytes.count == 6 else { return .other }
    let event = Int32(bytes[0]) | Int32(bytes[1]) << 8
    let value = Int32(bitPattern: bytes[2...].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
    return switch event {
    case ZMQ_EVENT_ACCEPTED: .accepted(value)
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: .handshakeSucceeded
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: .handshakeFailed(.refused(status: value))
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: .handshakeFailed(.unexplained)
    case ZMQ_EVENT_DISCONNECTED: .disconnected(value)
    default: .other
    }
  }
}
