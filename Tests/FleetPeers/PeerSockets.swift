// SPDX-License-Identifier: GPL-3.0-or-later
internal import CZeroMQ
internal import Glibc

/// A CURVE key pair in Z85.
package struct PeerKeys: Sendable {
  package let publicKey: String
  package let secretKey: String

  /// Draws a pair; nil if libzmq can't.
  package init?() {
    // 40 characters and the terminator each.
    var (open, secret) = ([CChar](repeating: 0, count: 41), [CChar](repeating: 0, count: 41))
    guard unsafe zmq_curve_keypair(&open, &secret) == 0 else { return nil }
    func text(_ characters: [CChar]) -> String {
      String(decoding: characters.prefix(40).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    (publicKey, secretKey) = (text(open), text(secret))
  }
}

/// Many DEALER sockets with CURVE, in one context and used by one thread, set up as `MessageLink` sets up its own: a
/// thousand links would be three thousand threads, and those would be what is measured.
@safe final class PeerSockets {
  private let context: UnsafeMutableRawPointer?
  private var sockets: [UnsafeMutableRawPointer?]
  private var items: [zmq_pollitem_t]
  private let endpoint: String
  private let serverKey: String
  private let keys: [PeerKeys]

  init(endpoint: String, serverKey: String, keys: [PeerKeys]) {
    (self.endpoint, self.serverKey, self.keys) = (endpoint, serverKey, keys)
    unsafe context = zmq_ctx_new()
    unsafe zmq_ctx_set(context, ZMQ_MAX_SOCKETS, Int32(clamping: 2 * keys.count + 64))
    unsafe sockets = Array(repeating: nil, count: keys.count)
    unsafe items = Array(repeating: zmq_pollitem_t(), count: keys.count)
  }

  deinit {
    for index in keys.indices { close(index) }
    unsafe zmq_ctx_term(context)
  }

  /// Makes a peer's socket and connects it; false if that can't be done.
  func connect(_ index: Int) -> Bool {
    close(index)
    guard let socket = unsafe zmq_socket(context, ZMQ_DEALER) else { return false }
    unsafe sockets[index] = socket
    for (option, value): (Int32, Int32) in [
      (ZMQ_LINGER, 0), (ZMQ_SNDHWM, 2048), (ZMQ_RCVHWM, 2048), (ZMQ_RECONNECT_IVL, 100), (ZMQ_RECONNECT_IVL_MAX, 1000),
      (ZMQ_HANDSHAKE_IVL, 30_000), (ZMQ_HEARTBEAT_IVL, 1000), (ZMQ_HEARTBEAT_TIMEOUT, 3000), (ZMQ_HEARTBEAT_TTL, 3000),
    ] {
      var value = value
      guard unsafe zmq_setsockopt(socket, option, &value, MemoryLayout<Int32>.size) == 0 else { return false }
    }
    for (option, text) in [
      (ZMQ_CURVE_SERVERKEY, serverKey), (ZMQ_CURVE_PUBLICKEY, keys[index].publicKey),
      (ZMQ_CURVE_SECRETKEY, keys[index].secretKey),
    ] {
      // With its terminator, which tells libzmq that it is text.
      guard unsafe zmq_setsockopt(socket, option, text, text.utf8.count + 1) == 0 else { return false }
    }
    return unsafe zmq_connect(socket, "tcp://\(endpoint)") == 0
  }

  func close(_ index: Int) {
    if let socket = unsafe sockets[index] { unsafe zmq_close(socket) }
    unsafe sockets[index] = nil
  }

  /// Sends without waiting; false if the socket can't take it now.
  @discardableResult
  func send(_ bytes: [UInt8], from index: Int) -> Bool {
    guard let socket = unsafe sockets[index] else { return false }
    return unsafe zmq_send(socket, bytes, bytes.count, ZMQ_DONTWAIT) >= 0
  }

  /// Waits for messages and hands out the first frame of each, with the number of the peer that it is for.
  func receive(within milliseconds: Int, _ body: (Int, [UInt8]) -> Void) {
    for index in keys.indices {
      unsafe items[index] = zmq_pollitem_t(
        socket: sockets[index], fd: -1, events: unsafe sockets[index] == nil ? 0 : Int16(ZMQ_POLLIN), revents: 0)
    }
    guard unsafe zmq_poll(&items, Int32(clamping: items.count), milliseconds) > 0 else { return }
    for index in keys.indices where unsafe items[index].revents != 0 {
      while let bytes = next(at: index) { body(index, bytes) }
    }
  }

  private func next(at index: Int) -> [UInt8]? {
    guard let socket = unsafe sockets[index] else { return nil }
    var first: [UInt8]?
    while true {
      var message = zmq_msg_t()
      unsafe zmq_msg_init(&message)
      defer { unsafe zmq_msg_close(&message) }
      guard unsafe zmq_msg_recv(&message, socket, ZMQ_DONTWAIT) >= 0 else { return first }
      if first == nil {
        first = unsafe Array(UnsafeRawBufferPointer(start: zmq_msg_data(&message), count: zmq_msg_size(&message)))
      }
      if unsafe zmq_msg_more(&message) == 0 { return first }
    }
  }
}
