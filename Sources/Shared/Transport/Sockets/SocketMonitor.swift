// SPDX-License-Identifier: GPL-3.0-or-later
internal import CZeroMQ

/// What happens to the connections of a socket, told by libzmq in order.
struct SocketMonitor: ~Copyable {
  /// What happened to one connection, named by its file descriptor where libzmq knows it.
  enum Event: Equatable {
    case accepted(Int32)
    case handshakeSucceeded(Int32)
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

  let socket: Socket

  /// Watches `socket` from now on; `name` is unique in the context.
  init(of socket: borrowing Socket, named name: String, in context: SocketContext) throws(TransportError) {
    let address = "inproc://monitor-\(name)"
    try socket.monitor(at: address)
    let pair = try Socket(ZMQ_PAIR, in: context)
    try pair.set(ZMQ_LINGER, 0)
    try pair.connect(address)
    self.socket = pair
  }

  /// The next event, nil if there is none yet. Layout as in zmq_socket_monitor(3): 16 bits event, 32 bits value.
  borrowing func next() -> Event? {
    guard let frames = socket.receiveMessage(limit: 2) else { return nil }
    guard let bytes = frames.first?.bytes, bytes.count == 6 else { return .other }
    let event = Int32(bytes[0]) | Int32(bytes[1]) << 8
    let value = Int32(bitPattern: bytes[2...].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
    return switch event {
    case ZMQ_EVENT_ACCEPTED: .accepted(value)
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: .handshakeSucceeded(value)
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: .handshakeFailed(.refused(status: value))
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: .handshakeFailed(.unexplained)
    case ZMQ_EVENT_DISCONNECTED: .disconnected(value)
    default: .other
    }
  }
}
