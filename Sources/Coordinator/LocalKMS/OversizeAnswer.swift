// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore
internal import NIOHTTP1

/// Gives the refusal of a body that is too large, which the aggregator behind it writes without words, the shape of its
/// dialect.
final class OversizeAnswer: ChannelDuplexHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  private let door: Door
  private let nowSeconds: () -> Int64
  private var request: HTTPRequestHead?

  init(door: Door, nowSeconds: @escaping () -> Int64) {
    self.door = door
    self.nowSeconds = nowSeconds
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if case .head(let head) = unwrapInboundIn(data) { request = head }
    context.fireChannelRead(data)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard case .head(var head) = unwrapOutboundIn(data), head.status == .payloadTooLarge, let request else {
      return context.write(data, promise: promise)
    }
    let asked = KMSRequest(
      method: request.method.rawValue, target: request.uri,
      headers: request.headers.map { (name: $0.name, value: $0.value) }, body: ByteBuffer(), clientAddress: "")
    let dialect = LocalKMSEngine.dialect(of: asked, at: door)
    let words = dialect.malformed("The body has more than \(LocalKMSHandler.maximumBodyBytes) bytes.")
    let fault = KMSFault(words.type, words.message, status: 413, detail: words.detail)
    let now = nowSeconds()
    let reply = KMSReply(fault, dialect, requestID: KeyIdentifier.random(), dateSeconds: now)
    head.headers.replaceOrAdd(name: "content-length", value: String(reply.body.readableBytes))
    head.headers.add(name: "Content-Type", value: reply.contentType)
    head.headers.add(name: "Date", value: CivilTime(seconds: now).httpDate)
    for (name, value) in reply.headers.sorted(by: { $0.key < $1.key }) { head.headers.add(name: name, value: value) }
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(reply.body))), promise: promise)
  }
}
