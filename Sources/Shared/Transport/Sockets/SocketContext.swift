// SPDX-License-Identifier: GPL-3.0-or-later
internal import CZeroMQ

/// libzmq's context of one listener or link: its I/O thread, and the inproc names of its authentication handler.
///
/// Each listener has its own, because libzmq knows one authentication handler per context.
@safe final class SocketContext {
  /// A listener or link has three sockets at a time, however many peers; a link that is refused again and again has a
  /// few more that libzmq is still closing.
  private static let maximumSockets: Int32 = 64

  let handle: UnsafeMutableRawPointer

  init() throws(TransportError) {
    _ = Self.jitterIsSeeded
    guard let handle = unsafe zmq_ctx_new() else { throw .lastFailure("a ZeroMQ context can't be made") }
    unsafe self.handle = handle
    unsafe zmq_ctx_set(handle, ZMQ_MAX_SOCKETS, Self.maximumSockets)
    unsafe zmq_ctx_set(handle, ZMQ_IPV6, 1)
  }

  /// Waits until all sockets have closed and queued messages left or their linger time passed.
  deinit { unsafe zmq_ctx_term(handle) }

  /// libzmq takes the jitter of its reconnects from rand(3), which gives every process the same numbers until seeded.
  private static let jitterIsSeeded: Bool = {
    kf_seed_jitter(UInt32.random(in: .min ... .max))
    return true
  }()
}
