// SPDX-License-Identifier: GPL-3.0-or-later
internal import CZeroMQ
internal import Glibc
internal import Secrets

/// A ZeroMQ socket with one owner, used by one thread at a time.
@safe struct Socket: ~Copyable {
  /// How a frame fared that was to be sent.
  enum Outcome: Equatable { case sent, wouldBlock, unreachable, failed }

  private let context: SocketContext
  let handle: UnsafeMutableRawPointer

  init(_ kind: Int32, in context: SocketContext) throws(TransportError) {
    guard let handle = unsafe zmq_socket(context.handle, kind) else {
      throw .lastFailure("a ZeroMQ socket can't be made")
    }
    self.context = context
    unsafe self.handle = handle
  }

  deinit { unsafe zmq_close(handle) }

  borrowing func set(_ option: Int32, _ value: Int32) throws(TransportError) {
    var value = value
    try check(unsafe zmq_setsockopt(handle, option, &value, MemoryLayout<Int32>.size), "option \(option) can't be set")
  }

  borrowing func set(_ option: Int32, wide value: Int64) throws(TransportError) {
    var value = value
    try check(unsafe zmq_setsockopt(handle, option, &value, MemoryLayout<Int64>.size), "option \(option) can't be set")
  }

  borrowing func set(_ option: Int32, _ text: String) throws(TransportError) {
    try check(unsafe zmq_setsockopt(handle, option, text, text.utf8.count), "option \(option) can't be set")
  }

  borrowing func set(_ option: Int32, _ secret: Secret) throws(TransportError) {
    let result = secret.withBytes { span in
      unsafe span.withUnsafeBytes { unsafe zmq_setsockopt(handle, option, $0.baseAddress, $0.count) }
    }
    try check(result, "option \(option) can't be set")
  }

  borrowing func bind(_ address: String) throws(TransportError) {
    guard unsafe zmq_bind(handle, address) == 0 else {
      throw .lastFailure("can't listen on \(address); is it taken, or no address of this machine?", code: .address)
    }
  }

  borrowing func connect(_ address: String) throws(TransportError) {
    guard unsafe zmq_connect(handle, address) == 0 else {
      throw .lastFailure("\(address) is no address to connect to", code: .address)
    }
  }

  /// The port the socket listens on.
  borrowing func boundPort() throws(TransportError) -> UInt16 {
    // tcp://[address]:port and its terminator; an IPv6 address has at most 45 characters.
    var text = [CChar](repeating: 0, count: 256)
    var count = text.count
    try check(unsafe zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, &text, &count), "the bound address can't be read")
    let endpoint = String(decoding: text.prefix(while: { $0 != 0 }).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    guard let colon = endpoint.lastIndex(of: ":"), let port = UInt16(endpoint[endpoint.index(after: colon)...]) else {
      throw TransportError(.address, "the bound address can't be understood")
    }
    return port
  }

  /// Starts telling of the life of the connections on an inproc address.
  borrowing func monitor(at address: String) throws(TransportError) {
    // Without the event that tells of the end: libzmq would wait until somebody takes it.
    let events = ZMQ_EVENT_ALL & ~ZMQ_EVENT_MONITOR_STOPPED
    try check(unsafe zmq_socket_monitor(handle, address, events), "a socket can't be watched")
  }

  /// Stops telling; afterwards no I/O thread waits for the reader of the events.
  borrowing func endMonitor() { unsafe zmq_socket_monitor(handle, nil, 0) }

  /// Sends without waiting; the frame is empty afterwards if it was sent.
  borrowing func send(_ frame: Frame, more: Bool) -> Outcome {
    if unsafe zmq_msg_send(frame.message, handle, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) >= 0 { return .sent }
    return switch kf_last_error() {
    case EAGAIN: .wouldBlock
    case EHOSTUNREACH: .unreachable
    default: .failed
    }
  }

  /// Receives without waiting; false if there is nothing.
  borrowing func receive(_ frame: Frame) -> Bool { unsafe zmq_msg_recv(frame.message, handle, ZMQ_DONTWAIT) >= 0 }

  /// Receives a whole message without waiting, at most `limit` frames of it; nil if there is none.
  ///
  /// A message of more frames gives an empty list: nobody here sends such, and the surplus is taken off unseen.
  borrowing func receiveMessage(limit: Int) -> [Frame]? {
    var frames: [Frame] = []
    var surplus = false
    while true {
      let frame = Frame()
      guard receive(frame) else { return frames.isEmpty && !surplus ? nil : [] }
      if frames.count < limit { frames.append(frame) } else { surplus = true }
      if !frame.hasMore { return surplus ? [] : frames }
    }
  }

  private borrowing func check(_ result: Int32, _ sentence: String) throws(TransportError) {
    guard result == 0 else { throw .lastFailure(sentence) }
  }
}

extension Socket {
  /// Sets what listeners and links have in common: encryption, sizes, signs of life.
  borrowing func prepare(_ limits: TransportLimits, identity: CurveIdentity) throws(TransportError) {
    try set(ZMQ_CURVE_SECRETKEY, identity.secretKey)
    try set(ZMQ_IPV6, 1)
    try set(ZMQ_SNDHWM, limits.highWaterMark)
    try set(ZMQ_RCVHWM, limits.highWaterMark)
    try set(ZMQ_LINGER, limits.lingerMilliseconds)
    try set(ZMQ_MAXMSGSIZE, wide: Int64(limits.maximumFrameBytes + Self.encryptionOverhead))
    try set(ZMQ_HANDSHAKE_IVL, limits.handshakeTimeoutMilliseconds)
    try set(ZMQ_HEARTBEAT_IVL, limits.heartbeatIntervalMilliseconds)
    try set(ZMQ_HEARTBEAT_TIMEOUT, limits.heartbeatTimeoutMilliseconds)
    try set(ZMQ_HEARTBEAT_TTL, limits.heartbeatTimeoutMilliseconds)
  }

  /// What CURVE adds to a frame (RFC 26: command name, nonce, box), rounded up; libzmq's limit counts it.
  private static let encryptionOverhead = 64
}
