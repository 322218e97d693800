// SPDX-License-Identifier: GPL-3.0-or-later
internal import CZeroMQ

/// Waits until one of some sockets has something, or another thread calls.
struct Poller {
  /// What a socket is waited for.
  @safe struct Interest {
    let handle: UnsafeMutableRawPointer
    let toSend: Bool

    init(_ socket: borrowing Socket, toSend: Bool = false) {
      unsafe handle = socket.handle
      self.toSend = toSend
    }
  }

  let wake: WakeSignal

  /// Waits at most `milliseconds`, for ever if it is nil. Spurious returns are allowed: callers try without waiting.
  func wait(_ interests: [Interest], milliseconds: Int?) {
    var items = unsafe [zmq_pollitem_t(socket: nil, fd: wake.descriptor, events: Int16(ZMQ_POLLIN), revents: 0)]
    for interest in interests {
      let events = Int16(ZMQ_POLLIN) | (interest.toSend ? Int16(ZMQ_POLLOUT) : 0)
      unsafe items.append(zmq_pollitem_t(socket: interest.handle, fd: 0, events: events, revents: 0))
    }
    _ = unsafe zmq_poll(&items, Int32(items.count), milliseconds ?? -1)
    wake.drain()
  }
}
