// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Dispatch
import Logging
import ReplicationCore
import Testing
import Transport

@testable import Replication

@Suite("A member that takes nothing any more", .timeLimit(.minutes(10)))
struct SlowMemberTests {
  @Test("is not sent more and more entries; messages without entries still go")
  func bounded() async throws {
    let (primary, slow) = (NodeName(checked: "node-1"), NodeName(checked: "node-2"))
    let (ownKey, slowKey) = (try CurveIdentity.generate(), try CurveIdentity.generate())
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    var limits = TransportLimits.replication
    limits.highWaterMark = 1
    // Its thread hangs in the gate and hears nothing meanwhile, which must not end the connection.
    limits.heartbeatTimeoutMilliseconds = 300_000
    let gate = DispatchSemaphore(value: 0)
    let listener = MessageListener(
      port: 0, identity: slowKey, allowList: AllowList([ownKey.publicKey: .node(primary)]), limits: limits,
      logger: logger
    ) { event in if case .message = event { gate.wait() } }
    let port = try listener.start()
    let network = ReplicationNetwork(node: primary, boot: .random(), identity: ownKey, logger: logger)
    network.updatePeers([
      MemberAddress(
        node: slow, replicationAddress: "127.0.0.1:\(port)", driverAddress: "", publicKey: slowKey.publicKey.text)
    ])
    while network.load.counters.connected == 0 { await Task.yield() }

    let entry = LogEntry(
      position: LogPosition(term: 1, index: 1), kind: .data, payload: [UInt8](repeating: 7, count: 4 << 20))
    let entries = RaftMessage.appendEntries(
      AppendRequest(term: 1, previous: .origin, entries: [entry], commit: 0, round: 1))
    var highest = 0
    for _ in 0..<100 {
      network.send(entries, to: slow)
      highest = max(highest, network.load.outbound.bytes)
    }
    #expect(network.load.heldBack > 50)
    #expect(highest <= ReplicationNetwork.outboundByteLimit + 5 << 20)
    let before = network.load.outbound.messages
    network.send(.timeoutNow(TimeoutNow(term: 1)), to: slow)
    #expect(network.load.outbound.messages > 0 && before > 0, "what has no entries still waits behind them")
    for _ in 0..<200 { gate.signal() }
    network.close()
    listener.close()
  }
}
