// SPDX-License-Identifier: GPL-3.0-or-later
internal import NIOCore

/// Cuts the stream of bytes into whole messages; refuses a length before its bytes are waited for.
struct FrameDecoder: ByteToMessageDecoder {
  typealias InboundOut = [UInt8]

  mutating func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
    guard let length = buffer.getInteger(at: buffer.readerIndex, endianness: .little, as: UInt32.self) else {
      return .needMoreData
    }
    guard length >= WireConstants.headerLength, length <= WireConstants.maximumMessageLength else {
      throw WireError("a message says it has \(length) bytes")
    }
    guard let bytes = buffer.readBytes(length: Int(length)) else { return .needMoreData }
    context.fireChannelRead(wrapInboundOut(bytes))
    return .continue
  }

  mutating func decodeLast(context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool) throws
    -> DecodingState
  {
    // What is left over when a client goes away in the middle of a message is nobody's.
    try decode(context: context, buffer: &buffer)
  }
}

/// Puts the bytes of a reply into the stream.
final class FrameEncoder: ChannelOutboundHandler {
  typealias OutboundIn = [UInt8]
  typealias OutboundOut = ByteBuffer

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    context.write(wrapOutboundOut(context.channel.allocator.buffer(bytes: unwrapOutboundIn(data))), promise: promise)
  }
}
