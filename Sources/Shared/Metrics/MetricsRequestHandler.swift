// SPDX-License-Identifier: GPL-3.0-or-later
internal import NIOCore
internal import NIOHTTP1

/// Answers the first request of a connection and closes it.
final class MetricsRequestHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let registry: MetricsRegistry
  private var head: HTTPRequestHead?
  private var hasAnswered = false

  init(_ registry: MetricsRegistry) { self.registry = registry }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !hasAnswered else { return }
    switch unwrapInboundIn(data) {
    case .head(let head): self.head = head
    case .body: break  // nobody sends one that means anything; its size is limited
    case .end:
      guard let head else { return context.close(promise: nil) }
      answer(head, context)
    }
  }

  /// What is not HTTP gets no answer.
  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    hasAnswered = true
    let path = head.uri.prefix { $0 != "?" }
    guard path == "/metrics" else {
      return write(.notFound, "text/plain; charset=utf-8", "There is only /metrics here.\n", head, context)
    }
    guard head.method == .GET || head.method == .HEAD else {
      return write(.methodNotAllowed, "text/plain; charset=utf-8", "Use GET.\n", head, context)
    }
    write(.ok, MetricsPage.contentType, registry.page().text(), head, context)
  }

  private func write(
    _ status: HTTPResponseStatus, _ type: String, _ text: String, _ request: HTTPRequestHead,
    _ context: ChannelHandlerContext
  ) {
    let body = context.channel.allocator.buffer(string: text)
    var headers = HTTPHeaders()
    headers.add(name: "Content-Type", value: type)
    headers.add(name: "Content-Length", value: String(body.readableBytes))
    headers.add(name: "Cache-Control", value: "no-store")
    headers.add(name: "Connection", value: "close")
    if status == .methodNotAllowed { headers.add(name: "Allow", value: "GET, HEAD") }
    let response = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
    context.write(wrapOutboundOut(.head(response)), promise: nil)
    if request.method != .HEAD { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
    let channel = context.channel
    context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
  }
}
