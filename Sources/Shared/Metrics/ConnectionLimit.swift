// SPDX-License-Identifier: GPL-3.0-or-later
internal import NIOCore

/// Ends a connection that sends too much or lasts too long, whatever it is doing.
final class ConnectionLimit: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private let bytes: Int
  private let seconds: Int64
  private var received = 0
  private var timer: Scheduled<Void>?

  init(bytes: Int, seconds: Int64) {
    self.bytes = bytes
    self.seconds = seconds
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let channel = context.channel
    timer = context.eventLoop.scheduleTask(in: .seconds(seconds)) { channel.close(promise: nil) }
  }

  func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    received += unwrapInboundIn(data).readableBytes
    guard received <= bytes else { return context.close(promise: nil) }
    context.fireChannelRead(data)
  }
}
