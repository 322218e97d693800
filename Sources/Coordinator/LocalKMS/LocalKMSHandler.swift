// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// One connection: whole requests in, answers out.
final class LocalKMSHandler: ChannelInboundHandler {
  typealias InboundIn = NIOHTTPServerRequestFull
  typealias OutboundOut = HTTPServerResponsePart

  /// The largest body of a request; the largest of KMS is a ciphertext with its context.
  static let maximumBodyBytes = 64 * 1024

  private let engine: LocalKMSEngine

  init(engine: LocalKMSEngine) { self.engine = engine }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    context.triggerUserOutboundEvent(ConnectionEvent.requestComplete, promise: nil)
    let full = unwrapInboundIn(data)
    let request = KMSRequest(
      method: full.head.method.rawValue, target: full.head.uri,
      headers: full.head.headers.map { (name: $0.name, value: $0.value) }, body: full.body ?? ByteBuffer(),
      clientAddress: context.remoteAddress?.ipAddress ?? "")
    let isKeepAlive = full.head.isKeepAlive
    let engine = engine
    // The engine syncs files: never on an event loop.
    NIOThreadPool.singleton.runIfActive(eventLoop: context.eventLoop) { engine.reply(to: request) }
      .assumeIsolated().whenComplete { result in
        switch result {
        case .success(let reply): self.write(reply, isKeepAlive: isKeepAlive, context)
        case .failure: context.close(promise: nil)
        }
      }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  private func write(_ reply: KMSReply, isKeepAlive: Bool, _ context: ChannelHandlerContext) {
    guard context.channel.isActive else { return }
    var headers = HTTPHeaders()
    headers.add(name: "Content-Type", value: "application/x-amz-json-1.1")
    headers.add(name: "Content-Length", value: String(reply.body.readableBytes))
    headers.add(name: "Date", value: CivilTime(seconds: reply.dateSeconds).httpDate)
    headers.add(name: "x-amzn-RequestId", value: reply.requestID)
    headers.add(name: "Cache-Control", value: "no-store")
    if !isKeepAlive { headers.add(name: "Connection", value: "close") }
    let head = HTTPResponseHead(
      version: .http1_1, status: HTTPResponseStatus(statusCode: reply.status), headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(reply.body))), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { _ in
      var body = reply.body
      SecretWiping.wipe(&body)
      context.triggerUserOutboundEvent(ConnectionEvent.answered, promise: nil)
      if !isKeepAlive { context.close(promise: nil) }
    }
  }
}
