// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
internal import KeyManagement
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// One connection: whole requests in, answers out.
final class LocalKMSHandler: ChannelInboundHandler {
  typealias InboundIn = NIOHTTPServerRequestFull
  typealias OutboundOut = HTTPServerResponsePart

  /// The largest body of a request; the largest are Google's, with 64 KiB of text and as much that is authenticated.
  static let maximumBodyBytes = 256 * 1024

  /// How long a request that is never answered keeps its connection.
  static let silence = TimeAmount.minutes(10)

  private let engine: LocalKMSEngine
  private let door: Door
  private let hasWrongCertificate: Bool

  init(engine: LocalKMSEngine, door: Door, hasWrongCertificate: Bool) {
    self.engine = engine
    self.door = door
    self.hasWrongCertificate = hasWrongCertificate
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    context.triggerUserOutboundEvent(ConnectionEvent.requestComplete, promise: nil)
    let full = unwrapInboundIn(data)
    let request = KMSRequest(
      method: full.head.method.rawValue, target: full.head.uri,
      headers: full.head.headers.map { (name: $0.name, value: $0.value) }, body: full.body ?? ByteBuffer(),
      clientAddress: context.remoteAddress?.ipAddress ?? "")
    let isKeepAlive = full.head.isKeepAlive
    guard door != .admin else { return answer(request, FaultEffects(), isKeepAlive, context) }
    if door == .service, !hasWrongCertificate, engine.faults.endsRightConnections(from: request.clientAddress) {
      return context.close(promise: nil)
    }
    let effects = engine.faults.effects(
      on: LocalKMSEngine.dialect(of: request, at: door), from: request.clientAddress,
      region: (try? RequestVerifier.claim(of: request))?.scope.region)
    let delay = TimeAmount.milliseconds(Int64(effects.delayMilliseconds))
    context.eventLoop.assumeIsolated().scheduleTask(in: delay) {
      switch effects.ending {
      case .silence: context.eventLoop.assumeIsolated().scheduleTask(in: Self.silence) { context.close(promise: nil) }
      case .reset: self.reset(context)
      case nil, .garbage, .refused: self.answer(request, effects, isKeepAlive, context)
      }
    }
  }

  /// Ends the connection with a reset: what is not sent is dropped, and TLS says no goodbye.
  private func reset(_ context: ChannelHandlerContext) {
    guard let options = context.channel as? any SocketOptionProvider else { return context.close(promise: nil) }
    options.setSoLinger(linger(l_onoff: 1, l_linger: 0)).assumeIsolated().whenComplete { _ in
      context.triggerUserOutboundEvent(ConnectionEvent.end, promise: nil)
    }
  }

  private func answer(
    _ request: KMSRequest, _ effects: FaultEffects, _ isKeepAlive: Bool, _ context: ChannelHandlerContext
  ) {
    let (engine, door) = (engine, door)
    // The engine syncs files: never on an event loop.
    NIOThreadPool.singleton.runIfActive(eventLoop: context.eventLoop) { engine.reply(to: request, at: door, effects) }
      .assumeIsolated().whenComplete { result in
        switch result {
        case .success(let reply): self.write(reply, isKeepAlive: isKeepAlive, context)
        case .failure: context.close(promise: nil)
        }
      }
  }

  /// Overwrites the readable bytes of a buffer where they lie, for all who hold them.
  ///
  /// A write through the buffer would copy storage that somebody else holds too, and overwrite the copy.
  static func wipe(_ buffer: ByteBuffer) {
    unsafe buffer.withUnsafeReadableBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      unsafe explicit_bzero(UnsafeMutableRawPointer(mutating: start), bytes.count)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  private func write(_ reply: KMSReply, isKeepAlive: Bool, _ context: ChannelHandlerContext) {
    guard context.channel.isActive else { return }
    var headers = HTTPHeaders()
    headers.add(name: "Content-Type", value: reply.contentType)
    headers.add(name: "Content-Length", value: String(reply.body.readableBytes))
    headers.add(name: "Date", value: CivilTime(seconds: reply.dateSeconds).httpDate)
    for (name, value) in reply.headers.sorted(by: { $0.key < $1.key }) { headers.add(name: name, value: value) }
    headers.add(name: "Cache-Control", value: "no-store")
    if !isKeepAlive { headers.add(name: "Connection", value: "close") }
    let head = HTTPResponseHead(
      version: .http1_1, status: HTTPResponseStatus(statusCode: reply.status), headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(reply.body))), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { _ in
      // The future that brought the reply holds its body too.
      Self.wipe(reply.body)
      context.triggerUserOutboundEvent(ConnectionEvent.answered, promise: nil)
      if !isKeepAlive { context.close(promise: nil) }
    }
  }
}
