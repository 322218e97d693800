// SPDX-License-Identifier: GPL-3.0-or-later
internal import CZeroMQ
internal import Messages

/// One frame of a message, in libzmq's own buffer.
@safe final class Frame {
  let message: UnsafeMutablePointer<zmq_msg_t>

  /// An empty frame, to receive into.
  init() {
    unsafe message = .allocate(capacity: 1)
    unsafe message.initialize(to: zmq_msg_t())
    unsafe zmq_msg_init(message)
  }

  deinit {
    unsafe zmq_msg_close(message)
    unsafe message.deallocate()
  }

  /// A frame of an encoded envelope.
  convenience init(_ envelope: borrowing PackedEnvelope) throws(TransportError) {
    try self.init(count: envelope.count)
    unsafe envelope.write(into: mutableBytes)
  }

  /// A frame of bytes.
  convenience init(_ bytes: [UInt8]) throws(TransportError) {
    try self.init(count: bytes.count)
    unsafe mutableBytes.copyBytes(from: bytes)
  }

  /// A frame to fill in; its bytes are overwritten when libzmq lets go of them, as they may carry a secret.
  private convenience init(count: Int) throws(TransportError) {
    self.init()
    guard unsafe kf_message_init_wiped(message, count) == 0 else {
      throw .lastFailure("a frame of \(count) bytes has no room")
    }
  }

  /// How many bytes it has.
  var count: Int { unsafe zmq_msg_size(message) }

  /// Whether more frames of the same message follow.
  var hasMore: Bool { unsafe zmq_msg_more(message) == 1 }

  /// The number of the file descriptor it came through; monitors name connections by it.
  var sourceDescriptor: Int32 { unsafe zmq_msg_get(message, ZMQ_SRCFD) }

  /// The bytes, copied.
  var bytes: [UInt8] { unsafe Array(UnsafeRawBufferPointer(mutableBytes)) }

  /// Whom the authentication handler saw on the connection; nil if the frame came through none.
  var userID: String? {
    guard let text = unsafe zmq_msg_gets(message, "User-Id") else { return nil }
    return unsafe String(validatingCString: text)
  }

  /// Decodes the envelope in it and overwrites the bytes, as they may have carried a secret.
  func takeEnvelope() throws(MessageError) -> Envelope {
    let buffer = unsafe mutableBytes
    defer { unsafe kf_wipe(buffer.baseAddress, buffer.count) }
    return try unsafe Envelope(decoding: UnsafeRawBufferPointer(buffer).bytes)
  }

  /// Copies the bytes out and overwrites them, as they may carry a secret.
  func takeBytes() -> [UInt8] {
    defer { unsafe kf_wipe(mutableBytes.baseAddress, mutableBytes.count) }
    return bytes
  }

  /// The same for what lives longer than the call: the copy is overwritten too, when its last owner lets go.
  func takeWipedBytes() -> WipedBytes {
    defer { unsafe kf_wipe(mutableBytes.baseAddress, mutableBytes.count) }
    return unsafe WipedBytes(copying: UnsafeRawBufferPointer(mutableBytes))
  }

  private var mutableBytes: UnsafeMutableRawBufferPointer {
    unsafe UnsafeMutableRawBufferPointer(start: zmq_msg_data(message), count: zmq_msg_size(message))
  }
}

// tidy:allow unchecked-sendable a frame is filled on one thread, passed on under a lock and sent on another
extension Frame: @unchecked Sendable {}
