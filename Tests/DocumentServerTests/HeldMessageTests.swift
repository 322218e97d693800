// SPDX-License-Identifier: GPL-3.0-or-later
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import DocumentServer

@Suite("Half a message keeps its room only so long")
struct HeldMessageTests {
  private let limits = ServerLimits()

  /// Half a message on a connection whose clock the test moves.
  private func half(_ count: @escaping @Sendable () -> Void) throws -> (EmbeddedChannel, EmbeddedEventLoop) {
    let loop = EmbeddedEventLoop()
    let handler = FrameHandler(budget: MemoryBudget(limit: 1 << 20), limits: limits, onSlowPeer: count)
    let channel = EmbeddedChannel(handler: handler, loop: loop)
    var bytes = channel.allocator.buffer(capacity: 100)
    bytes.writeInteger(UInt32(1000), endianness: .little)
    bytes.writeRepeatingByte(0, count: 90)
    try channel.writeInbound(bytes)
    return (channel, loop)
  }

  @Test("while the server does not read, the driver's time stands still, but not for ever")
  func held() throws {
    let counter = SlowCounter()
    let (channel, loop) = try half { counter.increase() }
    loop.advanceTime(by: TimeAmount(limits.heldMessageTime) - .seconds(1))
    #expect(counter.count == 0, "the server did not read")
    loop.advanceTime(by: .seconds(2))
    #expect(counter.count == 1)
    #expect(throws: SlowPeer.self) { try channel.throwIfErrorCaught() }
  }

  @Test("while the server reads, the driver has the time for one message and no more")
  func read() throws {
    let counter = SlowCounter()
    let (channel, loop) = try half { counter.increase() }
    channel.read()
    loop.advanceTime(by: TimeAmount(limits.messageTime) - .seconds(1))
    #expect(counter.count == 0)
    loop.advanceTime(by: .seconds(2))
    #expect(counter.count == 1)
    #expect(throws: SlowPeer.self) { try channel.throwIfErrorCaught() }
  }

  @Test("a message that became whole is watched no more")
  func whole() throws {
    let counter = SlowCounter()
    let (channel, loop) = try half { counter.increase() }
    channel.read()
    try channel.writeInbound(channel.allocator.buffer(repeating: 0, count: 1000 - 94))
    #expect(try channel.readInbound(as: IncomingMessage.self)?.bytes.count == 1000)
    loop.advanceTime(by: TimeAmount(limits.heldMessageTime) * 2)
    #expect(counter.count == 0)
    try channel.throwIfErrorCaught()
  }
}

/// How often a driver was found slow.
private final class SlowCounter: Sendable {
  private let value = Mutex(0)
  var count: Int { value.withLock { $0 } }
  func increase() { value.withLock { $0 += 1 } }
}
