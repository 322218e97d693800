// SPDX-License-Identifier: GPL-3.0-or-later
internal import NIOCore

/// One whole message of a driver, and the memory that is set aside for it until it is answered.
struct IncomingMessage: Sendable {
  let bytes: [UInt8]
  let share: MemoryBudget.Share?
}

/// The bytes of a reply, and the memory that is set aside for them until they have left.
struct OutgoingMessage: Sendable {
  let bytes: [UInt8]
  let share: MemoryBudget.Share?
}

/// A driver took longer for one message or one reply than the server's limits allow.
struct SlowPeer: Error {}

/// Cuts the stream of bytes into whole messages and puts replies into it, within the server's memory.
///
/// A length is refused before its bytes are waited for. A message that is not small is read only once there is room for
/// all of it: until then nothing is read from the socket, and the driver's own writes come to a halt. Whoever takes
/// too long for a message that has its room, or for a reply, loses the connection: otherwise a few idle connections
/// would keep the room from everybody else.
final class FrameHandler: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = IncomingMessage
  typealias OutboundIn = OutgoingMessage
  typealias OutboundOut = ByteBuffer

  private enum State {
    /// At the start of a message.
    case header
    /// Waits for room; nothing is read.
    case waiting(length: Int, MemoryBudget.Ticket)
    /// Takes in a message's bytes.
    case body(length: Int, MemoryBudget.Share?)
    /// The connection goes on no more.
    case ended
  }

  private let budget: MemoryBudget
  private let limits: ServerLimits
  private let permit: MessagePermit
  private let onSlowPeer: @Sendable () -> Void
  private var state = State.header
  /// What came in and is not in `body` yet.
  private var buffer = ByteBuffer()
  private var body: [UInt8] = []
  private var readWasAsked = false
  private var messageTimer: Scheduled<Void>?
  private var clock = MessageClock()
  private var replyTimer: Scheduled<Void>?
  private var repliesUnderWay = 0

  init(
    budget: MemoryBudget, limits: ServerLimits, permit: MessagePermit = MessagePermit(directory: nil),
    onSlowPeer: @escaping @Sendable () -> Void
  ) {
    self.budget = budget
    self.limits = limits
    self.permit = permit
    self.onSlowPeer = onSlowPeer
  }

  func read(context: ChannelHandlerContext) {
    if case .waiting = state {
      readWasAsked = true
    } else {
      clock.resume(context.eventLoop.now)
      context.read()
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    // Until somebody asks for more, a message that is not whole is not its driver's fault.
    clock.pause(context.eventLoop.now)
    context.fireChannelReadComplete()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var incoming = unwrapInboundIn(data)
    if buffer.readableBytes == 0 {
      buffer = incoming
    } else {
      buffer.discardReadBytes()
      buffer.writeBuffer(&incoming)
    }
    advance(context)
  }

  func handlerRemoved(context: ChannelHandlerContext) { end() }

  func channelInactive(context: ChannelHandlerContext) {
    end()
    context.fireChannelInactive()
  }

  /// Goes on as far as bytes and room allow.
  private func advance(_ context: ChannelHandlerContext) {
    while true {
      switch state {
      case .ended, .waiting: return
      case .header:
        guard let length = buffer.getInteger(at: buffer.readerIndex, endianness: .little, as: UInt32.self) else {
          return
        }
        guard length >= WireConstants.headerLength, length <= WireConstants.maximumMessageLength else {
          return fail(WireError("a message says it has \(length) bytes"), context)
        }
        guard length <= limits.loginMessageBytes || permit.allowsLarge else {
          return fail(WireError("a message of \(length) bytes came before the login"), context)
        }
        begin(length: Int(length), context)
      case .body(let length, let share):
        body += buffer.readBytes(length: min(buffer.readableBytes, length - body.count)) ?? []
        if buffer.readableBytes == 0 { buffer = ByteBuffer() }
        guard body.count == length else { return watchMessage(context) }
        messageTimer?.cancel()
        messageTimer = nil
        let message = IncomingMessage(bytes: body, share: share)
        body = []
        state = .header
        context.fireChannelRead(wrapInboundOut(message))
      }
    }
  }

  private func begin(length: Int, _ context: ChannelHandlerContext) {
    guard length > limits.freeMessageBytes else { return takeIn(length, nil) }
    // Twice: the bytes as they came, and the documents that are cut out of them.
    let (loop, bound) = (context.eventLoop, NIOLoopBound((self, context), eventLoop: context.eventLoop))
    let answer = budget.take(2 * length) { share in
      loop.execute {
        let (handler, context) = bound.value
        handler.granted(share, context)
      }
    }
    switch answer {
    case .share(let share): takeIn(length, share)
    case .later(let ticket): state = .waiting(length: length, ticket)
    }
  }

  private func granted(_ share: MemoryBudget.Share, _ context: ChannelHandlerContext) {
    // Otherwise the connection ended meanwhile, and the share goes back by itself.
    guard case .waiting(let length, _) = state else { return }
    takeIn(length, share)
    advance(context)
    guard readWasAsked else { return }
    readWasAsked = false
    read(context: context)
  }

  private func takeIn(_ length: Int, _ share: MemoryBudget.Share?) {
    state = .body(length: length, share)
    body.reserveCapacity(length)
  }

  private func watchMessage(_ context: ChannelHandlerContext) {
    guard messageTimer == nil else { return }
    clock.start(context.eventLoop.now)
    setMessageTimer(TimeAmount(limits.messageTime), context)
  }

  private func setMessageTimer(_ time: TimeAmount, _ context: ChannelHandlerContext) {
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    messageTimer = context.eventLoop.scheduleTask(in: time) {
      let (handler, context) = bound.value
      handler.messageTimeIsOver(context)
    }
  }

  /// Ends the connection, unless a part of the time is the server's own, in which it did not read.
  private func messageTimeIsOver(_ context: ChannelHandlerContext) {
    let now = context.eventLoop.now
    let rest = min(
      TimeAmount(limits.messageTime) - clock.spent(now), TimeAmount(limits.heldMessageTime) - clock.age(now))
    if rest > .zero { return setMessageTimer(max(rest, .milliseconds(1)), context) }
    onSlowPeer()
    fail(SlowPeer(), context)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    let reply = unwrapOutboundIn(data)
    repliesUnderWay += 1
    if repliesUnderWay == 1 { watchReplies(context) }
    let promise = promise ?? context.eventLoop.makePromise()
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    promise.futureResult.whenComplete { _ in
      withExtendedLifetime(reply.share) {}
      let (handler, context) = bound.value
      handler.replyLeft(context)
    }
    context.write(wrapOutboundOut(context.channel.allocator.buffer(bytes: reply.bytes)), promise: promise)
  }

  private func replyLeft(_ context: ChannelHandlerContext) {
    repliesUnderWay -= 1
    replyTimer?.cancel()
    if repliesUnderWay > 0 { watchReplies(context) }
  }

  private func watchReplies(_ context: ChannelHandlerContext) {
    if case .ended = state { return }
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    replyTimer = context.eventLoop.scheduleTask(in: TimeAmount(limits.replyTime)) {
      let (handler, context) = bound.value
      handler.onSlowPeer()
      handler.fail(SlowPeer(), context)
    }
  }

  private func fail(_ error: any Error, _ context: ChannelHandlerContext) {
    if case .ended = state { return }
    end()
    context.fireErrorCaught(error)
    context.close(promise: nil)
  }

  private func end() {
    if case .waiting(_, let ticket) = state { budget.giveUp(ticket) }
    state = .ended
    body = []
    buffer = ByteBuffer()
    messageTimer?.cancel()
    replyTimer?.cancel()
  }
}
