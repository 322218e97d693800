// SPDX-License-Identifier: GPL-3.0-or-later

internal import NIOCore

/// What the handler of a connection tells the deadline at the network's end of it.
enum ConnectionEvent: Sendable {
  /// A whole request is there: the deadline rests while it is answered.
  case requestComplete
  /// The answer is written: the next request has the whole deadline.
  case answered
  /// Close without waiting for the client.
  case end
}

/// Ends a connection that goes without a complete request for too long: idle and slow clients alike.
///
/// It stands before TLS, because a close that starts behind TLS waits for a handshake that such a client never ends.
final class ConnectionDeadline: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer

  private let deadline: TimeAmount
  private var timer: Scheduled<Void>?

  init(_ deadline: Duration) { self.deadline = TimeAmount(deadline) }

  func handlerAdded(context: ChannelHandlerContext) { start(context) }

  func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

  func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
    guard let event = event as? ConnectionEvent else {
      context.triggerUserOutboundEvent(event, promise: promise)
      return
    }
    switch event {
    case .requestComplete: timer?.cancel()
    case .answered: start(context)
    case .end: context.close(promise: nil)
    }
    promise?.succeed()
  }

  private func start(_ context: ChannelHandlerContext) {
    timer?.cancel()
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: deadline) { context.close(promise: nil) }
  }
}
