// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import NIOCore

/// Looks at the first bytes of a connection: TLS gets its handler, plaintext gets through or is turned away.
final class TLSDetector: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  /// A TLS record of type handshake begins with 22, 3 and a minor version of 1 to 4 (RFC 8446, section 5.1). Read as
  /// the length of a message of ours these bytes are at least 66,326, which no driver begins a connection with.
  private static let recordBytes = 3

  private let tls: DriverTLS
  private let refuse: () -> Void
  private var pending = ByteBuffer()

  init(_ tls: DriverTLS, onPlaintext refuse: @escaping () -> Void) {
    self.tls = tls
    self.refuse = refuse
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    pending.writeBuffer(&bytes)
    guard let isTLS = Self.isTLS(pending) else { return }
    if isTLS {
      do { try context.pipeline.syncOperations.addHandler(tls.makeHandler(), position: .after(self)) } catch {
        return context.close(promise: nil)
      }
    } else if tls.mode == .required {
      refuse()
      return context.close(promise: nil)
    }
    let all = pending
    pending = ByteBuffer()
    context.fireChannelRead(wrapInboundOut(all))
    context.pipeline.syncOperations.removeHandler(self, promise: nil)
  }

  /// Whether a connection that begins so is TLS; nil if it is too early to say.
  static func isTLS(_ bytes: ByteBuffer) -> Bool? {
    let start = Array(bytes.readableBytesView.prefix(recordBytes))
    if let first = start.first, first != 22 { return false }
    if start.count > 1, start[1] != 3 { return false }
    return start.count < recordBytes ? nil : (1...4).contains(start[2])
  }
}

/// Closes a connection whose first whole message does not come in time, so that idle ones can't take all places.
final class FirstMessageDeadline: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = IncomingMessage
  typealias InboundOut = IncomingMessage

  private let limit: TimeAmount
  private let expire: () -> Void
  private var timer: Scheduled<Void>?

  init(_ limit: TimeAmount, onExpiry expire: @escaping () -> Void) {
    self.limit = limit
    self.expire = expire
  }

  func handlerAdded(context: ChannelHandlerContext) {
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: limit) { [self] in
      expire()
      context.close(promise: nil)
    }
  }

  func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    timer?.cancel()
    context.fireChannelRead(data)
    context.pipeline.syncOperations.removeHandler(self, promise: nil)
  }
}
