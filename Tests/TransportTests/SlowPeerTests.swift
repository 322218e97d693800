// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Dispatch
import Messages
import Testing

@testable import Transport

@Suite("A peer that does not take what it is sent", .timeLimit(.minutes(10)))
struct SlowPeerTests {
  @Test("leaves messages in the link's own queue, whose bytes are bounded, not in libzmq's")
  func keepsTheRest() async throws {
    var limits = Stage.limits
    limits.heartbeatIntervalMilliseconds = 0
    limits.highWaterMark = 2
    limits.linkSendHighWaterMark = 2
    let gate = DispatchSemaphore(value: 0)
    let (server, client) = (try CurveIdentity.generate(), try CurveIdentity.generate())
    let listener = MessageListener(
      port: 0, identity: server, allowList: AllowList([client.publicKey: .node(Stage.node)]), limits: limits,
      logger: Stage.quiet
    ) { event in
      // The peer's thread hangs in the first message.
      if case .message = event { gate.wait() }
    }
    let port = try listener.start()
    let link = try MessageLink(
      endpoint: "127.0.0.1:\(port)", serverKey: server.publicKey, identity: client, limits: limits,
      logger: Stage.quiet, onEvent: { _ in })
    try link.start()
    try await link.connected(within: .seconds(300))
    let payload = [UInt8](repeating: 7, count: 1 << 20)
    for number in 0..<64 { try link.send(Stage.heartbeat(UInt64(number)), payload: payload) }
    // The link's thread hands over all it can in one go.
    while link.counters.sent < 4 { await Task.yield() }
    #expect(link.outbound.messages > 32)
    #expect(link.outbound.bytes > 32 << 20)
    for _ in 0..<64 { gate.signal() }
    while link.outbound.messages > 0 { await Task.yield() }
    link.close()
    listener.close()
  }
}
